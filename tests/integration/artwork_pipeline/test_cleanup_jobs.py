"""The jobs that archive, watch, clean up and take back, started as a person starts them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

from artwork_pipeline.definitions import build_defs
from artwork_pipeline.resources import ArtworkDatabase
from artwork_pipeline.stores.sessions import session
from tests.integration.artwork_pipeline.cleaning import wait_until_alone

Query = Callable[..., list[Any]]
pytestmark = pytest.mark.usefixtures("reports_path")


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def start(instance: dg.DagsterInstance, url: str, job: str, op: str, **config: Any) -> Any:
    defs = build_defs({"database": ArtworkDatabase(url=url)})
    return defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": {op: {"config": config}}}, instance=instance, raise_on_error=False
    )


def told(result: Any, op: str) -> Mapping[str, Any]:
    """What the op's page shows."""
    assert result.success
    (event,) = [
        event for event in result.all_node_events if event.is_successful_output and event.node_name == op
    ]
    return {name: value.value for name, value in event.event_specific_data.metadata.items()}


def test_before_the_switch_an_archive_is_made_and_told_with_its_folder_and_there_is_nothing_to_watch(
    instance: Any, expanded: str, query: Query
) -> None:
    shown = told(start(instance, expanded, "artwork_back_up", "back_up", by="tester"), "back_up")
    assert shown["rows"] > 0
    assert "public.artworks" in shown["tables"]
    assert shown["archive"] in shown["folder"]
    assert start(instance, expanded, "artwork_watch", "watch_reads").success
    assert query(expanded, "SELECT count(*) FROM artwork_migration.reads") == [(0,)]


def test_a_switched_database_is_watched_cleaned_up_in_rehearsal_and_then_for_good(
    instance: Any, due: str, query: Query, steps: Any
) -> None:
    query(due, "UPDATE artwork_migration.transitions SET at = at + interval '2 days'")
    shown = told(start(instance, due, "artwork_clean_up", "clean_up"), "clean_up")
    assert (shown["dry_run"], shown["refusals"]) == (True, 1)
    assert "too early" in shown["against_it"]
    assert "confirm: clean up artworks" in shown["to_do_it"]

    query(due, "UPDATE artwork_migration.transitions SET at = at - interval '2 days'")
    query(due, "SELECT count(*) FROM artworks_v1")
    wait_until_alone(due)
    sure = {"dry_run": False, "confirm": "clean up artworks", "by": "tester"}
    for wrong, why in (
        ({**sure, "confirm": "yes"}, "confirm is not 'clean up artworks'"),
        ({**sure, "by": " "}, "by is empty"),
        ({**sure, "attempts": 0}, "attempts is 0"),
        ({**sure, "lock_timeout_ms": 60_000}, "lock_timeout_ms is 60000"),
        (sure, "it was scanned 1 times by others than us"),
    ):
        assert why in steps.failure(start(instance, due, "artwork_clean_up", "clean_up", **wrong))

    unsaid = start(instance, due, "artwork_watch", "watch_reads", begin_anew=True, by="tester")
    assert "by or reason is empty" in steps.failure(unsaid)
    anew = {"begin_anew": True, "by": "tester", "reason": "the test looked once"}
    shown = told(start(instance, due, "artwork_watch", "watch_reads", **anew), "watch_reads")
    assert (shown["reads_by_others"], shown["evidence_lost"]) == (0, "no")
    query(due, "UPDATE artwork_migration.reads SET at = at - interval '31 days'")
    shown = told(start(instance, due, "artwork_clean_up", "clean_up", **sure), "clean_up")
    assert shown["table"] == "public.artworks_v1"
    assert query(due, "SELECT to_regclass('artworks_v1')") == [(None,)]
    again = told(start(instance, due, "artwork_clean_up", "clean_up", **sure), "clean_up")
    assert again["done_before"] is True
    late = start(instance, due, "artwork_take_back", "take_back")
    assert "the migration is over" in steps.failure(late).lower()


def test_the_expansion_is_taken_back_in_rehearsal_and_for_good_once_nobody_holds_the_tables(
    instance: Any, ready: str, query: Query, steps: Any
) -> None:
    shown = told(start(instance, ready, "artwork_take_back", "take_back"), "take_back")
    assert (shown["dry_run"], shown["refusals"]) == (True, 0)
    assert query(ready, "SELECT count(*) > 0 FROM artworks_v2") == [(True,)]
    sure = {"dry_run": False, "confirm": "take back artworks", "by": "tester"}
    unsure = start(instance, ready, "artwork_take_back", "take_back", dry_run=False, by="tester")
    assert "confirm is not 'take back artworks'" in steps.failure(unsure)
    with session(ready) as other, other.transaction():
        other.execute("LOCK TABLE artworks IN ACCESS SHARE MODE")
        held = start(
            instance, ready, "artwork_take_back", "take_back", **sure, attempts=2, lock_timeout_ms=20
        )
    failure = steps.failure(held)
    assert "the tables are in use by pid" in failure
    # Dagster does not ask for them again.
    assert "2 times" in failure
    shown = told(start(instance, ready, "artwork_take_back", "take_back", **sure), "take_back")
    assert shown["rows"] > 0
    assert query(ready, "SELECT to_regclass('artworks_v2')") == [(None,)]
    assert (
        told(start(instance, ready, "artwork_take_back", "take_back", **sure), "take_back")["done_before"]
        is True
    )
