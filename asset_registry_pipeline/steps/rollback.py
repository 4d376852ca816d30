"""Taking back what this migration wrote: chunk by chunk, by the ledger, only where nobody changed it since.

A document, its ledger record and the history of it change in one transaction: a run that is lost anywhere leaves a
state from which another rollback, or the migration itself, goes on. Composites go before what they are built from.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pymongo.client_session import ClientSession

from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS, UNFILED
from asset_registry_pipeline.registry.outcomes import (
    IN_DEVELOPMENT,
    ROLLED_BACK,
    WRITTEN,
    written_by_migration,
)
from asset_registry_pipeline.registry.rollback import REFERRED, Done, Referring, judge
from asset_registry_pipeline.registry.stages import APPLY, VERIFY
from asset_registry_pipeline.steps.rollback_standing import (
    identifiers_of,
    in_chunks,
    referring_composites,
    standing,
)
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.preimages import Preimage
from asset_registry_pipeline.stores.progress import Progress, Status
from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.ledger import Entry
from migration_kit.mongo import transient_errors

CHUNK = 500
"""Documents taken back in one transaction, at most."""
BLOCK = 10 * CHUNK
"""Documents for which development's composites are gone through once, to see which refer to them."""
_TAKEN = (Done.REMOVED, Done.RESTORED, Done.ALREADY_GONE)


@dataclass(frozen=True)
class Rollback:
    """A rollback: by which run of which batch, and whether it only tells what it would do."""

    registry: Registry
    run_id: str
    dry_run: bool
    batch: str = ""

    @property
    def in_place(self) -> bool:
        """Whether the profile changes staging itself, so that nothing is ever removed."""
        return self.registry.profile.mode == "in_place"


@dataclass(frozen=True)
class Line:
    """What was done with one document; `reason` where it was left.

    `fields` are those that somebody changed, `referring` the composites for which it was left.
    """

    entry: Entry
    layer: str
    done: Done
    reason: str | None = None
    fields: Sequence[str] = ()
    referring: Referring | None = None

    @property
    def taken(self) -> bool:
        """Whether the document is (or, of a rehearsal, would be) taken back."""
        return self.done in _TAKEN

    def to_report(self) -> dict[str, Any]:
        """The line as the rollback's file has it."""
        return {
            "item": self.entry.item,
            "layer": self.layer,
            "label": self.entry.detail.get("label"),
            "state": str(self.entry.state),
            "done": str(self.done),
            "reason": self.reason,
            "fields": list(self.fields),
            "composites": self.referring.composites if self.referring else None,
            "example": self.referring.example if self.referring else None,
        }


def roll_back(work: Rollback, layer: str) -> Iterator[Line]:
    """Take a layer back, or with `dry_run` only tell of it; a line for each document that came from this migration.

    What was in development before (`already_present`) is told as not ours and left alone.

    Raises:
        PermanentError: composites are being published from this layer.
        TransientError: the server was lost; a new run takes back what is left.
    """
    taken = False
    if not work.dry_run:
        work.registry.rollback.install()
        _close_to_composites(work, layer)
        # What this run took back before it was retried: it happened, so it is told.
        for row in work.registry.rollback.taken_by(work.run_id, layer):
            taken = True
            yield Line(
                Entry(**row["entry"] | {"state": State(row["entry"]["state"])}), layer, Done(row["done"])
            )
    for block in chunked(_recorded(work.registry, layer), BLOCK):
        identifiers = identifiers_of(work.registry, [entry.item for entry in block])
        heads = work.registry.rollback.heads(identifiers.values())
        referring = referring_composites(work.registry, heads) if layer in BARRIER_LAYERS else {}
        mine = (entry for entry in block if _belongs(entry, layer, heads))
        for chunk in in_chunks(mine, heads, documents=CHUNK):
            for line in _chunk(work, layer, chunk, identifiers, referring):
                taken = taken or line.taken
                yield line
    if work.dry_run:
        return
    if taken or _newest_is(VerdictStatus.RUNNING, work.registry, layer):
        # Again: a run that published meanwhile may have opened them.
        close_gates(work.registry, layer, work.run_id)
    if _newest_is(VerdictStatus.ROLLED_BACK, work.registry, layer):
        # Also where nothing was left to take: the run that took it may have been lost before it could tell.
        _tell_progress(work.registry, layer)


def close_gates(registry: Registry, layer: str, run_id: str) -> None:
    """Say of the layer's gates that what they stood for was rolled back; nothing where that is said already."""
    for stage in (APPLY, VERIFY):
        newest = registry.ledger.verdicts(stage).get(layer)
        if newest is not None and newest.status is not VerdictStatus.ROLLED_BACK:
            verdict = Verdict.now(stage, layer, newest.candidate, VerdictStatus.ROLLED_BACK, run_id)
            registry.ledger.record_verdict(verdict)


def _tell_progress(registry: Registry, layer: str) -> None:
    """The layer's progress in the plan's form: not begun, but for what was left."""
    counts: Counter[State] = Counter()
    for state, _, documents in registry.ledger.counts(partition=layer):
        counts[state] += documents
    there = sum(counts[state] for state in IN_DEVELOPMENT)
    status = Status.IN_PROGRESS if there else Status.PENDING
    total, failed = registry.workspace.snapshot_size(layer), counts[State.QUARANTINED]
    registry.progress.save(Progress(layer, total, there, failed, status))


def _close_to_composites(work: Rollback, layer: str) -> None:
    """Let no composites be built from a layer of which something will go, from before it is seen who refers to it.

    Composites say first that they are at work, and ask then whether their layers are closed; here it is the other way
    round. So whoever comes second sees the other, and stops.
    """
    _refuse_while_composites_are_published(work.registry, layer)
    if layer in BARRIER_LAYERS and any(line.taken for line in roll_back(replace(work, dry_run=True), layer)):
        close_gates(work.registry, layer, work.run_id)
        _refuse_while_composites_are_published(work.registry, layer)


def _refuse_while_composites_are_published(registry: Registry, layer: str) -> None:
    composites = next(iter(COMPOSITE_LAYERS))
    if layer in BARRIER_LAYERS and _newest_is(VerdictStatus.RUNNING, registry, composites):
        run = registry.ledger.verdicts(APPLY)[composites].run_id
        raise PermanentError(
            f"composites are being built from it by run {run}, or that run was lost",
            item=f"layer {layer}",
            remedy="Wait until it has ended; if it was lost, run the composites again or roll them back first",
        )


def _newest_is(status: VerdictStatus, registry: Registry, layer: str) -> bool:
    newest = registry.ledger.verdicts(APPLY).get(layer)
    return newest is not None and newest.status is status


def _recorded(registry: Registry, layer: str) -> Iterator[Entry]:
    """What the ledger has of a layer in development, and of what stands in no layer since it was migrated."""
    with transient_errors("development"):
        yield from filter(_in_development, registry.ledger.entries(partition=layer))
        yield from filter(written_by_migration, registry.ledger.entries(partition=UNFILED))


def _in_development(entry: Entry) -> bool:
    return written_by_migration(entry) or entry.state is State.ALREADY_PRESENT


def _belongs(entry: Entry, layer: str, heads: Mapping[str, Mapping[str, Any]]) -> bool:
    return entry.partition == layer or heads.get(entry.item, {}).get("layer") == layer


def _chunk(
    work: Rollback,
    layer: str,
    entries: Sequence[Entry],
    identifiers: Mapping[str, Any],
    referring: Mapping[str, Referring],
) -> list[Line]:
    items = [entry.item for entry in entries]

    def once(session: ClientSession) -> tuple[list[Line], dict[str, bytes]]:
        # Within the transaction: another rollback, or a run that publishes, may have been at them since.
        recorded = list(filter(_in_development, work.registry.ledger.entries(items=items, session=session)))
        existing = work.registry.development.existing(
            [identifiers[entry.item] for entry in recorded if entry.item in identifiers], session
        )
        preimages = work.registry.preimages.of(items, session)
        lines = [
            _look(work, layer, entry, existing, preimages, identifiers, referring.get(entry.item))
            for entry in recorded
        ]
        taken = [line for line in lines if line.taken]
        if taken and not work.dry_run:
            # Before the first document goes: a run that is lost from here on leaves them closed.
            close_gates(work.registry, layer, work.run_id)
            _take_back(work, taken, identifiers, preimages, session)
        return lines, existing

    with transient_errors("development"), work.registry.development.session() as session:
        lines, existing = session.with_transaction(once)
    return _with_fields(work.registry, lines, existing)


def _look(  # noqa: PLR0917 - everything that is known of one document
    work: Rollback,
    layer: str,
    entry: Entry,
    existing: Mapping[str, bytes],
    preimages: Mapping[str, Preimage],
    identifiers: Mapping[str, Any],
    referring: Referring | None,
) -> Line:
    if not written_by_migration(entry):
        return Line(entry, layer, Done.NOT_OURS)
    found = standing(entry, existing, preimages, identifiers, referring)
    done, reason = judge(found, in_place=work.in_place)
    return Line(entry, layer, done, reason, referring=referring if reason == REFERRED else None)


def _take_back(
    work: Rollback,
    taken: Sequence[Line],
    identifiers: Mapping[str, Any],
    preimages: Mapping[str, Preimage],
    session: ClientSession,
) -> None:
    """Documents, ledger and history, within the session's transaction."""
    store, now = work.registry.rollback, datetime.now(UTC)
    store.remove([identifiers[one.entry.item] for one in taken if one.done is Done.REMOVED], session)
    restoring = [preimages[one.entry.item] for one in taken if one.done is Done.RESTORED]
    if restoring:
        work.registry.development.replace([(each.identifier, each.raw) for each in restoring], session)
        work.registry.preimages.forget([each.item for each in restoring], session)
    work.registry.ledger.record((_afterwards(work, one.entry) for one in taken), session=session)
    history = [
        {
            "item": one.entry.item,
            "layer": one.layer,
            "done": str(one.done),
            "at": now,
            "run_id": work.run_id,
            "entry": asdict(one.entry) | {"state": str(one.entry.state), "detail": dict(one.entry.detail)},
        }
        for one in taken
    ]
    store.forget_left([one.entry.item for one in taken], session)
    store.remember(history, session)


def _afterwards(work: Rollback, entry: Entry) -> Entry:
    """What the ledger says from now on: held until its layer is run again, nothing of it in development."""
    detail = {name: value for name, value in entry.detail.items() if name == "label"}
    rolled_back = replace(entry, target_hash=None, detail=detail, run_id=work.run_id, batch_id=work.batch)
    if entry.partition == UNFILED:
        kept = {name: value for name, value in entry.detail.items() if name != WRITTEN}
        return replace(rolled_back, detail=kept)
    return replace(rolled_back, state=State.HELD, reason=ROLLED_BACK)


def _with_fields(registry: Registry, lines: list[Line], existing: Mapping[str, bytes]) -> list[Line]:
    """The lines, with the fields that somebody changed where what was written is still staged."""
    left = [one.entry.item for one in lines if one.done is Done.LEFT and one.entry.item in existing]
    staged = {one.item: one for one in registry.workspace.staged(left)} if left else {}
    told = []
    for line in lines:
        planned, found = staged.get(line.entry.item), existing.get(line.entry.item)
        if planned and planned.raw and found and planned.target_hash == line.entry.target_hash:
            fields = codec.differing_fields(codec.decode(planned.raw), codec.decode(found))
            told.append(replace(line, fields=fields))
        else:
            told.append(line)
    return told
