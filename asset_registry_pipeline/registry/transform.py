"""From a staging document to its outcome: ready with a new document, held, excluded or quarantined.

Pure and total: no content makes it raise. Encoding, staging and publishing are the steps' work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from asset_registry_pipeline.registry import composites, shapes, strategies, texts
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.aggregation import Features, component_analysis
from asset_registry_pipeline.registry.ai_metadata import RULES_VERSION
from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.documents import JSON_FIELDS, SourceDocument, masked
from asset_registry_pipeline.registry.enrichment import SETTLED, Enrichment, inputs_of
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.kinds import Effect
from asset_registry_pipeline.registry.layers import kind_of
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.shapes import is_text

STAGING_BUCKET = "nna_registry_assets_stg"
WAITING = "waiting for a curator"
CHANGED = "staging changed since the curator's decision"
UNUSABLE_WORDS = "the curator's words cannot be used"
ENRICHMENT_WAITING = "waiting for its album art and metadata"
METADATA_FAILED = "its metadata could not be made"
ALBUM_ART_WAITING = "its album art waits for a curator"
ALBUM_ART = "album_art"
"""Where the detail of a song tells that its album art is not settled, and its state."""
REJECTED = "rejected by a curator"
MARKED_AS_TEST = "marked as a test by a curator"
EXCLUDED = "excluded by a curator"
BUILT_FROM_REJECTED = "built from a rejected asset"
BUILT_FROM_TEST = "built from a test asset"
BUILT_FROM_EXCLUDED = "built from an excluded asset"
NOT_IN_STAGING = "not in staging"
BLOCKED = "a component is missing, rejected or not migrated"


_NO_DETAIL: Mapping[str, Any] = {}
_NEEDS_REVIEW: Mapping[str, Any] = {"needs_review": "there is no description to make creatorDescription of"}
_LEFT_BEHIND: Mapping[Verdict, str] = {
    Verdict.TEST: MARKED_AS_TEST,
    Verdict.EXCLUDE: EXCLUDED,
    Verdict.REJECT: REJECTED,
}
_BUILT_FROM: Mapping[Verdict, str] = {
    Verdict.TEST: BUILT_FROM_TEST,
    Verdict.EXCLUDE: BUILT_FROM_EXCLUDED,
    Verdict.REJECT: BUILT_FROM_REJECTED,
}
VERDICT_OF: Mapping[str, Verdict] = {reason: verdict for verdict, reason in _LEFT_BEHIND.items()}
"""Which verdict stands behind the reason for which a component was left behind."""


class Disposition(StrEnum):
    """What a plan does with a document."""

    READY = "ready"
    HELD = "held"
    EXCLUDED = "excluded"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Planned:
    """The outcome planned for one document; `document` only where it is ready, `reason` only where it is not."""

    source: SourceDocument
    disposition: Disposition
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None


class Absence(NamedTuple):
    """Why a composite cannot have a component, in words, and the verdict where a curator decided against it."""

    why: str
    verdict: Verdict | None = None

    @property
    def kind(self) -> str:
        """The kind of finding that it is."""
        if self.verdict is not None:
            return "reference_to_rejected"
        return "reference_to_missing" if self.why == NOT_IN_STAGING else "reference_to_unmigrated"


def absence_of(state: str, reason: str | None, detail: Mapping[str, Any]) -> Absence:
    """Why a component is not to be had, by its record in the ledger."""
    because = detail.get("because", reason)
    return Absence(f"{state}: {reason or 'not in development'}", VERDICT_OF.get(str(because)))


@dataclass(frozen=True)
class Directory:
    """What composites are resolved against: components in development, their features, and why others are not.

    `find` finds no component that a curator has decided against, even where an earlier run has migrated it.
    """

    find: Callable[[str], composites.Component | None]
    features: Callable[[str], Features]
    why_missing: Callable[[str], Absence]


def plan_asset(
    source: SourceDocument,
    findings: Sequence[Finding],
    decision: Decision | None,
    profile: Profile,
    enrichment: Enrichment | None = None,
    *,
    provider: str = RULES_VERSION,
) -> Planned:
    """The outcome of a component or a song.

    `enrichment`: what was found out about a song, where the profile wants that; `provider` as by `provider_version`.
    """
    if stopped := _quarantined(source, findings):
        return stopped
    body = source.body or {}
    kind = kind_of(source.layer)
    policy = profile.curation[kind]
    decision = decision_for(source, decision, policy)
    review = sorted({finding.kind for finding in findings if finding.effect is Effect.REVIEW})
    if stopped := _stopped_by_curation(source, decision, review, policy):
        return stopped
    words = words_of(body, decision, kind, profile)
    if kind == "songs" and profile.creator_description[kind] == "curator_only" and not words:
        return Planned(source, Disposition.HELD, UNUSABLE_WORDS, {"why": "there are none"})
    if not profile.wants_enrichment(kind):
        enrichment = None
    else:
        inputs = inputs_of(source, decision, words, provider)
        if stopped := _stopped_by_enrichment(source, enrichment, inputs, profile):
            return stopped
    if enrichment is not None and not profile.wants(strategies.LOOKED_UP):
        # How long a song is belongs to the picture: it is known of what was looked up.
        enrichment = replace(enrichment, duration=None)
    document = _document(strategies.Material(body, words, decision, enrichment), kind, profile)
    detail = {**_needs_review(words), **_art_to_come(enrichment, profile)}
    return Planned(source, Disposition.READY, detail=detail, document=document)


def decision_for(source: SourceDocument, decision: Decision | None, policy: str) -> Decision | None:
    """The decision that counts for a document; `policy` as profiles' `curation`."""
    if policy == "none" and decision is not None and decision.source_hash != source.source_hash:
        # Nobody is asked, so nobody can be asked again: the document goes without these words; they stay recorded.
        return None
    return decision


def words_of(body: Mapping[str, Any], decision: Decision | None, kind: str, profile: Profile) -> str | None:
    """The words that a document will have: the curator's, else those that the profile makes of the source."""
    if decision is not None and decision.words:
        return decision.words
    return strategies.CREATOR_DESCRIPTION[profile.creator_description[kind]](body)


def plan_composite(
    source: SourceDocument, findings: Sequence[Finding], profile: Profile, directory: Directory
) -> Planned:
    """The outcome of a composite: held with the exact list of what it waits for, or with its analysis."""
    if stopped := _quarantined(source, findings):
        return stopped
    body = source.body or {}
    references = source.listed or source.named
    resolution = composites.resolve(references, directory.find)
    if breach := composites.structural_breach(references, resolution.components):
        return Planned(
            source, Disposition.QUARANTINED, "the composite breaks a rule of structure", {"why": breach}
        )
    if resolution.missing:
        return _without(source, resolution.missing, profile, directory)
    words = strategies.CREATOR_DESCRIPTION[profile.creator_description["composites"]](body)
    document = _document(strategies.Material(body, words), "composites", profile)
    if profile.composite_components == "addresses":
        document["components"] = [component.address for component in resolution.components]
    document["componentAnalysis"] = component_analysis(
        [directory.features(component.item) for component in resolution.components]
    )
    return Planned(source, Disposition.READY, detail=_needs_review(words), document=document)


def _without(
    source: SourceDocument,
    missing: Sequence[composites.Reference],
    profile: Profile,
    directory: Directory,
) -> Planned:
    """The outcome of a composite that lacks components: left behind with one of them, or held until all are there."""
    absences = [(reference.written, directory.why_missing(reference.key)) for reference in missing]
    missed = [
        {"reference": written, "why": absence.why, "kind": absence.kind} for written, absence in absences
    ]
    told = {"missing": missed}
    verdicts = {absence.verdict for _, absence in absences}
    for verdict, reason in _BUILT_FROM.items():
        if verdict in verdicts and profile.cascade[verdict] == "exclude":
            return Planned(source, Disposition.EXCLUDED, reason, told)
    return Planned(source, Disposition.HELD, BLOCKED, told)


def _quarantined(source: SourceDocument, findings: Sequence[Finding]) -> Planned | None:
    grave = [finding for finding in findings if finding.effect is Effect.QUARANTINE]
    if not grave:
        return None
    detail = {"kinds": sorted({finding.kind for finding in grave}), "why": masked(grave[0].detail)[:300]}
    return Planned(source, Disposition.QUARANTINED, grave[0].reason, detail)


def _stopped_by_curation(
    source: SourceDocument, decision: Decision | None, review: list[str], policy: str
) -> Planned | None:
    if decision is None:
        if policy == "required" or (policy == "by_findings" and review):
            return Planned(source, Disposition.HELD, WAITING, {"review": review})
        return None
    if decision.source_hash != source.source_hash:
        return Planned(source, Disposition.HELD, CHANGED, {"decided_at": decision.decided_at.isoformat()})
    if reason := _LEFT_BEHIND.get(decision.verdict):
        return Planned(source, Disposition.EXCLUDED, reason, {"why": masked(decision.reason or "")})
    if why := wrong_with(decision.words or ""):
        return Planned(source, Disposition.HELD, UNUSABLE_WORDS, {"why": why})
    return None


def _stopped_by_enrichment(
    source: SourceDocument, enrichment: Enrichment | None, inputs: str, profile: Profile
) -> Planned | None:
    """Held where album art or metadata are absent, made from other inputs, or not what the profile lets go."""
    if enrichment is None or enrichment.inputs != inputs:
        why = (
            "nobody has made them yet" if enrichment is None else "they were made from other words or choices"
        )
        return Planned(source, Disposition.HELD, ENRICHMENT_WAITING, {"why": why})
    if profile.wants(strategies.REGENERATED) and enrichment.ai_metadata is None:
        return Planned(source, Disposition.HELD, METADATA_FAILED, {"why": masked(enrichment.ai_why)})
    if profile.album_art_pending == "hold" and _art_to_come(enrichment, profile):
        told = {ALBUM_ART: enrichment.art_state, "why": masked(enrichment.art_why)}
        return Planned(source, Disposition.HELD, ALBUM_ART_WAITING, told)
    return None


def _art_to_come(enrichment: Enrichment | None, profile: Profile) -> Mapping[str, Any]:
    """What to tell of a song whose album art is not settled; nothing where it is, or where the profile wants none."""
    if enrichment is None or not profile.wants(strategies.LOOKED_UP) or enrichment.art_state in SETTLED:
        return _NO_DETAIL
    return {ALBUM_ART: enrichment.art_state}


def _needs_review(words: str | None) -> Mapping[str, Any]:
    """What to tell of a document that goes as it is and that a person should look at all the same."""
    return _NO_DETAIL if words is not None and words != strategies.NOTICE else _NEEDS_REVIEW


def wrong_with(words: str) -> str | None:
    """Why a curator's words may not be published; what got that far would fail its whole layer."""
    if len(words) > texts.CREATOR_DESCRIPTION_LIMIT:
        return f"{len(words)} characters, {texts.CREATOR_DESCRIPTION_LIMIT} allowed"
    return "a name where words belong" if is_hfn(words.strip().split(":")[0]) else None


def _document(of: strategies.Material, kind: str, profile: Profile) -> dict[str, Any]:
    """The new document: every source field in its place, then the Phase 2B fields."""
    body = of.body
    document = dict(body)
    if profile.json_strings == "parse":
        for name in JSON_FIELDS:
            if is_text(body.get(name)):
                document[name] = shapes.parse_json_object(body[name])
    if isinstance(body.get("components"), list):
        document["components"] = shapes.without_blanks(body["components"])
    if profile.rewrite_bucket is not None and is_text(body.get("gcpStorageUrl")):
        document["gcpStorageUrl"] = body["gcpStorageUrl"].replace(
            f"/{STAGING_BUCKET}/", f"/{profile.rewrite_bucket}/", 1
        )
    document["creatorDescription"] = of.words
    document["albumArt"] = strategies.ALBUM_ART[profile.album_art[kind]](of)
    document["aiMetadata"] = strategies.AI_METADATA[profile.ai_metadata[kind]](of)
    if kind == "songs":
        document["musicMetadata"] = strategies.MUSIC_METADATA[profile.music_metadata](of)
    return document
