"""The plan: every document's outcome, computed from the source and staged; nothing is written to the assets."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.registry.transform import Disposition, Planned, plan_asset, plan_composite
from asset_registry_pipeline.steps.directory import open_directory
from asset_registry_pipeline.steps.sources import LayerSource, documents_fingerprint, found_in, read_layer
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.workspace import Candidate
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import combine
from migration_kit.ledger import Plan


@dataclass(frozen=True)
class Planning:
    """A saved plan, how many documents have which outcome and why, and the staged rows that were written."""

    plan: Plan
    dispositions: Mapping[str, int]
    reasons: Mapping[str, int]
    written: int


def make(
    registry: Registry,
    layer: str,
    *,
    run_id: str,
    accepted: Mapping[str, str] | None = None,
    inspected: str | None = None,
) -> Planning:
    """Plan a layer from staging as the inventory saw it, stage the outcomes and keep the plan.

    `inspected`: the fingerprint of the inventory that passed its checks, where one is required.

    Raises:
        PermanentError: there is no inventory, it is not the inspected one, or staging has changed since it was taken.
    """
    source = read_layer(registry, layer, accepted)
    inventory = registry.workspace.inventory(layer)
    if inventory is None or inventory["fingerprint"] != documents_fingerprint(source.documents):
        raise PermanentError(
            "staging has changed since its inventory" if inventory else "there is no inventory",
            item=f"layer {layer}",
            remedy=f"Materialise registry/staging_inventory of {layer}, then this again",
        )
    if inspected is not None and inspected != inventory["fingerprint"]:
        raise PermanentError(
            "the newest inventory is not the one that passed its checks",
            item=f"layer {layer}",
            remedy=f"Materialise registry/staging_inventory of {layer}, then this again",
        )
    candidates = list(outcomes(registry, source))
    written = registry.workspace.save_candidates(layer, candidates)
    dispositions = Counter(str(candidate.disposition) for candidate in candidates)
    reasons = Counter(candidate.reason for candidate in candidates if candidate.reason)
    plan = Plan(
        partition=layer,
        fingerprint=candidates_fingerprint(candidates),
        source_fingerprint=source.fingerprint,
        items=len(candidates),
        summary={"parts": dict(source.parts), "dispositions": dict(dispositions)},
        run_id=run_id,
    )
    registry.ledger.save_plan(plan)
    return Planning(plan, dict(dispositions), dict(reasons.most_common()), written)


def outcomes(registry: Registry, source: LayerSource) -> Iterator[Candidate]:
    """The outcome of each document of a layer; nothing is read from what was staged before."""
    directory = open_directory(registry) if source.layer in COMPOSITE_LAYERS else None
    findings = found_in(registry, source.documents)
    for document in source.documents:
        found = findings[document.item]
        if directory is not None:
            planned = plan_composite(document, found, registry.profile, directory)
        else:
            planned = plan_asset(document, found, source.decision_about(document), registry.profile)
        yield _encoded(planned)


def candidates_fingerprint(candidates: Iterable[Candidate]) -> str:
    """Hash of staged outcomes, whatever order they come in."""
    return combine(
        sorted(
            f"{candidate.item} {candidate.disposition} {candidate.reason} "
            f"{candidate.source_hash} {candidate.target_hash}"
            for candidate in candidates
        )
    )


def _encoded(planned: Planned) -> Candidate:
    """The outcome with its document's bytes; quarantined where BSON cannot hold what was made."""
    source, raw, disposition = planned.source, None, planned.disposition
    reason, detail = planned.reason, planned.detail
    if planned.document is not None:
        try:
            raw = codec.encode(planned.document)
        except PermanentError as error:
            disposition, reason = Disposition.QUARANTINED, "the new document cannot be stored"
            detail = {"why": error.reason}
    return Candidate(
        item=source.item,
        layer=source.layer,
        label=source.label[:200],
        disposition=disposition,
        reason=reason,
        detail=detail,
        source_hash=source.source_hash,
        identifier=source.identifier,
        target_hash=codec.content_hash(raw) if raw is not None else None,
        raw=raw,
    )
