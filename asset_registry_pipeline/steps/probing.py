"""Documents of the new shape, made of a few of staging's, to ask a validator about before anything is written."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from asset_registry_pipeline.registry.aggregation import Features
from asset_registry_pipeline.registry.ai_metadata import RULES_VERSION, made_by_rules
from asset_registry_pipeline.registry.composites import Component
from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.enrichment import Enrichment, inputs_of, time_of_words
from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, MIGRATED_LAYERS, SONG_LAYERS
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.registry.transform import (
    Absence,
    Directory,
    Planned,
    plan_asset,
    plan_composite,
    words_of,
)
from asset_registry_pipeline.stores.staging import Staging

_LOOKED_AT, _OF_EACH_LAYER = 50, 3
_WORDS = "Words as a curator may write them."
_ALBUM_ART: Mapping[str, Any] = {
    "url": "https://example.invalid/cover.jpg", "sourceUrl": "https://example.invalid/source.jpg", "source": "Manual",
    "quality": "High", "contentType": "image/jpeg", "size": 1, "dimensions": {"width": 600, "height": 600},
}  # fmt: skip


def samples(
    staging: Staging, profile: Profile, taxonomy: Taxonomy
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of each layer a few new documents, with what they are called: as if every curator had decided already."""
    for layer in MIGRATED_LAYERS:
        planned = (_planned(one, profile, taxonomy) for one in islice(staging.read(layer), _LOOKED_AT))
        ready = ((one.source.label, one.document) for one in planned if one.document is not None)
        yield from islice(ready, _OF_EACH_LAYER)


def _planned(source: SourceDocument, profile: Profile, taxonomy: Taxonomy) -> Planned:
    findings = inspect(source, taxonomy)
    if source.layer in COMPOSITE_LAYERS:
        return plan_composite(source, findings, profile, _EVERYTHING)
    body = source.body or {}
    decision = Decision(
        layer=source.layer,
        name=str(body.get("name")),
        nna_address=str(body.get("nna_address")),
        source_hash=source.source_hash,
        verdict=Verdict.EDIT,
        words=_WORDS,
        reason=None,
        decided_by="preflight",
        decided_at=datetime(2000, 1, 1, tzinfo=UTC),
    )
    return plan_asset(source, findings, decision, profile, _enrichment(source, decision, profile))


def _enrichment(source: SourceDocument, decision: Decision, profile: Profile) -> Enrichment | None:
    """As if everything had been found out about a song; None for what is no song."""
    if source.layer not in SONG_LAYERS:
        return None
    body = source.body or {}
    words = words_of(body, decision, "songs", profile)
    made_at = time_of_words(body, decision)
    return Enrichment(
        key=decision.key,
        inputs=inputs_of(source, decision, words, RULES_VERSION),
        album_art={**_ALBUM_ART, "uploadedAt": made_at},
        art_state="settled",
        art_by="curator",
        art_why="",
        candidates=(),
        ai_metadata=made_by_rules(words or "", (), layer=source.layer, made_at=made_at),
        ai_state="made",
        ai_why="",
    )


def _component(key: str) -> Component:
    """A component for whatever a composite refers to."""
    layer = key[0] if key[1:2] == "." else "S"
    return Component(key, layer, key, key)


_EVERYTHING = Directory(
    find=_component,
    features=lambda item: Features(item[0] if item[1:2] == "." else "S", _WORDS, ("tag",)),
    why_missing=lambda _: Absence(""),
)
