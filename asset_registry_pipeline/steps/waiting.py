"""Documents that did not get into development and may by now, because staging, a decision or development has changed.

Looks and writes nothing. Whether one really gets in is decided by the next plan alone.
"""

from collections.abc import Iterator, Sequence

from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS, SONG_LAYERS
from asset_registry_pipeline.registry.outcomes import CONFLICT, DAMAGED, GONE, SUPERSEDED, TAKEN
from asset_registry_pipeline.registry.transform import CHANGED, WAITING
from asset_registry_pipeline.steps.prerequisites import unblocked
from asset_registry_pipeline.steps.sources import ENRICHMENTS, enrichments_part
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.candidate_rows import Candidate
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.files import load_decisions
from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.ledger import CHUNK, Entry
from migration_kit.mongo import transient_errors

_UNDECIDED = (WAITING, CHANGED)
_IN_THE_WAY = (CONFLICT, TAKEN, SUPERSEDED)
_MADE_ANEW = (DAMAGED, GONE)
"""Reasons of a moment: the next plan looks at these documents anew."""


def may_pass(registry: Registry, layer: str) -> Iterator[str]:
    """Why another run of a layer may bring more of it into development; nothing where none would.

    Raises:
        PermanentError: the file of decisions cannot be read.
    """
    if lost := registry.workspace.unrecorded(layer):
        yield f"{lost} documents have no outcome"
    waiting = decided = cleared = anew = 0
    decisions = _decisions(registry, layer)
    states = (State.HELD, State.QUARANTINED)
    for chunk in chunked(registry.ledger.entries(partition=layer, states=states), CHUNK):
        waiting += len(chunk)
        decided += sum(
            entry.reason in _UNDECIDED and (entry.detail.get("label"), entry.source_hash) in decisions
            for entry in chunk
        )
        anew += sum(entry.reason in _MADE_ANEW for entry in chunk)
        cleared += _cleared(registry, [entry for entry in chunk if entry.reason in _IN_THE_WAY])
    seen = registry.workspace.inventory(layer)
    if waiting and seen is not None and seen.get("mark") != registry.staging.marks().get(layer):
        yield f"{waiting} are held or quarantined, and staging was updated since its inventory"
    if decided:
        yield f"{decided} waited for a curator who has decided by now"
    if anew:
        yield f"{anew} changed between planning and publishing"
    if _found_out_since(registry, layer):
        yield "more was found out about songs since they were planned"
    if layer in SONG_LAYERS and (passing := _may_be_had(registry)):
        yield f"{passing} songs lack what another run may get: a service asked for a pause, or was not to be had"
    if layer in COMPOSITE_LAYERS and (free := sum(1 for _ in unblocked(registry))):
        yield f"{free} were held for components that are in by now"
    if cleared:
        yield f"{cleared} quarantined for what stood in development, which has changed"


def _found_out_since(registry: Registry, layer: str) -> bool:
    """Whether album art or metadata of songs are others by now than those that the plan was made from."""
    plan = registry.ledger.plan(layer)
    planned = plan.summary.get("parts", {}).get(ENRICHMENTS) if plan is not None else None
    return planned is not None and planned != enrichments_part(registry)


def _may_be_had(registry: Registry) -> int:
    """Songs whose album art or metadata failed in a way that may pass by itself."""
    return registry.enrichments.passing() if registry.profile.wants_enrichment("songs") else 0


def _decisions(registry: Registry, layer: str) -> set[tuple[str, str]]:
    """Name and source hash of what has been decided about a layer: recorded, or in the file and not taken in yet."""
    if layer not in BARRIER_LAYERS:
        return set()
    standing = registry.decisions.of_layer(layer)
    found = {(decision.name, decision.source_hash) for decision in standing.values()}
    in_file, _ = load_decisions(registry.decisions_path)
    return found | {(one.name, one.source_hash) for one in in_file if one.layer == layer}


def _cleared(registry: Registry, entries: Sequence[Entry]) -> int:
    """Of documents in whose way development stood: of how many it holds something else there by now, or nothing."""
    if not entries:
        return 0
    staged = {one.item: one for one in registry.workspace.staged([entry.item for entry in entries])}
    with transient_errors("development"):
        there = registry.development.existing(
            [one.identifier for one in staged.values() if one.identifier is not None]
        )
    return sum(
        _has_changed(registry, entry, staged[entry.item], there.get(entry.item))
        for entry in entries
        if entry.item in staged
    )


def _has_changed(registry: Registry, entry: Entry, staged: Candidate, there: bytes | None) -> bool:
    if entry.reason == CONFLICT:
        return there is None or codec.content_hash(there) != entry.detail.get("found")
    if entry.reason == SUPERSEDED:
        return there is None
    if staged.raw is None:
        return False
    body = codec.decode(staged.raw)
    with transient_errors("development"):
        holders = registry.development.taken([body["name"]], [body["nna_address"]])
    return not {holder for holder in holders.values() if holder != entry.item}
