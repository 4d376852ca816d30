"""The transform by profile: what each plan makes of a document (golden), and every disposition with its reason."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry import strategies
from asset_registry_pipeline.registry.aggregation import Features
from asset_registry_pipeline.registry.composites import Component
from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.registry.transform import (
    BLOCKED,
    BUILT_FROM_EXCLUDED,
    BUILT_FROM_REJECTED,
    BUILT_FROM_TEST,
    CHANGED,
    EXCLUDED,
    MARKED_AS_TEST,
    REJECTED,
    UNUSABLE_WORDS,
    WAITING,
    Absence,
    Directory,
    Planned,
    absence_of,
    plan_asset,
    plan_composite,
)
from asset_registry_pipeline.stores.files import load_profile
from tests.unit.asset_registry_pipeline.found_out import found_out
from tests.unit.asset_registry_pipeline.lookups import index_components

WHEN = datetime(2025, 9, 1, tzinfo=UTC)
LONG = "This sentence has exactly fifty characters, my dear. " * 12


def decision(
    verdict: str = "edit", words: str | None = "Words by Someone from Album.", **changes: Any
) -> Decision:
    given = {
        "layer": "G", "name": "n", "nna_address": "a", "source_hash": "hash-1", "verdict": Verdict(verdict),
        "words": words, "reason": "because c@example.invalid", "decided_by": "c", "decided_at": WHEN,
    } | changes  # fmt: skip
    return Decision(**given)


@pytest.fixture
def plan(make: Any, taxonomy: Taxonomy) -> Any:
    def run(document: dict[str, Any], about: Decision | None = None, profile: str = "default") -> Planned:
        source, by = make.source(document), load_profile(profile)
        known = found_out(source, about, by) if source.layer == "G" else None
        return plan_asset(source, inspect(source, taxonomy), about, by, known)

    return run


# What each plan makes of creatorDescription and aiMetadata.generatedBy for a star: with, without, with a long text.
GOLDEN = {
    "default": ("A calm performer with a warm voice.", None, LONG[: 9 * 53 - 1], "Legacy"),
    "plan_000": ("A calm performer with a warm voice.", strategies.NOTICE, LONG[: 9 * 53 - 1], None),
    "plan_001": ("A calm performer with a warm voice.", "", LONG[: 9 * 53 - 1], "none"),
    "plan_002": ("S.POP.HPM.001", "S.POP.HPM.001", "S.POP.HPM.001", "Legacy"),
}


@pytest.mark.parametrize("profile", GOLDEN)
def test_each_plan_makes_its_own_words_and_metadata_for_a_star(plan: Any, make: Any, profile: str) -> None:
    with_text, without_text, with_long, generated_by = GOLDEN[profile]
    approved = decision("approve", None)
    for description, words in ((..., with_text), ("", without_text), (LONG, with_long)):
        changes = {} if description is ... else {"description": description}
        document = plan(make.star(**changes), approved, profile).document
        assert document["creatorDescription"] == words
        metadata = document["aiMetadata"]
        assert (metadata.get("generatedBy") if metadata else "none") == generated_by
        assert document["albumArt"] is None
        assert document["description"] == make.star(**changes)["description"]


def test_plan_000_takes_description_and_tags_into_the_simple_shape(plan: Any, make: Any) -> None:
    metadata = plan(make.star(), decision("approve", None), "plan_000").document["aiMetadata"]
    assert metadata == {
        "generatedDescription": "A calm performer with a warm voice.", "mood": None, "genre": [], "tempo": None,
        "key": None, "duration": None, "bpm": None, "tags": ["pop", "hipster"],
    }  # fmt: skip


def test_plan_002_takes_the_friendly_name_where_there_is_one(plan: Any, make: Any) -> None:
    document = plan(make.star(friendlyName="Calm One"), None, "plan_002").document
    assert document["creatorDescription"] == "Calm One"
    assert document["aiMetadata"] == {
        "generatedBy": "Legacy", "generationStrategy": "pre-ai", "generatedAt": document["createdAt"],
    }  # fmt: skip


def test_a_copy_keeps_every_field_in_its_place_and_parses_only_json(plan: Any, make: Any) -> None:
    before = make.star(extra={"x": 1})
    after = plan(before).document
    assert list(after)[: len(before)] == list(before)
    assert after["trainingData"] == {"prompts": [], "images": [], "videos": []}
    assert after["rights"] == {"source": "Original", "rights_split": "100%"}
    assert after["components"] == []
    untouched = {*before} - {"trainingData", "rights", "components"}
    assert {field: after[field] for field in untouched} == {field: before[field] for field in untouched}


def test_a_song_has_its_curators_words_and_metadata_made_from_them(plan: Any, make: Any) -> None:
    words = "Anxiety by Doechii from Alligator. A slow hip hop song at 96 BPM."
    document = plan(make.song(), decision(words=words)).document
    assert document["creatorDescription"] == words
    assert document["aiMetadata"]["generatedBy"] == "rules"
    assert document["aiMetadata"]["generatedAt"] == WHEN
    assert document["musicMetadata"] == {
        "bpm": 96, "key": None, "duration": 173.5, "genre": ["hip-hop"],
        "extractedSongData": {
            "songName": "Anxiety", "albumName": "Alligator", "artistName": "Doechii", "originalInput": words,
        },
    }  # fmt: skip
    assert plan(make.song(), decision(words=words)).document == document


@pytest.mark.parametrize(
    ("about", "disposition", "reason"),
    [
        (None, "held", WAITING),
        (decision("reject"), "excluded", REJECTED),
        (decision("test"), "excluded", MARKED_AS_TEST),
        (decision("exclude", None), "excluded", EXCLUDED),
        (decision(source_hash="older"), "held", CHANGED),
        (decision("reject", source_hash="older"), "held", CHANGED),
        (decision(words="w" * 501), "held", UNUSABLE_WORDS),
        (decision("approve", None), "held", UNUSABLE_WORDS),
        (decision(words="w" * 500), "ready", None),
        (decision(words="<script>alert(1)</script> =1+1"), "ready", None),
    ],
)
def test_a_song_goes_only_with_a_usable_decision_about_the_present_source(
    plan: Any, make: Any, about: Decision | None, disposition: str, reason: str | None
) -> None:
    planned = plan(make.song(), about)
    assert (planned.disposition, planned.reason) == (disposition, reason)
    assert (planned.document is not None) is (disposition == "ready")
    assert "@" not in str(planned.detail).replace("***@", "")


def test_curators_words_are_kept_byte_for_byte(plan: Any, make: Any) -> None:
    words = "  \u201cQuoted\u201d <b>words</b>\n\n=1+1 \U0001f600 "
    assert plan(make.song(), decision(words=words)).document["creatorDescription"] == words


def test_what_findings_doubt_waits_for_a_curator_and_an_approval_lets_it_go(plan: Any, make: Any) -> None:
    doubtful = make.star(description="test")
    assert plan(doubtful).reason == WAITING
    assert plan(doubtful).detail == {"review": ["placeholder_description"]}
    assert plan(doubtful, decision("approve", None)).document["creatorDescription"] is None
    assert plan(doubtful, decision()).document["creatorDescription"] == "Words by Someone from Album."
    assert plan(doubtful, decision("reject")).reason == REJECTED


def test_plan_000_wants_a_curator_for_every_component(plan: Any, make: Any) -> None:
    assert plan(make.star(), None, "plan_000").reason == WAITING
    assert plan(make.star()).disposition == "ready"


def test_metadata_spread_into_characters_or_stringified_is_repaired_and_kept(plan: Any, make: Any) -> None:
    for stored in (dict(zip(map(str, range(10)), '{"bpm":90}', strict=True)), '{"bpm":90}', {"bpm": 90}):
        assert plan(make.star(aiMetadata=stored)).document["aiMetadata"] == {"bpm": 90}


def test_a_name_never_becomes_a_creators_description(plan: Any, make: Any) -> None:
    planned = plan(make.star(creatorDescription="S.POP.HPM.001"), decision("approve", None))
    assert planned.document["creatorDescription"] == "A calm performer with a warm voice."
    assert plan(make.star(creatorDescription="S.POP.HPM.001")).reason == WAITING


def test_a_grave_finding_quarantines_with_its_reason(plan: Any, make: Any) -> None:
    planned = plan(make.star(nna_address="S.undefined.undefined.001"))
    assert planned.disposition == "quarantined"
    assert planned.reason == "'undefined' stands in the address or the name"
    assert planned.detail["kinds"] == ["undefined_in_address"]


STAR = Component("star-1", "S", "S.POP.HPM.001", "S.001.007.001")
SONG = Component("song-1", "G", "G.HIP.MOD.001", "G.003.003.001")


@pytest.fixture
def plan_c(make: Any, taxonomy: Taxonomy) -> Any:
    def run(listed: list[Any], **changes: Any) -> Planned:
        source = make.source(make.composite(listed, **changes))
        directory = Directory(
            find=index_components([STAR, SONG]).get,
            features=lambda item: Features(item[0].upper(), f"The {item}. And more.", ("pop",)),
            why_missing=lambda key: Absence(f"why {key}"),
        )
        return plan_composite(source, inspect(source, taxonomy), load_profile("default"), directory)

    return run


@pytest.mark.parametrize("listed", [["S.001.007.001", "G.003.003.001"], ["S.POP.HPM.001", {"_id": "song-1"}]])
def test_a_composite_lists_addresses_whatever_form_its_references_had(plan_c: Any, listed: list[Any]) -> None:
    document = plan_c(listed).document
    assert document["components"] == ["S.001.007.001", "G.003.003.001"]
    assert document["componentAnalysis"]["totalComponents"] == 2
    assert document["name"].startswith("C.FUL.POP.125:")


def test_components_win_over_the_name_and_the_name_stands_in_for_an_empty_list(plan_c: Any) -> None:
    name = "C.FUL.POP.125:S.001.007.001:G.003.003.001"
    assert plan_c([""], name=name).document["components"] == ["S.001.007.001", "G.003.003.001"]
    differing = "C.FUL.POP.125:S.001.007.009:G.003.003.001"
    assert plan_c(["G.003.003.001", "S.001.007.001"], name=differing).document["components"] == [
        "G.003.003.001", "S.001.007.001",
    ]  # fmt: skip


def test_a_composite_is_held_with_the_exact_list_of_what_it_waits_for(plan_c: Any) -> None:
    planned = plan_c(["S.001.007.001", "1.003.003.009", "L.001.001.001"])
    assert (planned.disposition, planned.reason) == ("held", BLOCKED)
    assert planned.detail["missing"] == [
        {"reference": "1.003.003.009", "why": "why G.003.003.009", "kind": "reference_to_unmigrated"},
        {"reference": "L.001.001.001", "why": "why L.001.001.001", "kind": "reference_to_unmigrated"},
    ]


@pytest.mark.parametrize(
    ("reasons", "reject", "outcome"),
    [
        ([REJECTED, None], "hold", ("held", BLOCKED)),
        ([REJECTED, None], "exclude", ("excluded", BUILT_FROM_REJECTED)),
        ([None, MARKED_AS_TEST], "hold", ("excluded", BUILT_FROM_TEST)),
        ([REJECTED, EXCLUDED], "hold", ("excluded", BUILT_FROM_EXCLUDED)),
        ([None, None], "exclude", ("held", BLOCKED)),
    ],
)
def test_a_verdict_against_a_component_does_to_its_composites_what_the_profile_says(
    make: Any, taxonomy: Taxonomy, reasons: list[str | None], reject: str, outcome: tuple[str, str]
) -> None:
    absences = dict(zip(("S.001.007.001", "G.003.003.001"), reasons, strict=True))
    profile = replace(
        load_profile("default"), cascade={"reject": reject, "test": "exclude", "exclude": "exclude"}
    )
    directory = Directory(
        find={}.get,
        features=Features,
        why_missing=lambda key: absence_of("excluded", absences[key], {}),
    )
    source = make.source(make.composite([*absences]))
    planned = plan_composite(source, inspect(source, taxonomy), profile, directory)
    assert (planned.disposition, planned.reason) == outcome
    assert [each["reference"] for each in planned.detail["missing"]] == [*absences]


def test_a_component_that_was_migrated_before_the_verdict_counts_as_decided_against() -> None:
    absence = absence_of("quarantined", "it would not be migrated now", {"because": MARKED_AS_TEST})
    assert absence.verdict == "test"
    assert absence_of("migrated", None, {}).verdict is None


def test_what_goes_without_a_description_is_marked_for_review_where_the_plan_says_so(
    plan: Any, make: Any
) -> None:
    empty, about = make.star(description=""), decision("approve", None, layer="S")
    assert "needs_review" in plan(empty, about, "plan_000").detail
    assert "needs_review" in plan(empty, about, "default").detail
    assert plan(empty, None, "plan_001").detail == {}
    assert plan(make.star(), about, "plan_000").detail == {}


def test_a_plan_without_curators_waits_for_none_and_takes_words_only_about_the_present_source(
    plan: Any, make: Any
) -> None:
    words, stale = decision(layer="S"), decision(layer="S", source_hash="older")
    assert plan(make.star(), words, "plan_001").document["creatorDescription"] == words.words
    assert plan(make.star(), stale, "plan_001").document["creatorDescription"] == make.star()["description"]
    assert plan(make.star(), stale, "default").reason == CHANGED


def test_one_component_named_in_two_ways_quarantines_the_composite(plan_c: Any) -> None:
    planned = plan_c(["S.001.007.001", "S.POP.HPM.001"])
    assert planned.disposition == "quarantined"
    assert planned.detail["why"] == "the same component twice"


@pytest.mark.parametrize("profile", ["default", "plan_000"])
def test_a_curators_words_that_are_a_name_hold_that_song_and_not_its_layer(
    make: Any, plan: Any, profile: str
) -> None:
    for words in ("G.HIP.MOD.001", " G.HIP.MOD.001:and more"):
        planned = plan(make.song(), decision(words=words), profile)
        assert (planned.disposition, planned.reason) == ("held", UNUSABLE_WORDS)


def test_a_description_that_is_a_name_never_becomes_the_creators_words(make: Any, plan: Any) -> None:
    about = decision("approve", words=None, layer="S")
    planned = plan(make.star(description="S.POP.HPM.001"), about, "plan_000")
    assert planned.document is not None
    assert planned.document["creatorDescription"] == strategies.NOTICE


@pytest.mark.parametrize(
    "metadata", [{"confidence": 95}, '{"confidence": -1}', {"0": '{"confid', "1": 'ence": 7}'}]
)
def test_metadata_of_an_impossible_confidence_quarantines_its_document_alone(
    make: Any, plan: Any, metadata: Any
) -> None:
    planned = plan(make.star(aiMetadata=metadata))
    assert planned.disposition == "quarantined"
    assert planned.reason == "aiMetadata.confidence is not from 0 to 1"
    assert plan(make.star(aiMetadata={"confidence": 0.5})).disposition == "ready"
