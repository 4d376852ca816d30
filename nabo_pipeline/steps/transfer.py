"""Carrying pictures over: read, compress in an isolated process, upload, read back. One file never stops another.

Compression and network overlap: each file is carried by one of a few threads, which waits for one of the worker
processes only while its picture is compressed. The outcome of each file is handed back; who calls records it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from migration_kit.accounting import State
from migration_kit.failures import PermanentError, TransientError
from migration_kit.ledger import Entry
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.codecs.compress import compress
from nabo_pipeline.codecs.isolation import IsolatedWorkers, WorkerDiedError
from nabo_pipeline.media import compression
from nabo_pipeline.media.compression import Compressed, Rejected, Settings, Task
from nabo_pipeline.media.file_types import EXTENSIONS
from nabo_pipeline.media.plans import HAS_AVATAR, BucketRules, PlanItem
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.storage import DuplicateError, Storage

DONE = (State.MIGRATED, State.ALREADY_PRESENT)

MOST_FAILURES = 10
"""Files that may fail by passing failures before no new ones are begun."""

CONFLICT = "Another object stands at the target path"
CHANGED = "Source changed since the plan was made"
UNEQUAL = "The object read back differs from what was sent"


@dataclass(frozen=True)
class Carrier:
    """What a transfer works with; safe to use from many threads."""

    backup: Backup
    storage: Storage
    workers: IsolatedWorkers
    rules: BucketRules
    settings: Settings
    partition: str
    run_id: str
    batch_id: str

    def outcome(self, item: PlanItem, state: State, reason: str | None = None, **more: Any) -> Entry:
        """A ledger entry of this run."""
        return Entry(
            item.item, self.partition, state, reason, run_id=self.run_id, batch_id=self.batch_id, **more
        )


def carry_all(
    carrier: Carrier,
    items: Iterable[PlanItem],
    known: Mapping[str, Entry],
    foreign_avatars: Collection[str],
    *,
    threads: int,
) -> Iterator[Entry]:
    """The outcome of every file that is to be migrated, as they come; alternates after the files they stand in for.

    A file that a passing failure kept back does not stop its neighbours; the first such failure is raised after them.
    `known`: entries of earlier runs by item. `foreign_avatars`: owners whose avatar others have set meanwhile.
    """
    avatars = {
        str(entry.detail.get("owner")): entry.item
        for entry in known.values()
        if entry.state in DONE and entry.detail.get("media_type") == "avatar"
    }
    planned = [item for item in items if item.migrates]
    with item_executor("thread", threads) as executor:
        for wave in (
            [item for item in planned if item.alternate_of is None],
            [item for item in planned if item.alternate_of is not None],
        ):
            free = []
            for item in wave:
                taken = item.media_type == "avatar" and avatars.get(item.owner or "", item.item) != item.item
                if taken or item.owner in foreign_avatars:
                    yield carrier.outcome(item, State.EXCLUDED, HAS_AVATAR)
                else:
                    free.append(item)
            failures: list[TransientError] = []
            results = bounded_map(
                executor,
                lambda item: carry(carrier, item, known.get(item.item)),
                # A store that is down fails file after file: no new ones are begun then.
                takewhile(lambda _: len(failures) < MOST_FAILURES, free),  # noqa: B023 - drawn in this very loop
                window=2 * threads,
            )
            for item, future in results:
                try:
                    entry = future.result()
                except TransientError as error:
                    failures.append(error)
                    continue
                if entry.state in DONE and item.media_type == "avatar":
                    avatars[item.owner or ""] = item.item
                yield entry
            if failures:
                raise failures[0]


def carry(carrier: Carrier, item: PlanItem, known: Entry | None) -> Entry:
    """One file. Permanent failures end in a quarantine; transient ones are raised after their retries."""
    stands = known is not None and _stands(carrier, item, known)
    if known is not None and stands and known.detail.get("version") == item.version:
        return known
    started = time.monotonic()
    try:
        data = carrier.backup.read(item.item, at_most=carrier.settings.max_bytes)
    except PermanentError as error:
        return carrier.outcome(item, State.QUARANTINED, f"Source cannot be read: {error.reason}")
    if len(data) != item.size and item.size <= carrier.settings.max_bytes:
        return carrier.outcome(item, State.QUARANTINED, CHANGED)
    source_hash = hashlib.sha256(data).hexdigest()
    if known is not None and stands and known.source_hash == source_hash:
        # The same bytes under a new version mark: the backup was copied, not changed.
        return replace(known, detail={**known.detail, "version": item.version})
    result = _compressed(carrier, item, data)
    if isinstance(result, Rejected):
        return carrier.outcome(item, result.state, result.reason, source_hash=source_hash)
    path = f"{item.stem}.{EXTENSIONS[result.mime]}"
    target_hash = hashlib.sha256(result.data).hexdigest()
    state, reason = _put(carrier.storage, item.bucket, path, result, target_hash)
    detail = _detail(item, path, result)
    detail["seconds"] = round(time.monotonic() - started, 3)
    return carrier.outcome(
        item, state, reason, source_hash=source_hash, target_hash=target_hash, detail=detail
    )


def _stands(carrier: Carrier, item: PlanItem, known: Entry) -> bool:
    """Whether an earlier run verified this file at this place, and the object still stands."""
    detail = known.detail
    if known.state not in DONE:
        return False
    path = str(detail.get("path"))
    if detail.get("bucket") != item.bucket or path.rpartition(".")[0] != item.stem:
        return False
    return carrier.storage.size(item.bucket, path) == detail.get("bytes")


def _compressed(carrier: Carrier, item: PlanItem, data: bytes) -> Compressed | Rejected:
    task = Task(
        data, item.mime, carrier.rules.types, carrier.rules.size_limit, compression.MAX_SIDE.get(item.bucket),
        carrier.settings,
    )  # fmt: skip
    try:
        return carrier.workers.run(compress, task)
    except WorkerDiedError as error:
        return Rejected(State.QUARANTINED, compression.TOO_SLOW if error.timed_out else compression.CRASHED)
    except MemoryError:
        return Rejected(State.QUARANTINED, compression.TOO_BIG)


def _put(
    storage: Storage, bucket: str, path: str, result: Compressed, target_hash: str
) -> tuple[State, str | None]:
    """Uploads and reads back. An equal object that stands there is adopted, another one is never overwritten."""
    state = State.MIGRATED
    try:
        storage.upload(bucket, path, result.data, result.mime)
    except DuplicateError as error:
        there = hashlib.sha256(storage.download(bucket, path)).hexdigest()
        if there != target_hash:
            return State.QUARANTINED, CONFLICT
        state = State.MIGRATED if error.own_try else State.ALREADY_PRESENT
        return state, None
    except PermanentError as error:
        if "403" in error.reason or "Bucket not found" in error.reason:
            raise  # Wrong for every file: no reason to quarantine each of them.
        return State.QUARANTINED, f"Storage refused the file: {error.reason}"
    if hashlib.sha256(storage.download(bucket, path)).hexdigest() != target_hash:
        return State.QUARANTINED, UNEQUAL
    return state, None


def _detail(item: PlanItem, path: str, result: Compressed) -> dict[str, Any]:
    return {
        "bucket": item.bucket, "path": path, "mime": result.mime, "source_bytes": item.size,
        "bytes": len(result.data), "verdict": result.verdict, "similarity": result.similarity,
        "width": result.width, "height": result.height, "frames": result.frames, "version": item.version,
        "media_type": item.media_type, "owner": item.owner, "service": item.service, "chat_message": item.chat_message,
    }  # fmt: skip
