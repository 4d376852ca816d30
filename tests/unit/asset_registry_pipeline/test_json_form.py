"""Whatever BSON can hold has a form in JSON, and people's addresses in it are masked."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.desk.api import json_form
from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps.curation.overview_model import RetryRequest
from asset_registry_pipeline.stores import codec

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_PLAIN = st.one_of(
    st.none(), st.booleans(), st.floats(), _TEXT, st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(
        [
            ObjectId("5" * 24), Int64(2**60), Decimal128("NaN"), Binary(b"\x00\xff", 128), MinKey(), MaxKey(),
            Timestamp(1, 2), Regex("a", "im"), Code("f()"), Code("f()", {"a": Decimal128("1")}), DBRef("c", 5),
            DatetimeMS(2**62), DatetimeMS(-(2**62)), datetime(1, 1, 1, tzinfo=UTC), b"raw",
            Binary.from_uuid(UUID(int=7)),
        ]
    ),
)  # fmt: skip
_VALUES = st.recursive(
    _PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3))
)


@given(value=_VALUES)
def test_every_value_has_a_form_in_json(value: Any) -> None:
    stored = codec.decode(bson.encode({"value": value}, codec_options=codec.OPTIONS))
    shown = json_form.plain(stored)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (float("inf"), {"$numberDouble": "Infinity"}),
        (DatetimeMS(2**62), {"$date": {"$numberLong": str(2**62)}}),
        (Int64(5), 5),
        (True, True),
        (Regex("a"), {"$regularExpression": {"pattern": "a", "options": ""}}),
    ],
)
def test_what_json_has_no_form_for_is_extended_json(value: Any, shown: Any) -> None:
    assert json_form.plain(value) == shown
    assert type(json_form.plain(value)) is type(shown)


def test_addresses_are_masked_wherever_they_stand_and_only_to_whom_they_must_be() -> None:
    body = {"_id": 5, "registeredBy": "jane@a.example", "deep": [{"text": "ask bob.b@c.example or me"}]}
    preview = json_form.preview(body, "int:5")
    assert preview == {
        "_id": "int:5", "registeredBy": "j***@a.example", "deep": [{"text": "ask b***@c.example or me"}],
    }  # fmt: skip
    editor, curator = Actor("e", Role.EDITOR), Actor("c", Role.CURATOR)
    writable = body | {"description": "by jane@a.example"}
    assert json_form.asset(writable, "int:5", editor)["description"] == "by j***@a.example"
    assert json_form.asset(writable, "int:5", curator)["description"] == "by jane@a.example"
    for viewer in (editor, curator):
        assert json_form.asset(body, "int:5", viewer)["registeredBy"] == "j***@a.example"
    assert list(json_form.asset(body, "int:5", editor)) == list(body)


def test_who_did_something_is_told_without_their_address() -> None:
    asked = RetryRequest(
        "S", "S|S.POP.BAS.001|S.001.001.001", "jane@a.example", datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert json_form.told(asked) == {
        "layer": "S", "about": "S|S.POP.BAS.001|S.001.001.001", "askedBy": "j***@a.example",
        "askedAt": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a" * 3_000_000, "a" * 1_000_000 + " @", "a@" * 100_000, "@" * 1_000_000])
def test_masking_takes_no_longer_than_the_text_is_long(text: str) -> None:
    # Quadratic, the first of these would take hours: the test's own time limit is the check.
    assert len(masked(text)) >= len(text)
