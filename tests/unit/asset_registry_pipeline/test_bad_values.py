"""Whatever stands in whichever field: nothing raises, nothing is lost, and what is ready has the shape of its plan."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from asset_registry_pipeline.registry import target_shapes
from asset_registry_pipeline.registry.aggregation import Features
from asset_registry_pipeline.registry.composites import Component
from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.documents import PHASE_2B_FIELDS, STAGING_FIELDS
from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.layers import kind_of
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.registry.transform import (
    Absence,
    Directory,
    Disposition,
    Planned,
    plan_asset,
    plan_composite,
)
from asset_registry_pipeline.stores.files import load_profile
from tests.unit.asset_registry_pipeline.found_out import found_out
from tests.unit.asset_registry_pipeline.lookups import index_components

PROFILES = {name: load_profile(name) for name in ("default", "plan_000", "plan_001", "plan_002")}
FIELDS = (*STAGING_FIELDS[1:], *PHASE_2B_FIELDS, "friendlyName", "language", "a.b", "$where", "")
SCALARS = st.sampled_from(
    (
        None, "", " \n\t", "test", "some text", "\U0001f468\u200d\U0001f469", "a b " * 125, "a b " * 125 + "c", "[]",
        '{"a":1}', '{"a":NaN}', "undefined", "S.POP.HPM.001", "2.001.007.001", "https://x.invalid/a.png", "\x00", True,
        7, Int64(2**40), 1.5, float("nan"), float("inf"), Decimal128("1.10"), datetime(2025, 5, 5, tzinfo=UTC),
        DatetimeMS(2**60), ObjectId("5" * 24), Binary(b"\x00\xff", 128), b"bytes", Regex("a+", "i"), Code("return 1"),
        Code("x", {"x": 1}), Timestamp(1, 1), MinKey(), MaxKey(), DBRef("assets", 1), -1, 2**70,
    )
)  # fmt: skip
KEYS = st.sampled_from(
    (
        "0",
        "1",
        "a.b",
        "$set",
        "",
        "name",
        "_id",
        "nnaAddress",
        "url",
        "confidence",
        "generatedBy",
        "mood",
        "tags",
    )
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)
DECISION = Decision(
    "G", "G.HIP.MOD.001", "G.003.003.001", "hash-1", Verdict.EDIT, "Anxiety by Doechii. A slow song.", None, "c",
    datetime(2025, 9, 1, tzinfo=UTC),
)  # fmt: skip
SONG = Component("song-1", "G", "G.HIP.MOD.001", "G.003.003.001")
STAR = Component("star-1", "S", "S.POP.HPM.001", "S.001.007.001")
DIRECTORY = Directory(
    find=index_components([SONG, STAR]).get,
    features=lambda item: Features(item[0].upper(), "A text.", ("pop",)),
    why_missing=lambda key: Absence("not in staging"),
)


def outcome(make: Any, taxonomy: Taxonomy, document: dict[str, Any], profile: str) -> Planned:
    source = make.source(document)
    found = inspect(source, taxonomy)
    assert all(finding.kind in KINDS and isinstance(finding.detail, str) for finding in found)
    if source.layer == "C":
        return plan_composite(source, found, PROFILES[profile], DIRECTORY)
    about = replace(PROFILES[profile], curation=dict.fromkeys(PROFILES[profile].curation, "none"))
    if source.layer != "G":
        return plan_asset(source, found, None, about)
    decision = DECISION if about.creator_description["songs"] == "curator_only" else None
    if any(finding.effect is Effect.QUARANTINE for finding in found):
        return plan_asset(source, found, decision, about)
    return plan_asset(source, found, decision, about, found_out(source, decision, about))


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_value_in_any_field_raises_and_what_is_ready_has_its_shape(
    make: Any, taxonomy: Taxonomy, data: st.DataObject
) -> None:
    document = data.draw(
        st.sampled_from((make.star(), make.song(), make.composite(["S.001.007.001", "G.003.003.001"]))).map(
            deepcopy
        )
    )
    for field in data.draw(st.lists(st.sampled_from(FIELDS[1:]), min_size=1, max_size=3)):
        document[field] = data.draw(VALUES)
    before, profile = deepcopy(document), data.draw(st.sampled_from((*PROFILES,)))
    planned = outcome(make, taxonomy, document, profile)
    assert repr(document) == repr(before)
    if planned.disposition is Disposition.READY:
        assert planned.document is not None
        kind = kind_of(document["layer"])
        assert target_shapes.shape_errors(planned.document, kind, PROFILES[profile], document) == []
    else:
        assert planned.reason
        assert planned.document is None


@pytest.mark.parametrize("layer", [5, None, ["S"], {"S": 1}])
def test_a_layer_that_is_no_text_quarantines(make: Any, taxonomy: Taxonomy, layer: object) -> None:
    planned = outcome(make, taxonomy, make.star(layer=layer), "default")
    assert planned.disposition is Disposition.QUARANTINED


@pytest.mark.parametrize(
    ("length", "kept", "found"), [(499, 499, False), (500, 500, False), (501, 500, True)]
)
def test_five_hundred_characters_go_as_they_are_and_one_more_is_shortened(
    make: Any, taxonomy: Taxonomy, length: int, kept: int, found: bool
) -> None:
    # One word, and emoji beyond the basic plane: characters are counted, not bytes or UTF-16 units.
    document = make.star(description=("\U0001f600ab" * length)[:length])
    words = outcome(make, taxonomy, document, "default").document["creatorDescription"]
    assert len(words) == kept
    kinds = {finding.kind for finding in inspect(make.source(document), taxonomy)}
    assert ("long_description" in kinds) is found


@pytest.mark.parametrize("empty", ["", " ", "\n\t ", "\u00a0\u2003", "\x00\x1f"])
def test_an_empty_description_is_a_finding_for_review_whatever_it_is_made_of(
    make: Any, taxonomy: Taxonomy, empty: str
) -> None:
    found = {
        finding.kind: finding.effect
        for finding in inspect(make.source(make.star(description=empty)), taxonomy)
    }
    assert found["no_description"] is Effect.REVIEW


def test_keys_with_a_dollar_or_a_point_are_told_and_kept(make: Any, taxonomy: Taxonomy) -> None:
    document = make.star(**{"a.b": 1, "$set": {"c.d": 2}})
    assert {"unexpected_field"} <= {finding.kind for finding in inspect(make.source(document), taxonomy)}
    after = outcome(make, taxonomy, document, "default").document
    assert (after["a.b"], after["$set"]) == (1, {"c.d": 2})
