"""Twins are merged where there is no doubt, and nowhere else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from artwork_pipeline.artworks.twins import Candidate, find_twins

BEGIN = datetime(2025, 5, 5, tzinfo=UTC)


def row(number, seconds, *, done=False, email="a@example.net", name="Ida", pet="", failed=False):
    created_at = None if seconds is None else BEGIN + timedelta(seconds=seconds)
    return Candidate(
        UUID(int=number), email, name, pet, created_at, unfinished=not done and not failed, kept=done
    )


@pytest.mark.parametrize("order", [(0, 5), (5, 0), (0, 0)])
def test_the_unfinished_of_two_rows_seconds_apart_is_merged(order):
    assert find_twins([row(1, order[0], done=True), row(2, order[1])]) == {UUID(int=2): UUID(int=1)}


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, 0, done=True), row(2, 31)],
        [row(1, 0, done=True), row(2, 5), row(3, 9)],
        [row(1, 0, done=True), row(2, 25), row(3, 50)],
        [row(1, 0, done=True), row(2, 5, done=True)],
        [row(1, 0), row(2, 5)],
        [row(1, 0, done=True), row(2, 5, failed=True)],
        [row(1, 0, done=True), row(2, 5, email="b@example.net")],
        [row(1, 0, done=True), row(2, 5, name="Bo")],
        [row(1, 0, done=True, pet="Rex"), row(2, 5, pet="Mia")],
        [row(1, None, done=True), row(2, None)],
        [],
    ],
)
def test_whatever_is_in_doubt_is_not_merged(rows):
    assert find_twins(rows) == {}


def test_an_unnamed_pet_is_no_other_pet():
    assert find_twins([row(1, 0, done=True, pet="Rex"), row(2, 5)]) == {UUID(int=2): UUID(int=1)}
