"""Carrying pictures over: read, compress in an isolated process, upload, read back. One file never stops another.

Compression and network overlap: each file is carried by one of a few threads, which waits for one of the worker
processes only while its picture is compressed. However many files there are, only a chunk of them is in memory.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from migration_kit.accounting import State
from migration_kit.failures import MigrationError
from migration_kit.ledger import Entry
from migration_kit.ledger.postgres import PostgresLedger
from migration_kit.pictures.file_types import EXTENSIONS
from migration_kit.pictures.isolation import IsolatedWorkers
from migration_kit.progress import track
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.codecs.isolated import compress_isolated
from nabo_pipeline.media import compression
from nabo_pipeline.media.compression import Compressed, Rejected, Settings, Task
from nabo_pipeline.media.plans import HAS_AVATAR, BucketRules, PlanItem
from nabo_pipeline.steps.placing import put
from nabo_pipeline.stores import outcomes, pending
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.backup_errors import UnreadableError
from nabo_pipeline.stores.bucket_listing import stage_listing
from nabo_pipeline.stores.outcomes import Outcome
from nabo_pipeline.stores.pending import Pending
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.target import Target

DONE = (State.MIGRATED, State.ALREADY_PRESENT)

MOST_FAILURES = 10
"""Files that may fail for reasons that are not theirs before no new ones are begun."""

RECORD_EVERY = 50
"""Outcomes kept back before they are written: what a crash costs to be looked at again."""

CHANGED = "Source changed since the plan was made"
_WAS = "was"
"""In the detail of a quarantined file: the state of what was migrated of it before, and stands."""
REPLACED = "Source changed since it was migrated; what was migrated stands"
MOVED = "Its target place changed since it was migrated; what was migrated stands"
RENAMED = "Its object has gone, and would have another type now"


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
    carrier: Carrier, ledger: PostgresLedger, target: Target, *, threads: int, log: Callable[[str], None]
) -> int:
    """Carries over what the plan means to migrate and the ledger does not call done; returns the entries written.

    What somebody deleted in the app is noted first, and never carried again. Alternates go after the files that they
    stand in for. Outcomes are recorded as they come; also those that came
    before a failure.
    """
    bucket, connection = carrier.rules.name, target.connection
    stage_listing(connection, carrier.storage, bucket)
    written = pending.settle_taken_away(connection, carrier.partition, carrier.run_id, carrier.batch_id)
    queued = pending.queue(connection, carrier.partition)
    for alternates, files in ((False, queued.first), (True, queued.alternates)):
        if not files:
            continue
        what = f"carrying {carrier.partition} pictures"
        results = carry_wave(carrier, _pending(target, alternates=alternates), threads=threads)
        told = track(results, total=files, log=log, what=what, size=_source_bytes)
        written += _record(ledger, target, carrier.partition, told)
    return written


def _source_bytes(outcome: Outcome) -> int:
    return int(outcome.entry.detail.get("source_bytes", 0))


def _pending(target: Target, *, alternates: bool) -> Iterator[Pending]:
    """The queued files, chunk by chunk, each with the avatars as they are by then."""
    for chunk in pending.pending_chunks(target.connection, alternates=alternates):
        owners = {one.item.owner for one in chunk if one.item.owner and one.item.media_type == "avatar"}
        foreign = target.foreign_avatars(owners) if owners else frozenset[str]()
        yield from (replace(one, taken=one.taken or one.item.owner in foreign) for one in chunk)


def _record(ledger: PostgresLedger, target: Target, partition: str, results: Iterable[Outcome]) -> int:
    waiting: list[Outcome] = []
    written = 0
    try:
        for outcome in results:
            waiting.append(outcome)
            if len(waiting) >= RECORD_EVERY:
                written += outcomes.record_outcomes(ledger, target.connection, partition, waiting)
                waiting = []
    finally:
        written += outcomes.record_outcomes(ledger, target.connection, partition, waiting)
    return written


def carry_wave(carrier: Carrier, files: Iterable[Pending], *, threads: int) -> Iterator[Outcome]:
    """The outcome of every file, as they come; `threads` at once, the others are not even drawn yet.

    A file that something else than itself kept back (a server, a network, a wrong key) is not judged and does not stop
    its neighbours; the first such failure is raised after them.
    """
    failures: list[MigrationError] = []
    with item_executor("thread", threads) as executor:
        results = bounded_map(
            executor,
            lambda one: _outcome(carrier, one),
            # A store that is down fails file after file: no new ones are begun then.
            takewhile(lambda _: len(failures) < MOST_FAILURES, files),
            window=2 * threads,
        )
        for one, future in results:
            try:
                entry = future.result()
            except MigrationError as error:
                failures.append(error)
                continue
            yield Outcome(entry, one.known)
    if failures:
        raise failures[0]


def _outcome(carrier: Carrier, one: Pending) -> Entry:
    # One that is ours already is looked after where its row is written, or was.
    if one.taken and not stands_for_object(one.known):
        return carrier.outcome(one.item, State.EXCLUDED, HAS_AVATAR)
    return carry(carrier, one.item, one.known)


def carry(carrier: Carrier, item: PlanItem, known: Entry | None) -> Entry:
    """One file. What is its own fault ends in a quarantine; everything else is raised after its retries.

    Nothing is overwritten, and a second picture beside the first would be shown twice, or not at all: what was migrated
    of a file stays where it is and in the ledger, whatever has become of file, object or place since.
    """
    before = known if known is not None and stands_for_object(known) else None
    if before is None:
        return _migrate(carrier, item)
    if not _has_place(before, item):
        return _kept(carrier, item, MOVED, before)
    if _stands(carrier, before):
        return _look_again(carrier, item, before)
    if "row" not in before.detail:
        return _migrate(carrier, item)  # nothing is left of it
    again = _migrate(carrier, item, only=str(before.detail["path"]))
    return again if again.reason is None else _kept(carrier, item, again.reason, before)


def _look_again(carrier: Carrier, item: PlanItem, before: Entry) -> Entry:
    """A file whose object stands: only where its version mark is another one is it read."""
    if before.state in DONE and before.detail.get("version") == item.version:
        return before
    data = _read(carrier, item)
    if isinstance(data, str):
        return _kept(carrier, item, data, before)
    same = before.source_hash == hashlib.sha256(data).hexdigest()
    return _unchanged(before, item) if same else _kept(carrier, item, REPLACED, before)


def _migrate(carrier: Carrier, item: PlanItem, *, only: str | None = None) -> Entry:
    """A file of which nothing stands; `only`: the one path that it may get, since a row shows it there."""
    started = time.monotonic()
    data = _read(carrier, item)
    if isinstance(data, str):
        return carrier.outcome(item, State.QUARANTINED, data)
    source_hash = hashlib.sha256(data).hexdigest()
    result = _compressed(carrier, item, data)
    if isinstance(result, Rejected):
        return carrier.outcome(item, result.state, result.reason, source_hash=source_hash)
    path = f"{item.stem}.{EXTENSIONS[result.mime]}"
    if only not in (None, path):
        return carrier.outcome(item, State.QUARANTINED, RENAMED)
    target_hash = hashlib.sha256(result.data).hexdigest()
    state, reason = put(carrier.storage, item.bucket, path, result, target_hash)
    detail = _detail(item, path, result)
    detail["seconds"] = round(time.monotonic() - started, 3)
    return carrier.outcome(
        item, state, reason, source_hash=source_hash, target_hash=target_hash, detail=detail
    )


def _read(carrier: Carrier, item: PlanItem) -> bytes | str:
    """The file's bytes, or the reason why there are none to go by."""
    try:
        data = carrier.backup.read(item.item, at_most=carrier.settings.max_bytes)
    except UnreadableError as error:
        return f"Source cannot be read: {error.reason}"
    changed = len(data) != item.size and item.size <= carrier.settings.max_bytes
    return CHANGED if changed else data


def stands_for_object(known: Entry | None) -> bool:
    """Whether an entry stands for an object that was verified; also that of a file which has changed since."""
    return known is not None and (known.state in DONE or _WAS in known.detail)


def _kept(carrier: Carrier, item: PlanItem, reason: str, before: Entry) -> Entry:
    """The file is quarantined. What an earlier run made of it stays in the ledger with its hashes and its row."""
    return carrier.outcome(
        item,
        State.QUARANTINED,
        reason,
        source_hash=before.source_hash,
        target_hash=before.target_hash,
        detail={_WAS: str(state_of_object(before)), **before.detail},
    )


def _unchanged(ours: Entry, item: PlanItem) -> Entry:
    """The bytes that were migrated, under a new version mark (a copied backup) or after they had been others."""
    detail = {name: value for name, value in ours.detail.items() if name != _WAS}
    return replace(ours, state=state_of_object(ours), reason=None, detail={**detail, "version": item.version})


def state_of_object(entry: Entry) -> State:
    """Whether the object that an entry stands for was migrated, or was already present."""
    return State(entry.detail.get(_WAS, entry.state))


def _has_place(before: Entry, item: PlanItem) -> bool:
    """Whether the plan has the file where it was migrated to."""
    stem = str(before.detail.get("path")).rpartition(".")[0]
    return (before.detail.get("bucket"), stem) == (item.bucket, item.stem)


def _stands(carrier: Carrier, before: Entry) -> bool:
    """Whether the object that an earlier run verified still stands."""
    detail = before.detail
    return carrier.storage.size(str(detail["bucket"]), str(detail["path"])) == detail.get("bytes")


def _compressed(carrier: Carrier, item: PlanItem, data: bytes) -> Compressed | Rejected:
    task = Task(
        data, item.mime, carrier.rules.types, carrier.rules.size_limit, compression.MAX_SIDE.get(item.bucket),
        carrier.settings,
    )  # fmt: skip
    return compress_isolated(carrier.workers, task)


def _detail(item: PlanItem, path: str, result: Compressed) -> dict[str, Any]:
    return {
        "bucket": item.bucket, "path": path, "mime": result.mime, "source_bytes": item.size,
        "bytes": len(result.data), "verdict": result.verdict, "similarity": result.similarity,
        "width": result.width, "height": result.height, "frames": result.frames, "version": item.version,
        "media_type": item.media_type, "owner": item.owner, "service": item.service, "chat_message": item.chat_message,
    }  # fmt: skip
