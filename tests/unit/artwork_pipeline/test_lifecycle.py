"""The specification of an artwork's life: which state may follow which, what is stamped, what its customer reads."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artwork_pipeline.artworks import lifecycle
from artwork_pipeline.artworks.mapping import CLEAN_GENERATION, CLEAN_UPSCALE

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
ROW = {
    "generation_status": "pending",
    "upscale_status": "not_started",
    "generated_image_url": None,
    "upscaled_image_url": None,
    "generation_started_at": None,
    "generation_completed_at": None,
    "upscale_started_at": None,
    "upscale_completed_at": None,
    "created_at": NOW,
}
LEGAL = {
    "generation_status": {
        ("pending", "processing"), ("pending", "completed"), ("pending", "failed"),
        ("processing", "completed"), ("processing", "failed"), ("failed", "processing"), ("failed", "pending"),
    },
    "upscale_status": {
        ("not_started", "pending"), ("not_started", "processing"), ("pending", "processing"),
        ("processing", "completed"), ("processing", "failed"), ("failed", "pending"), ("failed", "processing"),
    },
}  # fmt: skip
PAIRS = [
    *(("generation_status", *pair) for pair in product(CLEAN_GENERATION, repeat=2)),
    *(("upscale_status", *pair) for pair in product(CLEAN_UPSCALE, repeat=2)),
]


@pytest.mark.parametrize(("column", "before", "after"), PAIRS)
def test_a_state_follows_another_where_the_contract_says_so(column, before, after):
    pictures = {"generated_image_url": "p", "upscaled_image_url": "u"}
    row = ROW | pictures | {"generation_status": "completed"} | {column: before}
    expected = None if before == after or (before, after) in LEGAL[column] else "illegal"
    assert lifecycle.refusal(row, {column: after}) == expected
    assert lifecycle.refusal(row, {column: after}, force=True) is None


@pytest.mark.parametrize("force", [False, True])
def test_completed_needs_its_picture_and_upscaling_a_completed_generation_forced_or_not(force):
    assert lifecycle.refusal(ROW, {"generation_status": "completed"}, force=force) == "no_url"
    assert lifecycle.refusal(ROW, {"upscale_status": "pending"}, force=force) == "not_generated"
    both = {"generation_status": "completed", "generated_image_url": "p", "upscale_status": "pending"}
    assert lifecycle.refusal(ROW, both, force=force) is None


rows = st.fixed_dictionaries(
    {
        "generation_status": st.sampled_from(CLEAN_GENERATION),
        "upscale_status": st.sampled_from(CLEAN_UPSCALE),
        **{name: st.none() | st.just(NOW - timedelta(days=1)) for name in lifecycle.stamped(ROW, ROW, NOW)},
    }
)


@given(rows)
def test_a_state_that_stays_keeps_its_stamps(row):
    assert lifecycle.stamped(row, row, NOW) == {name: row[name] for name in lifecycle.stamped(ROW, ROW, NOW)}


@given(rows, st.sampled_from(CLEAN_GENERATION))
def test_of_a_generation_only_its_own_stamps_change(row, state):
    after = lifecycle.stamped(row, row | {"generation_status": state}, NOW)
    assert {name: after[name] for name in ("upscale_started_at", "upscale_completed_at")} == {
        name: row[name] for name in ("upscale_started_at", "upscale_completed_at")
    }
    if state != row["generation_status"]:
        assert (after["generation_completed_at"] == NOW) == (state == "completed")
        assert (after["generation_started_at"] == NOW) == (state == "processing")


def test_a_stamp_that_the_writer_names_is_taken():
    named = NOW - timedelta(minutes=3)
    after = ROW | {"generation_status": "processing", "generation_started_at": named}
    assert lifecycle.stamped(ROW, after, NOW)["generation_started_at"] == named


@pytest.mark.parametrize(
    ("elapsed", "minutes"),
    [
        (timedelta(minutes=-3), 5),
        (timedelta(), 5),
        (timedelta(seconds=1), 5),
        (timedelta(seconds=60), 4),
        (timedelta(seconds=61), 4),
        (timedelta(minutes=4, seconds=59), 1),
        (timedelta(minutes=5), 1),
        (timedelta(days=400), 1),
    ],
)
def test_the_minutes_that_are_left_are_at_least_one(elapsed, minutes):
    row = ROW | {"generation_status": "processing", "generation_started_at": NOW - elapsed}
    assert lifecycle.label(row, NOW) == f"processing, {minutes} min remaining"


def test_where_nobody_knows_the_beginning_the_row_itself_says_it():
    row = ROW | {"generation_status": "processing", "created_at": NOW - timedelta(minutes=2)}
    assert lifecycle.label(row, NOW) == "processing, 3 min remaining"
    assert lifecycle.label(row | {"created_at": None}, NOW) == "processing, 5 min remaining"
