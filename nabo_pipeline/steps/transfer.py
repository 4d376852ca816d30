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
from migration_kit.failures import MigrationError, TransientError
from migration_kit.ledger import Entry
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.codecs.compress import compress
from nabo_pipeline.codecs.isolation import IsolatedWorkers, WorkerDiedError
from nabo_pipeline.media import compression
from nabo_pipeline.media.compression import Compressed, Rejected, Settings, Task
from nabo_pipeline.media.file_types import EXTENSIONS
from nabo_pipeline.media.plans import HAS_AVATAR, BucketRules, PlanItem
from nabo_pipeline.stores.backup import Backup, UnreadableError
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.storage_errors import DuplicateError, MissingError, RefusedError

DONE = (State.MIGRATED, State.ALREADY_PRESENT)

MOST_FAILURES = 10
"""Files that may fail for reasons that are not theirs before no new ones are begun."""

CONFLICT = "Another object stands at the target path"
CHANGED = "Source changed since the plan was made"
_WAS = "was"
"""In the detail of a quarantined file: the state of what was migrated of it before, and stands."""
REPLACED = "Source changed since it was migrated; what was migrated stands"
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

    A file that something else than itself kept back (a server, a network, a wrong key) is not judged and does not stop
    its neighbours; the first such failure is raised after them. `known`: entries of earlier runs by item.
    `foreign_avatars`: owners whose avatar others have set meanwhile.
    """
    avatars = {
        str(entry.detail.get("owner")): entry.item
        for entry in known.values()
        if stands_for_object(entry) and entry.detail.get("media_type") == "avatar"
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
                # One that is ours already is looked after where its row is written, or was.
                if (taken or item.owner in foreign_avatars) and not stands_for_object(known.get(item.item)):
                    yield carrier.outcome(item, State.EXCLUDED, HAS_AVATAR)
                else:
                    free.append(item)
            failures: list[MigrationError] = []
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
                except MigrationError as error:
                    failures.append(error)
                    continue
                if entry.state in DONE and item.media_type == "avatar":
                    avatars[item.owner or ""] = item.item
                yield entry
            if failures:
                raise failures[0]


def carry(carrier: Carrier, item: PlanItem, known: Entry | None) -> Entry:
    """One file. What is its own fault ends in a quarantine; everything else is raised after its retries."""
    ours = known if known is not None and _stands(carrier, item, known) else None
    if ours is not None and ours.state in DONE and ours.detail.get("version") == item.version:
        return ours
    started = time.monotonic()
    try:
        data = carrier.backup.read(item.item, at_most=carrier.settings.max_bytes)
    except UnreadableError as error:
        return _quarantined(carrier, item, f"Source cannot be read: {error.reason}", ours)
    if len(data) != item.size and item.size <= carrier.settings.max_bytes:
        return _quarantined(carrier, item, CHANGED, ours)
    source_hash = hashlib.sha256(data).hexdigest()
    if ours is not None:
        # Nothing is overwritten, and a second picture beside the first would be shown twice, or not at all.
        same = ours.source_hash == source_hash
        return _unchanged(ours, item) if same else _quarantined(carrier, item, REPLACED, ours)
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


def stands_for_object(known: Entry | None) -> bool:
    """Whether an entry stands for an object that was verified; also that of a file which has changed since."""
    return known is not None and (known.state in DONE or _WAS in known.detail)


def _quarantined(carrier: Carrier, item: PlanItem, reason: str, ours: Entry | None) -> Entry:
    """The file is quarantined. What an earlier run made of it stands, and stays in the ledger with its hashes."""
    if ours is None:
        return carrier.outcome(item, State.QUARANTINED, reason)
    kept = {_WAS: str(ours.state), **ours.detail}
    return carrier.outcome(
        item,
        State.QUARANTINED,
        reason,
        source_hash=ours.source_hash,
        target_hash=ours.target_hash,
        detail=kept,
    )


def _unchanged(ours: Entry, item: PlanItem) -> Entry:
    """The bytes that were migrated, under a new version mark (a copied backup) or after they had been others."""
    detail = {name: value for name, value in ours.detail.items() if name != _WAS}
    return replace(ours, state=state_of_object(ours), reason=None, detail={**detail, "version": item.version})


def state_of_object(entry: Entry) -> State:
    """Whether the object that an entry stands for was migrated, or was already present."""
    return State(entry.detail.get(_WAS, entry.state))


def _stands(carrier: Carrier, item: PlanItem, known: Entry) -> bool:
    """Whether an earlier run verified this file at this place, and the object still stands."""
    detail = known.detail
    if not stands_for_object(known):
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
    """Uploads and reads back. An equal object that stands there is adopted, another one is never overwritten.

    An adopted object counts as migrated if it carries this migration's mark: an earlier run was lost between the upload
    and the ledger.
    """
    state = State.MIGRATED
    try:
        storage.upload(bucket, path, result.data, result.mime)
    except DuplicateError as error:
        if _hash_of(storage, bucket, path) != target_hash:
            return State.QUARANTINED, CONFLICT
        ours = error.own_try or storage.is_marked(bucket, path)
        return (State.MIGRATED if ours else State.ALREADY_PRESENT), None
    except RefusedError as error:
        return State.QUARANTINED, f"Storage refused the file: {error.reason}"
    if _hash_of(storage, bucket, path) != target_hash:
        return State.QUARANTINED, UNEQUAL
    return state, None


def _hash_of(storage: Storage, bucket: str, path: str) -> str:
    try:
        return hashlib.sha256(storage.download(bucket, path)).hexdigest()
    except MissingError as error:
        raise TransientError("the object went away as it was looked at", item=f"{bucket}/{path}") from error


def _detail(item: PlanItem, path: str, result: Compressed) -> dict[str, Any]:
    return {
        "bucket": item.bucket, "path": path, "mime": result.mime, "source_bytes": item.size,
        "bytes": len(result.data), "verdict": result.verdict, "similarity": result.similarity,
        "width": result.width, "height": result.height, "frames": result.frames, "version": item.version,
        "media_type": item.media_type, "owner": item.owner, "service": item.service, "chat_message": item.chat_message,
    }  # fmt: skip
