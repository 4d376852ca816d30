"""Apply: staged documents are published to development, each with its ledger record, none ever overwritten."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from asset_registry_pipeline.registry.outcomes import (
    CONFLICT,
    REFUSED,
    SUPERSEDED,
    TAKEN,
    account,
    written_by_migration,
    written_mark,
)
from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.steps.plan import candidates_fingerprint
from asset_registry_pipeline.steps.sources import LayerSource, read_layer
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.development import refused_by_server
from asset_registry_pipeline.stores.workspace import Candidate
from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.failures import PermanentError
from migration_kit.ledger import Entry, Plan
from migration_kit.mongo import transient_errors
from migration_kit.progress import track

_CHUNK_DOCUMENTS, _CHUNK_BYTES = 200, 8 * 1024 * 1024
_ATTEMPTS = 3
_STATES = {
    Disposition.HELD: State.HELD,
    Disposition.EXCLUDED: State.EXCLUDED,
    Disposition.QUARANTINED: State.QUARANTINED,
}
_IN_DEVELOPMENT = (State.MIGRATED, State.ALREADY_PRESENT)


@dataclass(frozen=True)
class Staged:
    """A plan that still holds, its source, and the staged outcomes it stands for."""

    plan: Plan
    source: LayerSource
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Published:
    """What publishing a layer did: documents written, the ledger's records of all, the accounting of the batch."""

    written: int
    accounting: Accounting
    problems: tuple[Entry, ...]


@dataclass(frozen=True)
class _Run:
    """Who publishes, and what the ledger knew of the layer before."""

    registry: Registry
    layer: str
    run_id: str
    batch: str
    known: Mapping[str, Entry] = field(repr=False)


def load_staged(registry: Registry, layer: str, accepted: Mapping[str, str] | None = None) -> Staged:
    """The layer's plan with its staged outcomes, if everything it was made from is as it was.

    Raises:
        PermanentError: there is no plan, its source has changed, or other outcomes are staged than it planned.
    """
    plan = registry.ledger.plan(layer)
    remedy = f"Materialise the candidates of {layer} again, then this"
    if plan is None:
        raise PermanentError("there is no plan", item=f"layer {layer}", remedy=remedy)
    source = read_layer(registry, layer, accepted)
    if source.fingerprint != plan.source_fingerprint:
        planned = plan.summary.get("parts", {})
        changed = sorted(part for part in source.parts if planned.get(part) != source.parts[part])
        reason = f"what the plan was made from has changed since: {', '.join(changed)}"
        inventory = "Take the inventory again, m" if "staging" in changed else "M"
        raise PermanentError(reason, item=f"layer {layer}", remedy=f"{inventory}{remedy[1:]}")
    candidates = tuple(registry.workspace.candidates(layer))
    if candidates_fingerprint(candidates) != plan.fingerprint:
        reason = "other outcomes are staged than the plan has; another run may be planning at this moment"
        raise PermanentError(reason, item=f"layer {layer}", remedy=remedy)
    return Staged(plan, source, candidates)


def publish(
    registry: Registry, staged: Staged, *, run_id: str, batch: str, log: Callable[[str], None]
) -> Published:
    """Write what is ready and not there, and record an outcome for every document of the layer.

    Raises:
        PermanentError: an index cannot be made, or documents remain without an outcome.
        TransientError: the server was lost; a new run takes up what is left.
    """
    layer = staged.plan.partition
    registry.development.ensure_indexes()
    known = {entry.item: entry for entry in registry.ledger.entries(partition=layer)}
    run = _Run(registry, layer, run_id, batch, known)
    written = 0
    ready = [candidate for candidate in staged.candidates if candidate.raw is not None]
    with transient_errors("development"):
        for chunk in track(_chunks(ready), total=_count(ready), log=log, what=f"publishing {layer}, chunks"):
            written += _publish_chunk(run, chunk)
        not_ready = [candidate for candidate in staged.candidates if candidate.raw is None]
        registry.ledger.record(_entries_not_ready(run, not_ready))
    registry.development.ensure_text_index()
    entries = list(registry.ledger.entries(partition=layer))
    items = {candidate.item for candidate in staged.candidates}
    accounting = account(items, entries, batch=batch)
    require_balanced(accounting, where=f"layer {layer}")
    problems = (entry for entry in entries if entry.item in items and entry.state not in _IN_DEVELOPMENT)
    return Published(written, accounting, tuple(problems))


def _chunks(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    chunk: list[Candidate] = []
    size = 0
    for candidate in candidates:
        length = len(candidate.raw or b"")
        if chunk and (len(chunk) >= _CHUNK_DOCUMENTS or size + length > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(candidate)
        size += length
    if chunk:
        yield chunk


def _count(candidates: Sequence[Candidate]) -> int:
    return sum(1 for _ in _chunks(candidates))


def _publish_chunk(run: _Run, chunk: Sequence[Candidate]) -> int:
    """Publish a chunk in one transaction; where it fails for its content, each document by itself."""
    words = ""
    for _ in range(_ATTEMPTS):
        try:
            with run.registry.development.session() as session:
                return session.with_transaction(lambda session: _publish_once(run, chunk, session))
        except OperationFailure as error:
            if error.has_error_label("TransientTransactionError"):
                raise
            duplicate, words = refused_by_server(error)
            # A duplicate is most likely a second runner's work: look again, it may be equal by now.
            if not duplicate:
                break
    if len(chunk) > 1:
        return sum(_publish_chunk(run, [candidate]) for candidate in chunk)
    run.registry.ledger.record([_entry(run, chunk[0], State.QUARANTINED, REFUSED, {"why": words})])
    return 0


def _publish_once(run: _Run, chunk: Sequence[Candidate], session: ClientSession) -> int:
    development = run.registry.development
    existing = development.existing([candidate.identifier for candidate in chunk], session)
    bodies = {candidate.item: codec.decode(candidate.raw or b"") for candidate in chunk}
    names = [body["name"] for body in bodies.values()]
    addresses = [body["nna_address"] for body in bodies.values()]
    taken = development.taken(names, addresses, session)
    entries, raws = [], []
    for candidate in chunk:
        body = bodies[candidate.item]
        present = existing.get(candidate.item)
        holder = next(
            (
                taken[key]
                for key in (body["name"], body["nna_address"])
                if taken.get(key, candidate.item) != candidate.item
            ),
            None,
        )
        if present is not None and codec.content_hash(present) == candidate.target_hash:
            entries.append(_entry_for_equal(run, candidate))
        elif present is not None:
            detail = {"fields": _differing(body, codec.decode(present)), "found": codec.content_hash(present)}
            entries.append(_entry(run, candidate, State.QUARANTINED, CONFLICT, detail))
        elif holder is not None:
            entries.append(_entry(run, candidate, State.QUARANTINED, TAKEN, {"by": holder}))
        else:
            raws.append(candidate.raw or b"")
            entries.append(_entry(run, candidate, State.MIGRATED))
    development.insert(raws, entries, run.registry.ledger, session)
    return len(raws)


def _entry_for_equal(run: _Run, candidate: Candidate) -> Entry:
    """A document that is there already: what an earlier run recorded of having written it stays."""
    before = run.known.get(candidate.item)
    if not written_by_migration(before):
        # A second runner may have written it since this run looked, or it stood in another layer before.
        before = run.registry.ledger.entry(candidate.item)
    ours = before is not None and written_by_migration(before) and before.target_hash == candidate.target_hash
    return _entry(run, candidate, State.MIGRATED if ours else State.ALREADY_PRESENT)


def _entries_not_ready(run: _Run, candidates: Sequence[Candidate]) -> Iterable[Entry]:
    known_ids = [candidate.identifier for candidate in candidates if candidate.identifier is not None]
    existing = run.registry.development.existing(known_ids)
    for candidate in candidates:
        if candidate.item in existing:
            detail = {"planned": str(candidate.disposition), "because": candidate.reason, **candidate.detail}
            yield _entry(run, candidate, State.QUARANTINED, SUPERSEDED, detail)
        else:
            yield _entry(run, candidate, _STATES[candidate.disposition], candidate.reason, candidate.detail)


def _entry(
    run: _Run,
    candidate: Candidate,
    state: State,
    reason: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> Entry:
    before = run.known.get(candidate.item)
    # What was written earlier has to stay known, whatever is found now: a rollback goes by it.
    written = before.target_hash if before and state not in _IN_DEVELOPMENT else candidate.target_hash
    return Entry(
        item=candidate.item,
        partition=run.layer,
        state=state,
        reason=reason,
        source_hash=candidate.source_hash,
        target_hash=written if before or state in _IN_DEVELOPMENT else None,
        detail={
            "label": candidate.label,
            **(detail or {}),
            **({} if state in _IN_DEVELOPMENT else written_mark(before)),
        },
        run_id=run.run_id,
        batch_id=run.batch,
    )


def _differing(planned: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    return sorted(
        field
        for field in {*planned, *found}
        if field not in planned
        or field not in found
        or codec.encode({"": planned[field]}) != codec.encode({"": found[field]})
    )[:20]
