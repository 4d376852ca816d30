"""The jobs as a person starts them: they tell first, want a typed confirmation, and can be started again."""

import dagster as dg
import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.resources import ArtworkDatabase
from artwork_pipeline.stores import phase, switching
from artwork_pipeline.stores.sessions import session
from artwork_pipeline.switch_jobs import artwork_roll_back, artwork_switch, artwork_validate
from tests.integration.artwork_pipeline import shop

MEANT = {"dry_run": False, "confirm": "switch artworks", "by": "the night shift"}


@pytest.fixture
def start(backed_up):
    """Start a job on the database; its result."""

    def run(job: dg.JobDefinition, op: str, **config):
        return job.execute_in_process(
            resources={"database": ArtworkDatabase(url=backed_up)},
            run_config={"ops": {op: {"config": config}}},
            raise_on_error=False,
        )

    return run


def told(result, op):
    """The metadata of an op's output."""
    events = [event for event in result.all_events if event.is_successful_output and event.step_key == op]
    return events[0].step_output_data.metadata


def phase_of(url):
    with session(url) as connection:
        return phase.current(connection)


def test_as_it_stands_a_job_tells_everything_and_does_nothing(start, backed_up, query):
    query(backed_up, "CREATE VIEW originals AS SELECT original_image_url FROM artworks")
    result = start(artwork_switch, "switch_over")
    metadata = told(result, "switch_over")
    assert metadata["reasons_against"].value == 1
    assert "view public.originals" in metadata["why"].value
    assert "trigger" in metadata["goes_along"].value
    assert metadata["indexes_to_make"].value == ["btree (created_at)"]
    assert "confirm: switch artworks" in metadata["to_do_it"].value
    assert phase_of(backed_up) is Phase.EXPANDED


@pytest.mark.parametrize(
    "slip",
    [
        {"confirm": "switch"},
        {"confirm": "roll back artworks"},
        {"by": " "},
        {"lock_timeout_ms": 0},
        {"lock_timeout_ms": 60_000},
        {"attempts": 0},
    ],
)
def test_a_slip_in_the_configuration_stops_it(slip, start, backed_up, steps):
    result = start(artwork_switch, "switch_over", **{**MEANT, **slip})
    assert next(iter(slip)) in steps.failure(result)
    assert phase_of(backed_up) is Phase.EXPANDED


def test_switched_over_and_back_by_jobs_with_every_key_validated(start, backed_up):
    result = start(artwork_switch, "switch_over", **MEANT)
    metadata = told(result, "switch_over")
    assert metadata["blocking_ms"].value > 0
    assert told(result, "validate_pointers")["validated"].value == [
        "admin_reviews.admin_reviews_artwork_id_fkey",
        "orders.orders_artwork_id_fkey",
    ]
    again = start(artwork_switch, "switch_over", **MEANT)
    assert told(again, "switch_over")["done_before"].value is True

    back = start(artwork_roll_back, "roll_back", **{**MEANT, "confirm": "roll back artworks"})
    assert back.success
    with session(backed_up) as connection:
        assert phase.current(connection) is Phase.ROLLED_BACK
        assert switching.unvalidated(connection) == []
        assert [one.by for one in phase.history(connection)[1:]] == ["the night shift", "the night shift"]


def test_a_run_that_died_before_the_keys_were_validated_is_taken_up_by_the_next(start, backed_up):
    shop.switch(backed_up)
    with session(backed_up) as connection:
        assert len(switching.unvalidated(connection)) == 2
    again = start(artwork_switch, "switch_over", **MEANT)
    assert told(again, "switch_over")["done_before"].value is True
    assert len(told(again, "validate_pointers")["validated"].value) == 2
    assert told(start(artwork_validate, "validate"), "validate")["validated"].value == []


def test_a_job_that_does_not_get_its_locks_says_who_holds_them_and_is_not_tried_again(
    start, backed_up, steps
):
    with psycopg.connect(backed_up, application_name="the long report") as holder:
        holder.execute("SELECT count(*) FROM artworks")
        result = start(artwork_switch, "switch_over", **MEANT, lock_timeout_ms=50, attempts=2)
    assert "the long report" in steps.failure(result)
    assert "2 times" in steps.failure(result)
    assert phase_of(backed_up) is Phase.EXPANDED
