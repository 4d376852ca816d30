"""References of composites in every form that occurs, the rules of structure, and what a composite inherits."""

from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.aggregation import (
    Features,
    aggregate_descriptions,
    compatibility,
    component_analysis,
)
from asset_registry_pipeline.registry.composites import (
    Component,
    UnreadableReferenceError,
    missing_layers,
    read_components,
    read_name,
    resolve,
    structural_breach,
)
from tests.unit.asset_registry_pipeline.lookups import index_components

FIVE = ["G.003.003.001", "S.001.002.004", "L.006.005.001", "M.017.001.017", "W.007.004.001"]


def keys(references: Any) -> list[str]:
    return [reference.key for reference in references]


@pytest.mark.parametrize(
    "rest",
    [
        ":".join(FIVE),
        "+".join(FIVE),
        ", ".join(FIVE),
        f"[{','.join(FIVE)}].mp4",
        f"( {' + '.join(FIVE)} )",
        ":".join(["1.003.003.001", *FIVE[1:]]),
        ":" + "::".join(FIVE) + ":",
    ],
)
def test_a_name_lists_its_components_in_every_form_that_occurs(rest: str) -> None:
    own, references = read_name(f"C.FUL.POP.125:{rest}")
    assert own == "C.FUL.POP.125"
    assert keys(references) == FIVE


@pytest.mark.parametrize("name", ["C.FUL.POP.125", "C.FUL.POP.125:", "C.FUL.POP.125:[]", "C.FUL.POP.125.mp4"])
def test_a_name_without_a_list_has_no_components(name: str) -> None:
    assert read_name(name) == ("C.FUL.POP.125", ())


def test_components_may_be_texts_names_ids_and_objects() -> None:
    identifier = ObjectId("5" * 24)
    references = read_components(
        ["", "G.HIP.MOD.001", " 2.001.007.001 ", identifier, {"_id": identifier, "name": "S.POP.HPM.001"},
         {"nnaAddress": "5.007.004.001", "friendlyName": "W.A1.B1.001", "layer": "W"}]
    )  # fmt: skip
    assert keys(references) == [
        "G.HIP.MOD.001", "S.001.007.001", "5" * 24, "S.POP.HPM.001", "W.007.004.001",
    ]  # fmt: skip
    assert references[3].keys == ("S.POP.HPM.001", "5" * 24)


@pytest.mark.parametrize("entry", [5, None, 1.5, {"x": 1}, {"name": {"a": 1}}, ["S.001.002.004"]])
def test_an_entry_that_is_no_reference_is_named(entry: object) -> None:
    with pytest.raises(UnreadableReferenceError, match="component"):
        read_components([entry])


@given(st.text(max_size=80))
def test_no_name_makes_the_parser_fail(name: str) -> None:
    read_name(name)
    read_components([name])


def test_references_resolve_by_address_then_name_then_id() -> None:
    star = Component("5" * 24, "S", "S.POP.HPM.001", "S.001.007.001")
    find = index_components([star]).get
    for written in ("S.001.007.001", "2.001.007.001", "S.POP.HPM.001", "5" * 24):
        assert resolve(read_components([written]), find).components == (star,)
    resolution = resolve(read_components(["S.POP.HPM.001", "S.001.007.002"]), find)
    assert keys(resolution.missing) == ["S.001.007.002"]


@pytest.mark.parametrize(
    ("listed", "breach"),
    [
        ([], "0 components"),
        (FIVE[:1], "1 components"),
        ([f"S.001.002.{number:03d}" for number in range(11)], "11 components"),
        ([FIVE[0], FIVE[0]], "twice"),
        ([FIVE[0], "1.003.003.001"], "twice"),
        ([FIVE[0], "C.001.001.001"], "composite inside"),
        ([FIVE[0], "T.001.001.001"], "layer T"),
    ],
)
def test_a_breach_of_structure_is_named(listed: list[str], breach: str) -> None:
    assert breach in (structural_breach(read_components(listed)) or "")


def test_a_component_named_in_two_ways_is_found_twice_once_it_is_resolved() -> None:
    star = Component("5" * 24, "S", "S.POP.HPM.001", "S.001.007.001")
    references = read_components(["S.001.007.001", "S.POP.HPM.001"])
    assert structural_breach(references) is None
    assert "twice" in (structural_breach(references, (star, star)) or "")


def test_the_song_is_found_by_its_layer_wherever_it_stands() -> None:
    assert structural_breach(read_components(FIVE)) is None
    assert missing_layers(reference.layer or "" for reference in read_components(FIVE[::-1])) == ()
    assert missing_layers("SLMW") == ("G",)


def features(**changes: Any) -> Features:
    known = {"layer": "S", "tags": ("a", "b"), "bpm": 100, "genre": "pop", "energy": "high", "mood": "happy"}
    return Features(**{**known, **changes})


def test_equal_components_go_together_perfectly() -> None:
    assert compatibility([features(), features()]) == 1.0


def test_the_score_adds_up_its_five_weights() -> None:
    other = features(bpm=130, genre="disco", energy="medium", tags=("b", "c"), mood="sad")
    # tempo .30 * .5 + genre .25 * .7 + energy .20 * .6 + style .15 / 3 + mood .10 * 0
    assert compatibility([features(), other]) == pytest.approx(0.15 + 0.175 + 0.12 + 0.05)


@pytest.mark.parametrize(
    "absent", [{"bpm": None}, {"genre": None}, {"energy": None}, {"mood": None}, {"tags": ()}]
)
def test_a_missing_input_gives_no_score_rather_than_a_neutral_one(absent: dict[str, Any]) -> None:
    assert compatibility([features(), features(**absent)]) is None
    assert compatibility([features()]) is None


def test_tags_are_counted_once_a_component_and_ordered_by_frequency() -> None:
    tags = [("Pop", "pop ", "x"), ("pop", "y"), ("y", "z")]
    assert component_analysis([Features("S", tags=each) for each in tags])["aggregatedTags"] == [
        "pop",
        "y",
        "x",
        "z",
    ]
    many = Features("S", tags=tuple(str(number) for number in range(20)))
    assert len(component_analysis([many])["aggregatedTags"]) == 10


def test_the_analysis_counts_layers_and_describes_the_song_first() -> None:
    parts = [Features("W", "A place. More."), Features("G", "A song. More."), Features("B", "")]
    analysis = component_analysis(parts)
    assert analysis["totalComponents"] == 3
    assert analysis["layerBreakdown"] == {"G": 1, "S": 0, "L": 0, "M": 0, "W": 1, "B": 1}
    assert analysis["compatibilityScore"] is None
    assert aggregate_descriptions(parts) == "Songs: A song. Worlds: A place."
