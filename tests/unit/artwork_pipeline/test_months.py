"""Every row is in exactly one slice."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from artwork_pipeline.artworks.months import EARLIER, END, FIRST_MONTH, LATER_OR_UNDATED, SLICES, slice_of


@given(st.none() | st.datetimes(timezones=st.timezones()))
def test_every_moment_is_in_a_slice(moment):
    assert slice_of(moment) in SLICES


def test_the_slices_meet_at_midnight_utc():
    assert slice_of(FIRST_MONTH) == f"{FIRST_MONTH:%Y-%m}"
    assert slice_of(FIRST_MONTH - timedelta(microseconds=1)) == EARLIER
    assert slice_of(END) == LATER_OR_UNDATED
    assert slice_of(END - timedelta(microseconds=1)) == SLICES[-1]
    assert slice_of(datetime(2025, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-02"


def test_an_unknown_and_a_future_moment_are_in_the_open_end():
    assert slice_of(None) == slice_of(datetime(2031, 5, 5, tzinfo=UTC)) == LATER_OR_UNDATED


def test_the_slices_are_few_and_named_once():
    assert len(set(SLICES)) == len(SLICES) <= 13
