"""Four writers through the whole migration and back: nothing that was acknowledged is lost, in any of its rounds."""

import pytest

from artwork_pipeline.artworks.months import SLICES
from tests.integration.artwork_pipeline.writers import four_writers

ROUNDS = 3


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_four_writers_lose_nothing(seed, expanded, steps):
    with four_writers(expanded, seed) as (writers, journal):
        writers.have_written()
        for month in SLICES:
            steps.fill_month(expanded, month, batch_size=20)
        writers.have_written()
    assert journal.lost(expanded, "artworks", "artworks_v2", "artworks") == []
    assert steps.differences(expanded) == []
