"""Differences of texts and of documents: nothing of either side is lost, and nothing is told that is in neither."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.differences import Piece, literal, of_documents, of_texts

WORDS = st.lists(st.sampled_from(["a", "smooth", "track", " ", "\n", "  ", "caf\u00e9", "\U0001f600"])).map(
    "".join
)
TEXTS = st.one_of(st.text(max_size=80), WORDS)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.binary(max_size=3),
        st.datetimes(timezones=st.just(UTC)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["name", "tags", "a", "a.b", "albumArt"]), VALUES)


def _before(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != "added")


def _after(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != "removed")


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_their_difference(before: str, after: str) -> None:
    pieces = of_texts(before, after)
    assert (_before(pieces), _after(pieces)) == (before, after)
    assert all(piece.text for piece in pieces)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert of_texts(text, text) == ((Piece("same", text),) if text else ())


@given(TEXTS, TEXTS)
def test_neighbouring_pieces_are_of_different_kinds(before: str, after: str) -> None:
    kinds = [piece.kind for piece in of_texts(before, after)]
    assert all(one != other for one, other in pairwise(kinds))


def test_words_that_were_replaced_side_by_side_are_one_change() -> None:
    assert of_texts("A smooth slow track", "A very loud track") == (
        Piece("same", "A "),
        Piece("removed", "smooth slow"),
        Piece("added", "very loud"),
        Piece("same", " track"),
    )


def test_a_blank_at_the_end_is_a_difference() -> None:
    assert of_texts("words \n", "words") == (Piece("same", "words"), Piece("removed", " \n"))


def test_very_long_texts_are_compared_without_looking_for_pairs() -> None:
    old = " ".join(f"a{index}" for index in range(20_000))
    new = " ".join(f"b{index}" for index in range(20_000))
    pieces = of_texts(f"first {old} last", f"first {new} last")
    assert [piece.kind for piece in pieces] == ["same", "removed", "added", "same"]
    assert _after(pieces) == f"first {new} last"


@given(DOCUMENTS, DOCUMENTS)
def test_every_field_of_two_documents_is_told(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = of_documents(before, after)
    beginnings = {field.path[: len(name)] for field in found for name in (*before, *after)}
    assert beginnings >= {*before, *after}
    for field in found:
        assert (field.before is None) is (field.kind == "added")
        assert (field.after is None) is (field.kind == "removed")


@given(DOCUMENTS)
def test_a_document_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert {field.kind for field in of_documents(document, dict(document))} <= {"same"}


@given(VALUES, VALUES)
def test_different_values_never_look_the_same(one: Any, other: Any) -> None:
    same = type(one) is type(other) and literal(one) == literal(other)
    differing = [field.kind for field in of_documents({"a": [one]}, {"a": [other]})]
    assert differing == (["same"] if same else ["changed"])


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, True), (1, 1.0), (0, False), (None, "null"), ("1", 1), ("[]", []), (["a, b"], ["a", "b"])],
)
def test_values_that_only_read_alike_are_told_apart(before: Any, after: Any) -> None:
    (field,) = of_documents({"x": before}, {"x": after})
    assert field.kind == "changed"
    assert field.before != field.after or field.note


def test_objects_are_told_field_by_field_and_a_dot_in_a_name_is_no_level() -> None:
    found = of_documents({"a": {"b": 1}}, {"a": {"b": 2}, "a.b": 3, "made": datetime(2026, 1, 2, tzinfo=UTC)})
    assert [(field.path, field.kind, field.before, field.after) for field in found] == [
        ("a.b", "changed", "1", "2"),
        ("a.b", "added", None, "3"),
        ("made", "added", None, "2026-01-02 00:00:00.000 UTC"),
    ]


def test_a_text_that_became_an_object_is_one_change_with_a_note() -> None:
    (field,) = of_documents({"rights": '{"source":"Original"}'}, {"rights": {"source": "Original"}})
    assert (field.kind, field.note) == ("changed", "text before, object now")
    assert field.pieces == (Piece("same", '{"source":"Original"}'),)


def test_dates_with_and_without_their_zone_are_the_same_date() -> None:
    assert literal(datetime(2026, 1, 2, tzinfo=UTC)) == literal(datetime(2026, 1, 2))  # noqa: DTZ001


def test_a_difference_past_what_is_told_is_named() -> None:
    (field,) = of_documents({"text": "a" * 9_000 + "b"}, {"text": "a" * 9_000 + "c"})
    assert field.kind == "changed"
    assert "after the first" in field.note
    assert len(field.before or "") < 7_000
