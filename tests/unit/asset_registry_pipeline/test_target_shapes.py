"""The schema of the new fields: what a profile makes passes, anything else is named by its field and what is wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry.target_shapes import shape_errors, unknown_shape
from asset_registry_pipeline.stores.files import load_profile

FULL = {
    "generatedBy": "Legacy", "generationStrategy": "pre-ai", "processingTime": 0,
    "inputContext": {"creatorDescription": "x", "layerStrategy": "S", "additionalContext": None},
    "confidence": None, "generatedAt": datetime(2025, 3, 1, tzinfo=UTC), "version": "legacy",
}  # fmt: skip
SIMPLE = {
    "generatedDescription": "x", "mood": None, "genre": [], "tempo": None, "key": None, "duration": None, "bpm": 96,
    "tags": ["a"],
}  # fmt: skip
MARKER = {"generatedBy": "Legacy", "generationStrategy": "pre-ai", "generatedAt": None}
ART = {
    "url": "https://x.invalid/a.png", "sourceUrl": "https://x.invalid/s.png", "source": "iTunes", "quality": "High",
    "uploadedAt": datetime(2025, 3, 1, tzinfo=UTC), "contentType": "image/png", "size": 5,
    "dimensions": {"width": 600, "height": 600},
}  # fmt: skip
MUSIC = {
    "bpm": 96, "key": "A minor", "duration": None, "genre": ["pop"],
    "extractedSongData": {"songName": "a", "albumName": None, "artistName": "b", "originalInput": "a by b"},
}  # fmt: skip
ANALYSIS = {
    "totalComponents": 5, "layerBreakdown": dict.fromkeys("GSLMW", 1), "aggregatedTags": ["pop"],
    "aggregatedDescription": "x", "compatibilityScore": 0.5,
}  # fmt: skip
MADE_OF = {"default": FULL, "plan_000": SIMPLE, "plan_001": None, "plan_002": MARKER}


def made(**changes: Any) -> dict[str, Any]:
    """A new composite of the default profile, but for the changes; a change to `...` removes the field."""
    document = {
        "name": "n", "creatorDescription": "x", "albumArt": None, "aiMetadata": FULL, "componentAnalysis": ANALYSIS,
    } | changes  # fmt: skip
    return {field: value for field, value in document.items() if value is not ...}


def errors(
    document: dict[str, Any], kind: str = "composites", profile: str = "default", **given: Any
) -> list[str]:
    return shape_errors(document, kind, load_profile(profile), **given)


@pytest.mark.parametrize("profile", MADE_OF)
def test_only_the_metadata_that_a_profile_makes_has_its_shape(profile: str) -> None:
    for metadata in MADE_OF.values():
        wrong = errors(made(aiMetadata=metadata), "components", profile)
        assert (wrong == []) is (metadata is MADE_OF[profile])
        assert all(each.startswith("aiMetadata") for each in wrong)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"creatorDescription": "x" * 501}, "creatorDescription: String should have at most 500"),
        ({"creatorDescription": 5}, "creatorDescription: Input should be a valid string"),
        ({"creatorDescription": ...}, "creatorDescription: Field required"),
        ({"albumArt": ...}, "albumArt: Field required"),
        ({"albumArt": ART}, "albumArt: Input should be None"),
        (
            {"aiMetadata": FULL | {"confidence": 1.5}},
            "aiMetadata.confidence: Input should be less than or equal to 1",
        ),
        ({"aiMetadata": FULL | {"surprise": 1}}, "aiMetadata.surprise: Extra inputs"),
        ({"aiMetadata": FULL | {"processingTime": "0"}}, "aiMetadata.processingTime"),
        (
            {"aiMetadata": FULL | {"inputContext": {}}},
            "aiMetadata.inputContext.creatorDescription: Field required",
        ),
        ({"componentAnalysis": None}, "componentAnalysis: Input should be a valid dict"),
        ({"componentAnalysis": ANALYSIS | {"totalComponents": 11}}, "componentAnalysis.totalComponents"),
        (
            {"componentAnalysis": ANALYSIS | {"layerBreakdown": {"G": 1}}},
            "componentAnalysis.layerBreakdown.S",
        ),
        (
            {"componentAnalysis": ANALYSIS | {"aggregatedTags": ["t"] * 11}},
            "componentAnalysis.aggregatedTags",
        ),
        (
            {"componentAnalysis": ANALYSIS | {"compatibilityScore": -0.1}},
            "componentAnalysis.compatibilityScore",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field(changes: dict[str, Any], told: str) -> None:
    wrong = errors(made(**changes))
    assert any(each.startswith(told) for each in wrong), wrong
    assert errors(made()) == []


def test_a_song_may_have_album_art_or_none_yet_and_must_have_its_music() -> None:
    song = made(componentAnalysis=..., musicMetadata=MUSIC)
    assert errors(song, "songs") == errors(song | {"albumArt": ART}, "songs") == []
    assert errors(song | {"albumArt": ART | {"source": "Internet"}}, "songs")[0].startswith("albumArt.source")
    assert errors(song | {"musicMetadata": None}, "songs")[0].startswith("musicMetadata")


def test_what_staging_had_already_may_have_any_known_shape() -> None:
    kept = {"aiMetadata": {"mood": "calm"}, "albumArt": "https://x.invalid/a.png"}
    assert errors(made(**kept), before=kept) == []
    assert len(errors(made(**kept), before={})) > 1
    assert errors(made(**kept), before={"aiMetadata": {"mood": "calm"}, "albumArt": ""}) != []


@pytest.mark.parametrize(
    ("field", "known", "unknown"),
    [
        ("aiMetadata", [FULL, SIMPLE, MARKER, {"mood": "calm"}], [{"mood": 1}, {"x": "y"}, "text", [1]]),
        ("albumArt", [ART, "https://x.invalid/a.png"], ["a.png", {"url": "https://x.invalid/a.png"}, 5]),
        ("musicMetadata", [MUSIC], [{"bpm": 96}, MUSIC | {"bpm": -1}]),
        ("componentAnalysis", [ANALYSIS], [{}, ANALYSIS | {"totalComponents": True}]),
    ],
)
def test_a_shape_of_the_contract_is_known_and_any_other_is_not(
    field: str, known: list[Any], unknown: list[Any]
) -> None:
    assert [unknown_shape(field, value) for value in known] == [[]] * len(known)
    for value in unknown:
        assert unknown_shape(field, value)[0].startswith(field)
