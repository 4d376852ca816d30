"""Four writers through the whole migration and back: nothing that was acknowledged is lost, in any of its rounds."""

import pytest

from artwork_pipeline.stores import cleanup, drift, evidence, switching
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import journey
from tests.integration.artwork_pipeline import shop as stages
from tests.integration.artwork_pipeline.writers import four_writers

ROUNDS = 20
ROWS = 60
CLEANED_UP_EVERY = 5
MONTH_AGO = "UPDATE artwork_migration.transitions SET at = at - interval '31 days'"
FILLED = "SELECT DISTINCT partition FROM artwork_migration.plan ORDER BY 1"


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


def _cleanup(url, *, for_good):
    """The rehearsal of a cleanup, which has nothing against it but the time; and the cleanup, once that is over."""
    order = cleanup.Order(by="tests", run_id="tests")
    with session(url) as connection:
        switching.validate(connection, log=lambda _: None)
        evidence.sample(connection, run_id="tests")
        assert {one.rule for one in cleanup.prepare(connection, order).refusals} == {"too early"}
        if for_good:
            connection.execute(MONTH_AGO)
            assert cleanup.carry_out(connection, order, log=lambda _: None)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_four_writers_lose_nothing_through_backfill_switch_rollback_switch_and_cleanup(
    seed, shops, steps, query
):
    shop, for_good = shops(), seed % CLEANED_UP_EVERY == 0
    with four_writers(shop, seed) as (writers, journal):
        writers.have_written()
        for (month,) in query(shop, FILLED):
            steps.fill_month(shop, month, batch_size=10)
        journey.verify(shop)
        for step in (stages.switch, stages.roll_back, stages.switch):
            assert step(shop)
            writers.have_written()
        writers.are_deployed_anew()
        _cleanup(shop, for_good=for_good)
        writers.have_written()
    assert journal.lost(shop, None if for_good else "artworks_v1", "artworks", "artworks") == []
    if not for_good:
        assert steps.differences(shop) == []


def test_what_was_carried_from_the_clean_side_is_not_taken_for_drift_under_the_lock(shops, steps, query):
    shop = shops()
    steps.fill_all(shop)
    journey.verify(shop)
    assert stages.switch(shop)
    touched = [row for (row,) in query(shop, "UPDATE artworks SET pet_name = 'Rex' RETURNING id")]
    with session(shop) as connection:
        assert drift.differing(connection, touched, "public.artworks_v1") == 0
        connection.execute("ALTER TABLE artworks DISABLE TRIGGER USER")
        connection.execute("UPDATE artworks SET pet_name = 'Past the triggers' WHERE id = %s", [touched[0]])
        assert drift.differing(connection, touched, "public.artworks_v1") > 0
