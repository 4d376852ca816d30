"""Four writers through the whole migration and back: nothing that was acknowledged is lost, in any of its rounds."""

import pytest

from artwork_pipeline.artworks.months import SLICES
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import journey
from tests.integration.artwork_pipeline import shop as stages
from tests.integration.artwork_pipeline.writers import four_writers

ROUNDS = 20
ROWS = 60


@pytest.fixture(scope="module")
def shops(templates, steps, tmp_path_factory):
    """Small shops that are planned, expanded and backed up, each round's its own."""

    def make(url):
        artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=ROWS)
        steps.prepare(url)
        journey.back_up(url)

    own = type(templates)(templates.server)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REPORTS_PATH", str(tmp_path_factory.mktemp("reports")))
        yield lambda: own.of("a small shop", make)
        own.drop()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_four_writers_lose_nothing_through_backfill_switch_rollback_and_switch(seed, shops, steps):
    shop = shops()
    with four_writers(shop, seed) as (writers, journal):
        writers.have_written()
        for month in SLICES:
            steps.fill_month(shop, month, batch_size=25)
        journey.verify(shop)
        for step in (stages.switch, stages.roll_back, stages.switch):
            assert step(shop)
            writers.have_written()
    assert journal.lost(shop, "artworks_v1", "artworks", "artworks") == []
    assert steps.differences(shop) == []
