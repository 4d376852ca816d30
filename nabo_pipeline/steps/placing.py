"""Putting one object in its place and proving it: never over another one, never left there with other bytes.

What is put there, and what becomes of the file, is `steps.transfer`'s matter.
"""

from __future__ import annotations

import hashlib
import uuid

from migration_kit.accounting import State
from migration_kit.failures import TransientError
from nabo_pipeline.media.compression import Compressed
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.storage_errors import DuplicateError, MissingError, RefusedError

CONFLICT = "Another object stands at the target path"
UNEQUAL = "The object read back differs from what was sent"
TRIES = 2


def put(
    storage: Storage, bucket: str, path: str, result: Compressed, target_hash: str
) -> tuple[State, str | None]:
    """Uploads and reads back: state, and the reason if it is quarantined.

    An equal object that stands there is adopted, another one is never overwritten. An adopted object counts as migrated
    if it carries this migration's mark: an earlier run was lost between the upload and the ledger. What this very call
    wrote and reads back otherwise is taken away again, so that nobody takes it for somebody else's.
    """
    for _ in range(TRIES):
        attempt = uuid.uuid4().hex
        ours_perhaps, refusal = True, UNEQUAL
        try:
            storage.upload(bucket, path, result.data, result.mime, attempt=attempt)
        except RefusedError as error:
            return State.QUARANTINED, f"Storage refused the file: {error.reason}"
        except DuplicateError as error:
            ours_perhaps, refusal = error.own_try, CONFLICT
            if _hash_of(storage, bucket, path) == target_hash:
                ours = ours_perhaps or storage.is_marked(bucket, path)
                return (State.MIGRATED if ours else State.ALREADY_PRESENT), None
        else:
            if _hash_of(storage, bucket, path) == target_hash:
                return State.MIGRATED, None
        # Its own mark says whose it is: in between somebody may have put theirs there.
        if not ours_perhaps or not _is_of(storage, bucket, path, attempt):
            return State.QUARANTINED, refusal
        storage.remove(bucket, path)
    return State.QUARANTINED, UNEQUAL


def _hash_of(storage: Storage, bucket: str, path: str) -> str:
    try:
        return hashlib.sha256(storage.download(bucket, path)).hexdigest()
    except MissingError as error:
        raise TransientError("the object went away as it was looked at", item=f"{bucket}/{path}") from error


def _is_of(storage: Storage, bucket: str, path: str, attempt: str) -> bool:
    try:
        return storage.is_marked(bucket, path, attempt=attempt)
    except MissingError:
        return False
