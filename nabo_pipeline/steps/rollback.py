"""Taking back what this migration created: chunk by chunk, by the ledger, only what nobody changed since.

Rows first, in one transaction with the ledger and the history; then their objects; then the outcomes are forgotten.
A run that is lost anywhere in between leaves rows without harm (their objects stand) and a ledger from which another
rollback, or the migration itself, goes on. No row ever points at an object that was taken away here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import sha256_stream
from migration_kit.ledger import Entry
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.media.plans import BUCKETS
from nabo_pipeline.media.reconciliation import Whose
from nabo_pipeline.media.rollback import (
    NOT_IN_LEDGER,
    OBJECT_REPLACED_MEANWHILE,
    OBJECT_SHOWN_MEANWHILE,
    Counts,
    ObjectIs,
    RowIs,
    Standing,
    object_done,
    reason_to_stay,
    row_done,
)
from nabo_pipeline.steps.transfer import state_of_object
from nabo_pipeline.steps.verification import unexplained
from nabo_pipeline.stores.bucket_listing import stage_listing
from nabo_pipeline.stores.checks import CheckStore
from nabo_pipeline.stores.rollback import FoundRow, RollbackStore
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.storage_errors import MissingError

CHUNK = 200
"""Pictures at a time. What is hashed first goes seconds later: each object is asked for its version again then."""
MOST_UNREADABLE = 10
"""Objects that may be unreadable before a rollback stops: then it is Storage, not the objects."""

TAKEN_BACK = "taken back"
WOULD_GO = "would be taken back"
LEFT = "left"


@dataclass(frozen=True)
class Rollback:
    """What a rollback works with; Storage is safe to use from many threads."""

    store: RollbackStore
    storage: Storage
    run_id: str
    threads: int
    dry_run: bool
    require_turn: Callable[[], None]
    """Raises once the right to write this category is lost."""


@dataclass(frozen=True)
class Line:
    """What was done with one picture. `reason` is set where it was left."""

    entry: Entry
    done: str
    reason: str | None = None

    def to_report(self) -> dict[str, object]:
        """The line as the rollback's file has it."""
        detail = self.entry.detail
        return {
            "item": self.entry.item,
            "object": f"{detail['bucket']}/{detail['path']}",
            "row": (detail.get("row") or {}).get("id"),
            "done": self.done,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Looked:
    """What an object was when it was hashed; `version` was Storage's mark of it just before that."""

    object: ObjectIs
    why: str = ""
    version: str | None = None


@dataclass(frozen=True)
class Chunk:
    """What was done with some pictures."""

    lines: tuple[Line, ...]
    counts: Counts
    unreadable: int


def roll_back(work: Rollback, entries: Iterable[Entry]) -> Iterator[Chunk]:
    """Takes back, or with `dry_run` only tells of, everything that can go. `entries`: those that stand for an object.

    What somebody changed since is left with its reason. Stops early once many objects cannot be read.
    """
    unreadable = 0
    with item_executor("thread", work.threads) as executor:
        for chunk in chunked(entries, CHUNK):
            looked = bounded_map(
                executor, lambda entry: _object(work.storage, entry), chunk, window=2 * work.threads
            )
            objects = {entry.item: future.result() for entry, future in looked}
            work.require_turn()
            done = _chunk(work, executor, chunk, objects)
            yield done
            unreadable += done.unreadable
            if unreadable >= MOST_UNREADABLE:
                return


def unknown_to_ledger(
    checks: CheckStore, storage: Storage, category: str, threads: int
) -> Iterator[dict[str, object]]:
    """Rows and objects that are ours and in no outcome, as lines of the rollback's file: they are left."""
    bucket = BUCKETS[category]
    told: dict[str, object] = {
        "item": None,
        "object": None,
        "row": None,
        "done": LEFT,
        "reason": NOT_IN_LEDGER,
    }
    stage_listing(checks.connection, storage, bucket)
    checks.find_unexplained(category, bucket)
    for row, path in checks.stray_rows():
        yield told | {"row": row, "object": f"{bucket}/{path}"}
    with item_executor("thread", threads) as executor:
        for path, owner, _ in unexplained(checks, storage, executor, bucket, threads, None):
            if owner is Whose.OURS_BY_MARK:
                yield told | {"object": f"{bucket}/{path}"}


def _object(storage: Storage, entry: Entry) -> Looked:
    bucket, path = entry.detail["bucket"], entry.detail["path"]
    try:
        version = storage.version(bucket, path)
        data = storage.download(bucket, path)
    except MissingError:
        return Looked(ObjectIs.GONE)
    except PermanentError as error:
        return Looked(ObjectIs.UNREADABLE, error.reason)
    same = sha256_stream([data]) == entry.target_hash
    return Looked(ObjectIs.AS_WRITTEN if same else ObjectIs.REPLACED, version=version)


def _chunk(
    work: Rollback, executor: Executor, entries: Sequence[Entry], objects: Mapping[str, Looked]
) -> Chunk:
    with work.store.transaction():
        rows = work.store.rows(entries, lock=not work.dry_run)
        found = {entry.item: _standing(rows[entry.item], objects[entry.item]) for entry in entries}
        stay = {item: reason for item, standing in found.items() if (reason := reason_to_stay(standing))}
        # Of an object that others put there and that never got a row of ours, nothing is ours.
        goes = [
            one for one in entries if one.item not in stay and (_created(one) or _wrote_row(found[one.item]))
        ]
        removing = [one for one in goes if _created(one) and found[one.item].object is ObjectIs.AS_WRITTEN]
        if goes and not work.dry_run:
            done = {
                one.item: (row_done(found[one.item]), object_done(found[one.item], created=_created(one)))
                for one in goes
            }
            work.store.begin(goes, done, work.run_id)
            objectless = {one.item for one in goes} - {one.item for one in removing}
            work.store.finish(sorted(objectless))
    if removing and not work.dry_run:
        stay |= _remove_objects(work, executor, removing, objects)
    taken = WOULD_GO if work.dry_run else TAKEN_BACK
    lines = [Line(one, LEFT, stay[one.item]) for one in entries if one.item in stay]
    lines += [Line(one, taken) for one in goes if one.item not in stay]
    counts = sum((_count(line, found[line.entry.item]) for line in lines), Counts())
    return Chunk(tuple(lines), counts, sum(one.object is ObjectIs.UNREADABLE for one in found.values()))


def _standing(row: FoundRow, looked: Looked) -> Standing:
    return Standing(row.row, looked.object, row.shown_by_others, row.referring_table, looked.why)


def _created(entry: Entry) -> bool:
    return state_of_object(entry) is State.MIGRATED


def _wrote_row(found: Standing) -> bool:
    return found.row is not RowIs.NEVER_WRITTEN


def _remove_objects(
    work: Rollback, executor: Executor, entries: Sequence[Entry], objects: Mapping[str, Looked]
) -> dict[str, str]:
    """Takes objects away whose rows have gone; returns why some stay: somebody shows or has replaced them by now."""
    bucket = str(entries[0].detail["bucket"])
    paths = {one.item: str(one.detail["path"]) for one in entries}
    with work.store.transaction():
        shown = work.store.shown([*paths.values()])
        stay = {item: OBJECT_SHOWN_MEANWHILE for item, path in paths.items() if path in shown}
        versions = executor.map(lambda path: work.storage.version(bucket, path), paths.values())
        for item, version in zip(paths, versions, strict=True):
            if version not in (None, objects[item].version):
                stay.setdefault(item, OBJECT_REPLACED_MEANWHILE)
        going = [item for item in paths if item not in stay]
        if going:
            _remove(work.storage, bucket, [paths[item] for item in going])
        work.store.finish(sorted(going))
    return stay


def _remove(storage: Storage, bucket: str, paths: Sequence[str]) -> None:
    """Raises PermanentError if an object still stands: Storage tells of a removal that was not allowed by silence."""
    for path in sorted({*paths} - storage.remove_all(bucket, paths)):
        if storage.size(bucket, path) is not None:
            raise PermanentError(
                "Storage did not remove the object",
                item=f"{bucket}/{path}",
                remedy="Check that SUPABASE_SERVICE_ROLE_KEY may delete objects, then roll back again.",
            )


def _count(line: Line, found: Standing) -> Counts:
    if line.done == LEFT:
        return Counts(left=1)
    created = _created(line.entry)
    removes = created and found.object is ObjectIs.AS_WRITTEN
    return Counts(
        pictures=1,
        rows=int(found.row is RowIs.AS_WRITTEN),
        rows_gone=int(found.row is RowIs.GONE),
        objects=int(removes),
        objects_gone=int(created and not removes),
        objects_not_ours=int(not created),
        freed=int(line.entry.detail["bytes"]) if removes else 0,
    )
