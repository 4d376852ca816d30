"""The plan: every document's outcome, computed from the source and staged; nothing is written to the assets.

Range by range of `_id`, in chunks: what an inventory found is taken from its snapshot, after the hash of each document
has shown that it is the one that was looked at.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from asset_registry_pipeline.registry.answers import answers
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.enrichment import Enrichment
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS, SONG_LAYERS
from asset_registry_pipeline.registry.transform import (
    ALBUM_ART,
    Disposition,
    Planned,
    plan_asset,
    plan_composite,
)
from asset_registry_pipeline.steps.directory import Components, open_components
from asset_registry_pipeline.steps.sources import (
    decision_key,
    other_parts,
    raw_chunks,
    require_documents,
    told,
)
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.candidate_rows import Candidate, Outcome
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from asset_registry_pipeline.stores.snapshot import Judged
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest, fingerprint
from migration_kit.ledger import Plan

UNSTORABLE = "the new document cannot be stored"
_MOST_NAMED = 5
_NEVER = ("", Judged())


@dataclass
class Tally:
    """What planning a range or a layer adds up to.

    `strange`: the first documents that are not as the inventory saw them. `album_art_pending`: songs that are ready
    and whose album art is not settled, by its state.
    """

    items: int = 0
    written: int = 0
    source: SetDigest = field(default_factory=SetDigest)
    outcomes: SetDigest = field(default_factory=SetDigest)
    dispositions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    album_art_pending: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)

    def turned_up(self, source: SourceDocument, how: str) -> None:
        """Count a document that is not as an inventory saw it."""
        self.source.add(told(source.item, source.source_hash))
        self.strange = [*self.strange, f"{source.label} is {how}"][:_MOST_NAMED]

    def add(self, candidate: Candidate) -> None:
        """Count an outcome."""
        self.items += 1
        self.source.add(told(candidate.item, candidate.source_hash))
        self.outcomes.add(outcome_line(candidate))
        self.dispositions[str(candidate.disposition)] += 1
        if candidate.reason:
            self.reasons[candidate.reason] += 1
        elif state := candidate.detail.get(ALBUM_ART):
            self.album_art_pending[str(state)] += 1

    def update(self, other: "Tally") -> None:
        """Take in what another range adds up to."""
        self.items += other.items
        self.written += other.written
        self.source.update(other.source)
        self.outcomes.update(other.outcomes)
        self.dispositions.update(other.dispositions)
        self.reasons.update(other.reasons)
        self.album_art_pending.update(other.album_art_pending)
        self.strange = [*self.strange, *other.strange][:_MOST_NAMED]


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
        PermanentError: there is no inventory, it is not the inspected one, or staging or taxonomy have changed since.
    """
    require_documents(registry, layer)
    inventory = registry.workspace.inventory(layer)
    if inventory is None:
        raise _refused(layer, "there is no inventory")
    if inspected is not None and inspected != inventory["fingerprint"]:
        raise _refused(layer, "the newest inventory is not the one that passed its checks")
    if inventory["taxonomy"] != registry.taxonomy.pinned:
        raise _refused(
            layer,
            f"the inventory was taken with the taxonomy {inventory['taxonomy']}, now it is {registry.taxonomy.pinned}",
        )
    # Before any document: what changes from here on is not what the plan says it was made from.
    parts = {"staging": inventory["fingerprint"], **other_parts(registry, layer, accepted)}
    tally = Tally()
    for each in spread(registry, layer, partial(plan_range, components=parts.get("components", ""))):
        tally.update(each)
    if tally.strange or tally.source.hexdigest() != inventory["fingerprint"]:
        raise _refused(layer, _what_changed(tally, inventory["documents"]))
    reasons = dict(sorted(tally.reasons.items(), key=lambda counted: (-counted[1], counted[0])))
    plan = Plan(
        partition=layer,
        fingerprint=tally.outcomes.hexdigest(),
        source_fingerprint=fingerprint(parts),
        items=tally.items,
        summary={
            "parts": parts,
            "dispositions": dict(tally.dispositions),
            "reasons": reasons,
            "album_art_pending": dict(tally.album_art_pending),
        },
        run_id=run_id,
    )
    registry.ledger.save_plan(plan)
    return Planning(plan, dict(tally.dispositions), reasons, tally.written)


def plan_range(registry: Registry, layer: str, within: IdRange, *, components: str = "") -> Tally:
    """Stage the outcomes of a range. `components`: the hash of the components that composites are resolved against."""
    tally = Tally()
    known = open_components(registry, components) if layer in COMPOSITE_LAYERS else None
    tally.written = registry.workspace.save_candidates(
        layer, _candidates(registry, layer, within, known, tally), within
    )
    return tally


def outcomes(
    registry: Registry,
    layer: str,
    sources: Sequence[SourceDocument],
    findings: Mapping[str, Sequence[Finding]],
    components: Components | None,
) -> Iterator[Planned]:
    """The outcomes of some documents of a layer, in their order, with what was found in them by item.

    `components` for composites; decisions and enrichments are looked up. Nothing is read from what was staged before.
    """
    if components is not None:
        directory = components.directory(sources)
        for source in sources:
            yield plan_composite(source, findings.get(source.item, ()), registry.profile, directory)
        return
    decisions = _decisions_about(registry, layer, sources)
    enrichments = _enrichments_of(registry, layer, sources)
    provider = registry.metadata_provider
    for source in sources:
        key, found = decision_key(source), findings.get(source.item, ())
        yield plan_asset(
            source, found, decisions.get(key), registry.profile, enrichments.get(key), provider=provider
        )


def outcome_line(candidate: Candidate | Outcome) -> str:
    """What a plan's fingerprint is made of: an outcome, with the hashes of what it came from and leads to."""
    return (
        f"{candidate.item} {candidate.disposition} {candidate.reason} "
        f"{candidate.source_hash} {candidate.target_hash}"
    )


def _candidates(
    registry: Registry, layer: str, within: IdRange, components: Components | None, tally: Tally
) -> Iterator[Candidate]:
    for chunk in raw_chunks(registry.staging.raw(layer, within)):
        seen = registry.workspace.snapshot_judged([codec.item_of(raw) for raw in chunk])
        sources, findings = [], {}
        for raw in chunk:
            item, (looked_at, judged) = codec.item_of(raw), seen.get(codec.item_of(raw), _NEVER)
            source = codec.read_source(raw, layer, faithful=not judged.grave)
            if source.source_hash != looked_at:
                # Nobody has looked at it as it is now: no outcome is made of it.
                tally.turned_up(source, "changed" if looked_at else "new")
                continue
            sources.append(source)
            if judged.grave or judged.review:
                findings[item] = _found(source, judged)
        for planned in outcomes(registry, layer, sources, findings, components):
            candidate = encoded(planned, registry)
            tally.add(candidate)
            yield candidate


def _found(source: SourceDocument, judged: Judged) -> list[Finding]:
    """What a document's outcome depends on of all that was found in it."""
    return [
        *(Finding(source.item, source.layer, kind, "", detail) for kind, detail in judged.grave),
        *(Finding(source.item, source.layer, kind, "") for kind in judged.review),
    ]


def _decisions_about(
    registry: Registry, layer: str, sources: Sequence[SourceDocument]
) -> Mapping[str, Decision]:
    if layer not in BARRIER_LAYERS:
        return {}
    return registry.decisions.among([decision_key(source) for source in sources])


def _enrichments_of(
    registry: Registry, layer: str, sources: Sequence[SourceDocument]
) -> Mapping[str, Enrichment]:
    if layer not in SONG_LAYERS or not registry.profile.wants_enrichment("songs"):
        return {}
    return registry.enrichments.among([decision_key(source) for source in sources])


def encoded(planned: Planned, registry: Registry) -> Candidate:
    """The outcome with its document's bytes and answers; quarantined where BSON cannot hold what was made."""
    source, raw, answered = planned.source, None, None
    disposition, reason, detail = planned.disposition, planned.reason, planned.detail
    if planned.document is not None:
        try:
            raw = codec.encode(planned.document)
            answered = answers(planned.document, source, registry.profile, codec.same_bytes)
        except PermanentError as error:
            disposition, reason = Disposition.QUARANTINED, UNSTORABLE
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
        answers=answered,
    )


def _what_changed(tally: Tally, documents: int) -> str:
    told = f"staging has changed since its inventory: of {documents:,} documents {tally.items:,} are as they were"
    return f"{told}; {', '.join(tally.strange)}" if tally.strange else told


def _refused(layer: str, reason: str) -> PermanentError:
    return PermanentError(
        reason,
        item=f"layer {layer}",
        remedy=f"Materialise registry/staging_inventory of {layer}, then this again",
    )
