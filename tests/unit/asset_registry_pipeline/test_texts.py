"""Texts and shapes: cleaning, shortening, placeholders, JSON in strings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry import shapes
from asset_registry_pipeline.registry.texts import (
    clean,
    duplicates_by_case,
    is_placeholder,
    sentences,
    shorten,
)


@given(st.text(max_size=1500), st.integers(min_value=2, max_value=600))
def test_a_shortened_text_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(shorten(clean(text), limit)) <= limit


@given(st.lists(st.from_regex(r"[A-Z][a-z]{3,40} [a-z]{3,40}\.", fullmatch=True), min_size=1, max_size=30))
def test_shortening_keeps_whole_sentences_from_the_beginning(parts: list[str]) -> None:
    text = " ".join(parts)
    short = shorten(text, 200)
    assert text.startswith(short)
    assert short.endswith(".")


@pytest.mark.parametrize(("length", "shortened"), [(499, False), (500, False), (501, True)])
def test_500_characters_stay_and_501_are_shortened(length: int, shortened: bool) -> None:
    text = ("word " * 120)[: length - 1] + "."
    assert (shorten(text) != text) is shortened
    assert len(shorten(text)) <= 500


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text) or clean(text).startswith("W")


def test_cleaning_takes_away_prefix_quotes_and_blanks() -> None:
    assert (
        clean("W07_NeonTokyo - A \u201cwide\u201d street\u2019s\x00 light. \n\n")
        == 'A "wide" street\'s light.'
    )


@pytest.mark.parametrize(
    "text",
    ["test", "Test asset", "TESTING 123", "please delete", "Please delete this one", "placeholder image", "asdfgh",
     "Asset S.POP.BAS.012 (L.STG.BAS)", "...", "aaaa", "\U0001f600", "N/A", "lorem ipsum dolor"],
)  # fmt: skip
def test_placeholders_tests_and_junk_are_recognised(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    ["A calm performer.", "Tested on stages everywhere, she sings.", "Testament to the nineties.", "Asset"],
)
def test_descriptions_that_only_begin_like_one_are_not_placeholders(text: str) -> None:
    assert not is_placeholder(text)


def test_sentences_do_not_end_at_initials_acronyms_or_credits() -> None:
    text = "Stand by Me by Ben E. King in the U.S.A. feat. nobody. Second one! Third"
    assert list(sentences(text)) == [
        "Stand by Me by Ben E. King in the U.S.A. feat. nobody.", "Second one!", "Third",
    ]  # fmt: skip


def test_duplicate_tags_are_found_whatever_their_case() -> None:
    assert duplicates_by_case(["Pop", "rock", "pop", " POP "]) == ["pop", " POP "]


@pytest.mark.parametrize(
    "text",
    ["", " ", "[]", "1", "null", '"text"', "{", "{'a': 1}", '{"a":1,"a":2}', '{"a":NaN}', '{"a":Infinity}',
     '{"a":' * 20000 + "1" + "}" * 20000],
)  # fmt: skip
def test_only_a_whole_json_object_is_parsed(text: str) -> None:
    with pytest.raises(shapes.ShapeError):
        shapes.parse_json_object(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _json))
def test_every_json_object_in_a_string_is_parsed_to_itself(value: dict[str, object]) -> None:
    assert shapes.parse_json_object(json.dumps(value)) == value


@given(st.dictionaries(st.text(), st.integers(), max_size=5))
def test_a_character_map_is_put_together_again(value: dict[str, int]) -> None:
    spread = {str(index): character for index, character in enumerate(json.dumps(value))}
    assert shapes.is_character_map(spread)
    assert shapes.join_character_map(spread) == value


def test_a_character_map_with_a_hole_is_not_joined() -> None:
    with pytest.raises(shapes.ShapeError, match="missing"):
        shapes.join_character_map({"0": "{", "2": "}"})


def test_equal_json_texts_give_values_that_share_nothing() -> None:
    text = '{"prompts": [], "deep": {"a": [1]}}'
    one = shapes.parse_json_object(text)
    one["prompts"].append("changed")
    one["deep"]["a"].clear()
    assert shapes.parse_json_object(text) == {"prompts": [], "deep": {"a": [1]}}
