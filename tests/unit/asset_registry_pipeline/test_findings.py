"""Every kind of finding about documents has a document in which it is made, and a clean one in which it is not."""

from typing import Any

import pytest

from asset_registry_pipeline.registry.documents import MAXIMUM_SIZE, SourceDocument
from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.taxonomy import Taxonomy

ALWAYS = {"stringified_json", "blank_components"}
MAP = dict(zip(map(str, range(9)), '{"bpm":9}', strict=True))
DEEP: dict[str, Any] = {}
_inner = DEEP
for _ in range(100):
    _inner["a"] = {}
    _inner = _inner["a"]

STARS = [
    ("missing_field", {"rights": ...}),
    ("missing_field", {"tags": None}),
    ("required_field_missing", {"name": ...}),
    ("required_field_missing", {"nna_address": None}),
    ("wrong_type", {"description": 5}),
    ("wrong_type", {"tags": ["a", 1]}),
    ("wrong_type", {"albumArt": 5}),
    ("unexpected_field", {"friendlyName": "x"}),
    ("language_field", {"language": "klingon"}),
    ("undefined_in_address", {"nna_address": "S.undefined.undefined.001"}),
    ("undefined_in_url", {"gcpStorageUrl": "https://storage.googleapis.com/b/S/undefined/x.png"}),
    ("malformed_address", {"nna_address": "S.1.7.1"}),
    ("malformed_address", {"nna_address": "2.001.007.001"}),
    ("malformed_address", {"name": "S.POP.HPM.001\n"}),
    ("unknown_code", {"name": "S.POP.ZZZ.001"}),
    ("address_mismatch", {"nna_address": "S.001.004.001"}),
    ("address_mismatch", {"name": "G.HIP.MOD.001", "nna_address": "G.003.003.001"}),
    ("category_mismatch", {"category": "Rock"}),
    ("code_as_category", {"category": "POP", "subcategory": "HPM"}),
    ("stringified_json", {}),
    ("unparseable_json", {"trainingData": "{prompts: [}"}),
    ("unparseable_json", {"rights": "[]"}),
    ("unparseable_json", {"aiMetadata": "text"}),
    ("character_map", {"aiMetadata": MAP}),
    ("broken_character_map", {"aiMetadata": {"0": "{", "1": "x"}}),
    ("unknown_shape", {"aiMetadata": {"mood": 1}}),
    ("unknown_shape", {"aiMetadata": {"surprise": "x"}}),
    ("unknown_shape", {"aiMetadata": '{"tags": "x"}'}),
    ("unknown_shape", {"albumArt": "no address"}),
    ("unknown_shape", {"albumArt": {"url": "https://x.invalid/y.png"}}),
    ("unknown_shape", {"musicMetadata": {"a": {"b": 1}}}),
    ("impossible_confidence", {"aiMetadata": {"confidence": 1.5}}),
    ("blank_components", {}),
    ("hfn_as_creator_description", {"creatorDescription": "S.POP.HPM.001"}),
    ("no_description", {"description": " \n"}),
    ("placeholder_description", {"description": "Test asset"}),
    ("placeholder_description", {"description": "S.POP.HPM.001"}),
    ("long_description", {"description": "word " * 101}),
    ("trailing_whitespace", {"description": "A calm one.\n"}),
    ("duplicate_tags", {"tags": ["Pop", "pop"]}),
    ("nested_too_deep", {"trainingData": DEEP}),
]  # fmt: skip
REST = ["G.003.003.001", "L.006.005.001", "M.017.001.017", "W.007.004.001"]
COMPOSITES = [
    ("unreadable_reference", {"components": [5]}),
    ("components_differ_from_name", {"components": ["S.001.007.002", *REST]}),
    ("incomplete_composite", {"components": REST}),
    ("broken_structure", {"components": ["S.001.007.001"]}),
]


def test_a_clean_document_has_only_what_every_staging_document_has(make: Any, taxonomy: Taxonomy) -> None:
    assert {finding.kind for finding in inspect(make.source(make.star()), taxonomy)} == ALWAYS


@pytest.mark.parametrize(("kind", "changes"), STARS)
def test_the_finding_is_made_in_a_star(
    make: Any, taxonomy: Taxonomy, kind: str, changes: dict[str, Any]
) -> None:
    kinds = {finding.kind for finding in inspect(make.source(make.star(**changes)), taxonomy)}
    assert kind in kinds
    assert kinds - {kind} <= ALWAYS | {"no_description", "trailing_whitespace", "unexpected_field"}


@pytest.mark.parametrize(("kind", "changes"), COMPOSITES)
def test_the_finding_is_made_in_a_composite(
    make: Any, taxonomy: Taxonomy, kind: str, changes: dict[str, Any]
) -> None:
    document = make.composite(["S.001.007.001", *REST], **changes)
    assert kind in {finding.kind for finding in inspect(make.source(document), taxonomy)}


def test_a_composite_may_name_its_components_in_two_ways_without_a_finding(
    make: Any, taxonomy: Taxonomy
) -> None:
    name = "C.FUL.POP.125:" + "+".join(["S.POP.HPM.001", *REST])
    document = make.composite(["2.001.007.001", *reversed(REST)], name=name)
    assert {finding.kind for finding in inspect(make.source(document), taxonomy)} == {"stringified_json"}


def test_what_cannot_be_read_or_staged_is_found(taxonomy: Taxonomy) -> None:
    unreadable = SourceDocument("x", "S", "h", 10, None, "no UTF-8")
    oversized = SourceDocument("y", "S", "h", MAXIMUM_SIZE + 1, {})
    assert [finding.kind for finding in inspect(unreadable, taxonomy)] == ["unreadable_document"]
    assert [finding.kind for finding in inspect(oversized, taxonomy)] == ["oversized_document"]


def test_every_kind_about_documents_is_made_by_some_test() -> None:
    elsewhere = {
        # Made by looking at several documents, at the layer field, or at the surroundings.
        "duplicate_name", "duplicate_address", "equal_component_sets", "unreadable_document", "oversized_document",
        "outside_the_layers", "legacy_database_name", "counts_off_the_expectation",
        # By planning, by publishing, or before anything is read: `test_late_findings`.
        "reference_to_missing", "reference_to_rejected", "reference_to_unmigrated", "collision",
        "name_or_address_taken", "source_is_target", "unique_index_on_absent_field",
    }  # fmt: skip
    assert {kind for kind, _ in STARS + COMPOSITES} | elsewhere == set(KINDS)


def test_no_finding_that_only_reports_stops_a_document() -> None:
    assert KINDS["equal_component_sets"][0] is Effect.REPORT
    assert KINDS["incomplete_composite"][0] is Effect.REPORT
