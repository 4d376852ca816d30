"""Fingerprints mean the same everywhere, and differ where the value differs."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.fingerprints import canonical_json, combine, fingerprint, sha256_stream

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_does_not_matter(value):
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@given(JSON)
def test_a_fingerprint_is_stable_and_64_hex_digits(value):
    assert fingerprint(value) == fingerprint(value)
    assert len(fingerprint(value)) == 64


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (None, ""),
        ("1", 1),
        (1, True),
        ([], {}),
        (b"a", "a"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
    ],
)
def test_values_of_different_kinds_differ(left, right):
    assert fingerprint(left) != fingerprint(right)


def test_a_lone_surrogate_has_a_fingerprint():
    assert len(fingerprint("\ud800")) == 64


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@given(st.lists(st.text(alphabet="0123456789abcdef", min_size=64, max_size=64), min_size=2, unique=True))
def test_a_combination_depends_on_order_and_members(fingerprints):
    assert combine(fingerprints) != combine(reversed(fingerprints))
    assert combine(fingerprints) != combine(fingerprints[1:])


@given(st.lists(st.binary()))
def test_a_stream_hashes_as_its_whole(chunks):
    assert sha256_stream(chunks) == hashlib.sha256(b"".join(chunks)).hexdigest()
