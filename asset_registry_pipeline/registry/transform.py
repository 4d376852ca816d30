"""From a staging document to its outcome: ready with a new document, held, excluded or quarantined.

Pure and total: no content makes it raise. Encoding, staging and publishing are the steps' work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from asset_registry_pipeline.registry import composites, shapes, strategies, texts
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.aggregation import Features, component_analysis
from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.documents import JSON_FIELDS, SourceDocument, masked
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.kinds import Effect
from asset_registry_pipeline.registry.layers import kind_of
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.shapes import is_text

STAGING_BUCKET = "nna_registry_assets_stg"
WAITING = "waiting for a curator"
CHANGED = "staging changed since the curator's decision"
UNUSABLE_WORDS = "the curator's words cannot be used"
REJECTED = "rejected by a curator"
BLOCKED = "a component is missing, rejected or not migrated"


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


@dataclass(frozen=True)
class Directory:
    """What composites are resolved against: components in development, their features, and why others are not."""

    find: Callable[[str], composites.Component | None]
    features: Callable[[str], Features]
    why_missing: Callable[[str], str]


def plan_asset(
    source: SourceDocument, findings: Sequence[Finding], decision: Decision | None, profile: Profile
) -> Planned:
    """The outcome of a component or a song."""
    if stopped := _quarantined(source, findings):
        return stopped
    body = source.body or {}
    kind = kind_of(source.layer)
    review = sorted({finding.kind for finding in findings if finding.effect is Effect.REVIEW})
    if stopped := _stopped_by_curation(source, decision, review, profile.curation[kind]):
        return stopped
    own = strategies.CREATOR_DESCRIPTION[profile.creator_description[kind]](body)
    words = decision.words if decision is not None and decision.words else own
    if kind == "songs" and profile.creator_description[kind] == "curator_only" and not words:
        return Planned(source, Disposition.HELD, UNUSABLE_WORDS, {"why": "there are none"})
    return Planned(source, Disposition.READY, document=_document(body, words, decision, kind, profile))


def plan_composite(
    source: SourceDocument, findings: Sequence[Finding], profile: Profile, directory: Directory
) -> Planned:
    """The outcome of a composite: held with the exact list of what it waits for, or with its analysis."""
    if stopped := _quarantined(source, findings):
        return stopped
    body = source.body or {}
    references = (
        composites.read_components(body.get("components") or []) or composites.read_name(body["name"])[1]
    )
    resolution = composites.resolve(references, directory.find)
    if breach := composites.structural_breach(references, resolution.components):
        return Planned(
            source, Disposition.QUARANTINED, "the composite breaks a rule of structure", {"why": breach}
        )
    if resolution.missing:
        missing = [
            {"reference": reference.written, "why": directory.why_missing(reference.key)}
            for reference in resolution.missing
        ]
        return Planned(source, Disposition.HELD, BLOCKED, {"missing": missing})
    words = strategies.CREATOR_DESCRIPTION[profile.creator_description["composites"]](body)
    document = _document(body, words, None, "composites", profile)
    if profile.composite_components == "addresses":
        document["components"] = [component.address for component in resolution.components]
    document["componentAnalysis"] = component_analysis(
        [directory.features(component.item) for component in resolution.components]
    )
    return Planned(source, Disposition.READY, document=document)


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
    if decision.verdict is Verdict.REJECT:
        return Planned(source, Disposition.EXCLUDED, REJECTED, {"why": masked(decision.reason or "")})
    if why := _wrong_with(decision.words or ""):
        return Planned(source, Disposition.HELD, UNUSABLE_WORDS, {"why": why})
    return None


def _wrong_with(words: str) -> str | None:
    """Why a curator's words may not be published; what got that far would fail its whole layer."""
    if len(words) > texts.CREATOR_DESCRIPTION_LIMIT:
        return f"{len(words)} characters, {texts.CREATOR_DESCRIPTION_LIMIT} allowed"
    return "a name where words belong" if is_hfn(words.strip().split(":")[0]) else None


def _document(
    body: Mapping[str, Any], words: str | None, decision: Decision | None, kind: str, profile: Profile
) -> dict[str, Any]:
    """The new document: every source field in its place, then the Phase 2B fields."""
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
    document["creatorDescription"] = words
    document["albumArt"] = body.get("albumArt")
    document["aiMetadata"] = strategies.AI_METADATA[profile.ai_metadata[kind]](body, words, decision)
    if kind == "songs":
        wanted = profile.music_metadata == "from_words" and words
        document["musicMetadata"] = (
            strategies.music_metadata_from_words(body, words) if wanted and words else None
        )
    return document
