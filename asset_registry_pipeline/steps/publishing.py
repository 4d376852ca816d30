"""Publishing a range of a layer, chunk by chunk: each staged document with its ledger record, none ever overwritten.

What is new goes in without a look beforehand; only what then turns out to be there already, or is recorded, is compared
one by one. Which layers may be published, and whether a layer has passed, is for `apply`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from asset_registry_pipeline.registry.outcomes import (
    DAMAGED,
    IN_DEVELOPMENT,
    REFUSED,
    STAYS,
    SUPERSEDED,
    was_published,
    written_mark,
)
from asset_registry_pipeline.registry.transform import WAITING, Disposition
from asset_registry_pipeline.steps import settling
from asset_registry_pipeline.steps.plan import outcome_line
from asset_registry_pipeline.steps.settling import Settled, Verdict
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.candidate_rows import Candidate
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from asset_registry_pipeline.stores.refusals import refused_by_server
from migration_kit.accounting import State
from migration_kit.fingerprints import SetDigest
from migration_kit.ledger import Entry
from migration_kit.mongo import transient_errors

_CHUNK_DOCUMENTS, _CHUNK_BYTES = 1_000, 8 * 1024 * 1024
# New documents do not wait for a majority, chunk by chunk: what a lost server takes back it takes back with their
# records. That the layer is published is said by writes which a majority has, and then that has all before them.
_NOT_WAITED_FOR = WriteConcern(w=1)
_ATTEMPTS = 3
_STATES = {
    Disposition.HELD: State.HELD,
    Disposition.EXCLUDED: State.EXCLUDED,
    Disposition.QUARANTINED: State.QUARANTINED,
}


@dataclass
class Tally:
    """What publishing a range did: documents written and their bytes; `outcomes`: the digest of all found staged."""

    written: int = 0
    bytes: int = 0
    outcomes: SetDigest = field(default_factory=SetDigest)

    def __iadd__(self, other: "Tally") -> "Tally":
        self.written += other.written
        self.bytes += other.bytes
        self.outcomes.update(other.outcomes)
        return self


@dataclass(frozen=True)
class _Run:
    """Who publishes what."""

    registry: Registry
    layer: str
    run_id: str
    batch: str


def publish_range(registry: Registry, layer: str, within: IdRange, *, run_id: str, batch: str) -> Tally:
    """Write what is ready and not there, and record an outcome for every staged document of the range.

    Raises:
        PermanentError: development may not be written to.
        TransientError: the server was lost; a new run takes up what is left.
    """
    run = _Run(registry, layer, run_id, batch)
    tally = Tally()
    with transient_errors("development"):
        for chunk in _chunks(registry.workspace.candidates(layer, within), tally.outcomes):
            known = {
                entry.item: entry for entry in registry.ledger.entries(items=[one.item for one in chunk])
            }
            settled = _publish_chunk(run, chunk, known)
            tally.written += len(settled.written)
            tally.bytes += sum(settled.written)
            migrated, failed = _gained(layer, settled.entries, {**known, **settled.known})
            registry.progress.advance(layer, migrated=migrated, failed=failed, current=chunk[-1].label)
    return tally


def _chunks(candidates: Iterable[Candidate], outcomes: SetDigest) -> Iterator[list[Candidate]]:
    chunk: list[Candidate] = []
    size = 0
    for candidate in candidates:
        outcomes.add(outcome_line(candidate))
        length = len(candidate.raw or b"")
        if chunk and (len(chunk) >= _CHUNK_DOCUMENTS or size + length > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(candidate)
        size += length
    if chunk:
        yield chunk


def _publish_chunk(run: _Run, chunk: Sequence[Candidate], known: Mapping[str, Entry]) -> Settled:
    new: list[Candidate] = []
    others: list[Candidate] = []
    for candidate in chunk:
        unheard_of = candidate.item not in known and not run.registry.in_place
        (new if unheard_of and _may_be_written(candidate) else others).append(candidate)
    settled = Settled()
    if new and not _insert_new(run, new, settled):
        others += new
    return settled if not others else settled + _settle(run, others)


def _may_be_written(candidate: Candidate) -> bool:
    return candidate.disposition is Disposition.READY and not _damaged(candidate)


def _damaged(candidate: Candidate) -> bool:
    """What was staged may have been changed since: only bytes that still are what was planned are written."""
    return candidate.raw is None or codec.content_hash(candidate.raw) != candidate.target_hash


def _insert_new(run: _Run, new: Sequence[Candidate], settled: Settled) -> bool:
    """Write documents that nobody has recorded; False, with nothing written, where one of them is refused."""
    raws = [candidate.raw or b"" for candidate in new]
    entries = [_entry(run, candidate, {}, State.MIGRATED) for candidate in new]
    development, ledger = run.registry.development, run.registry.ledger
    try:
        with development.session() as session:

            def both(session: ClientSession) -> None:
                development.insert(raws, session)
                ledger.add(entries, session=session)

            session.with_transaction(both, write_concern=_NOT_WAITED_FOR)
    except OperationFailure as error:
        if error.has_error_label("TransientTransactionError"):
            raise
        refused_by_server(error)
        return False
    settled.written += map(len, raws)
    settled.entries += entries
    return True


def _settle(run: _Run, chunk: Sequence[Candidate]) -> Settled:
    """Compare a chunk, write what may be and record all, in one transaction; where its content fails, in halves."""
    words = ""
    for _ in range(_ATTEMPTS):
        try:
            with run.registry.development.session() as session:
                return session.with_transaction(lambda session: _settle_once(run, chunk, session))
        except OperationFailure as error:
            if error.has_error_label("TransientTransactionError"):
                raise
            duplicate, words = refused_by_server(error)
            # A duplicate is most likely a second runner's work: look again, it may be equal by now.
            if not duplicate:
                break
    if len(chunk) > 1:
        half = len(chunk) // 2
        return _settle(run, chunk[:half]) + _settle(run, chunk[half:])
    known = {entry.item: entry for entry in run.registry.ledger.entries(items=[chunk[0].item])}
    entries = [_entry(run, chunk[0], known, State.QUARANTINED, REFUSED, detail={"why": words})]
    run.registry.ledger.record(entries)
    return Settled(entries=entries, known=known)


def _settle_once(run: _Run, chunk: Sequence[Candidate], session: ClientSession) -> Settled:
    registry = run.registry
    known = {
        entry.item: entry
        for entry in registry.ledger.entries(items=[one.item for one in chunk], session=session)
    }
    judge = settling.in_place if registry.in_place else settling.copying
    writable: list[Candidate] = []
    left_out: list[Candidate] = []
    for one in chunk:
        (writable if _may_be_written(one) else left_out).append(one)
    verdicts = judge(registry, writable, known, session) if writable else []
    verdicts += _verdicts_without_writing(registry, left_out, known)
    entries = [
        _entry(run, one.candidate, known, one.state, one.reason, detail=one.detail) for one in verdicts
    ]
    registry.ledger.record(entries, session=session)
    written = [len(one.candidate.raw or b"") for one in verdicts if one.write]
    return Settled(written=written, entries=entries, known=known)


def _verdicts_without_writing(
    registry: Registry, candidates: Sequence[Candidate], known: Mapping[str, Entry]
) -> Iterator[Verdict]:
    """Of documents that are not to be published; one that is there all the same is named and left."""
    held_back = [one for one in candidates if one.disposition is not Disposition.READY]
    identifiers = [one.identifier for one in held_back if one.identifier is not None]
    there = registry.development.present(identifiers) if identifiers else ()
    for one in candidates:
        if one.disposition is Disposition.READY:
            yield Verdict(one, State.QUARANTINED, DAMAGED)
        elif one.item in there and one.reason == WAITING and was_published(known.get(one.item)):
            # Its decision was taken back: nobody has decided against it, so it stays as it is until somebody decides.
            yield Verdict(one, State.HELD, one.reason, {**one.detail, STAYS: True})
        elif one.item in there:
            detail = {"planned": str(one.disposition), "because": one.reason, **one.detail}
            yield Verdict(one, State.QUARANTINED, SUPERSEDED, detail)
        else:
            yield Verdict(one, _STATES[one.disposition], one.reason, one.detail)


def _entry(
    run: _Run,
    candidate: Candidate,
    known: Mapping[str, Entry],
    state: State,
    reason: str | None = None,
    *,
    detail: Mapping[str, object] | None = None,
) -> Entry:
    before = known.get(candidate.item)
    arrived = state in IN_DEVELOPMENT
    # What was written earlier has to stay known, whatever is found now and whichever layer it stood in: a rollback
    # goes by it.
    return Entry(
        item=candidate.item,
        partition=run.layer,
        state=state,
        reason=reason,
        source_hash=candidate.source_hash,
        target_hash=candidate.target_hash if arrived else before.target_hash if before else None,
        detail={
            "label": candidate.label,
            **(detail or {}),
            **({} if arrived else written_mark(before)),
        },
        run_id=run.run_id,
        batch_id=run.batch,
    )


def _gained(layer: str, entries: Iterable[Entry], known: Mapping[str, Entry]) -> tuple[int, int]:
    """By how many the layer's documents in development, and those quarantined, are more than they were recorded."""
    migrated = failed = 0
    for entry in entries:
        before = known.get(entry.item)
        was = before.state if before is not None and before.partition == layer else None
        migrated += (entry.state in IN_DEVELOPMENT) - (was in IN_DEVELOPMENT)
        failed += (entry.state is State.QUARANTINED) - (was is State.QUARANTINED)
    return migrated, failed
