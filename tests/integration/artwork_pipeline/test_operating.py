"""What is run again after a failure, and what goes on by night: jobs, schedules and the sensor on a real database."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.definitions import build_defs
from artwork_pipeline.operating_jobs import PARALLEL_RUN, PREPARATION, REPORT, SLICED, STATE
from artwork_pipeline.resources import ArtworkDatabase
from artwork_pipeline.schedules import nightly_verification
from artwork_pipeline.sensors import report_when_verified
from artwork_pipeline.stores import phase
from artwork_pipeline.stores.operating import WHOLE, Again, what_to_run_again
from artwork_pipeline.stores.sessions import SCHEMA, session
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.ledger.postgres import PostgresLedger
from migration_kit.orchestration import BATCH_TAG, CannotLookError


@pytest.fixture
def instance():
    with dg.instance_for_test() as made:
        yield made


def verdict(url: str, name: str, status=VerdictStatus.PASSED, *, candidate="c", run="run-7") -> None:
    """A verdict as the verification of a slice leaves it."""
    given = Verdict.now("verify", name, candidate, status, run)
    with closing(PostgresLedger(url, SCHEMA)) as ledger:
        (ledger.publish if status is VerdictStatus.PASSED else ledger.record_verdict)(given)


def again(url: str, *, failed: Any = None, busy: Any = None) -> Again:
    return what_to_run_again(url, SLICES, failed or {}, busy or {})


def definitions(url: str) -> dg.Definitions:
    return build_defs({"database": ArtworkDatabase(url=url)})


def tick(url: str, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        definitions=definitions(url),
        resources={"database": ArtworkDatabase(url=url)},
    ) as context:
        return report_when_verified.evaluate_tick(context)


def night(url: str, instance: dg.DagsterInstance) -> Any:
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime(2026, 3, 1, 1, 30, tzinfo=UTC),
        repository_def=definitions(url).get_repository_def(),
        resources={"database": ArtworkDatabase(url=url)},
    ) as context:
        return nightly_verification.evaluate_tick(context)


def test_what_nobody_began_or_only_planned_or_finished_has_not_failed(source, expanded, migrated):
    for url in (source, expanded, migrated):
        assert again(url) == Again({}, {}, report=False)


def test_each_kind_of_failure_is_named_and_the_report_follows_where_the_rest_is_verified(migrated, query):
    for name in SLICES:
        verdict(migrated, name)
    query(migrated, "UPDATE artwork_migration.cursors SET finished = false WHERE partition = '2025-01'")
    query(
        migrated,
        "DELETE FROM artwork_migration.outcomes WHERE item = (SELECT min(item) FROM artwork_migration.outcomes"
        " WHERE partition = '2025-02')",
    )
    verdict(migrated, "2025-03", VerdictStatus.FAILED)
    found = again(migrated, failed={"2025-04": ["artwork/backfill", "artwork/verification"]})
    assert found == Again(
        {
            "2025-01": ("its backfill was begun and not finished",),
            "2025-02": ("1 rows have no outcome",),
            "2025-03": ("verification: its newest checks failed (run run-7)",),
            "2025-04": ("the newest run failed at artwork/backfill",),
        },
        {},
        report=True,
    )
    busy = again(migrated, busy={"2025-03": "run-8 is at it"})
    assert busy.left_out == {"2025-03": "run-8 is at it"}
    assert "2025-03" not in busy.why
    assert not busy.report


def test_a_report_that_failed_alone_is_run_again_alone(migrated):
    for name in SLICES:
        verdict(migrated, name)
    found = again(migrated, failed={WHOLE: ["artwork/migration_report"]})
    assert found == Again({WHOLE: ("the newest report failed",)}, {}, report=True)
    assert found.slices(SLICES) == []


def test_the_report_waits_where_another_slice_was_never_verified(migrated):
    verdict(migrated, "2025-03", VerdictStatus.FAILED)
    found = again(migrated)
    assert found.slices(SLICES) == ["2025-03"]
    assert not found.report


def test_a_stage_before_the_slices_that_failed_takes_along_the_slices_that_waited_for_it(source, migrated):
    before = [key.to_user_string() for key in PREPARATION]
    failed = {WHOLE: ["artwork/expanded_schema"]}
    first = what_to_run_again(source, SLICES, failed, {}, before)
    assert first.why[WHOLE] == ("the newest run failed at artwork/expanded_schema",)
    assert first.slices(SLICES) == list(SLICES)
    assert first.preparation == ("artwork/expanded_schema", "artwork/users")
    assert first.report
    for name in SLICES[1:]:
        verdict(migrated, name)
    later = what_to_run_again(migrated, SLICES, failed, {}, before)
    assert later.slices(SLICES) == [SLICES[0]]
    assert later.why[SLICES[0]] == ("it waits for artwork/expanded_schema",)
    at_work = what_to_run_again(migrated, SLICES, failed, {WHOLE: "run-8 is at it"}, before)
    assert (at_work.why, at_work.preparation) == ({}, ())
    assert at_work.left_out[SLICES[0]] == "it waits: run-8 is at it"


def test_after_the_switch_over_nothing_is_filled_again(migrated):
    verdict(migrated, "2025-03", VerdictStatus.FAILED)
    with session(migrated) as connection, connection.transaction():
        phase.advance(connection, Phase.SWITCHED, by="test", run_id="run")
    found = again(migrated)
    assert found.why == {}
    assert "the phase is switched" in found.left_out["2025-03"]


def test_the_job_launches_exactly_what_failed_as_a_backfill_and_nothing_the_second_time(migrated, instance):
    for name in SLICES:
        verdict(migrated, name)
    job = definitions(migrated).resolve_job_def("artwork_rerun_failed")
    assert job.execute_in_process(instance=instance).success
    assert instance.get_backfills() == []
    verdict(migrated, "2025-03", VerdictStatus.FAILED)
    assert job.execute_in_process(instance=instance).success
    (backfill,) = instance.get_backfills()
    subset = backfill.asset_backfill_data.target_subset
    found = {(one.asset_key, one.partition_key) for one in subset.iterate_asset_partitions()}
    assert found == {
        *((key, "2025-03") for key in SLICED),
        *((key, None) for key in (PARALLEL_RUN, REPORT, STATE)),
    }
    assert "newest checks failed" in backfill.description
    # It is still to be worked off: the same is not launched beside it.
    assert job.execute_in_process(instance=instance).success
    assert len(instance.get_backfills()) == 1


def test_the_report_follows_once_for_each_verified_state_and_counts_the_batch_verified_last(
    migrated, instance
):
    assert "nothing has been verified yet" in tick(migrated, instance).skip_message
    first_night = instance.add_run(
        dg.DagsterRun(job_name="artwork_verify_slice", tags={BATCH_TAG: "night-1"})
    )
    for name in SLICES:
        assert tick(migrated, instance).run_requests == []
        verdict(migrated, name, run=first_night.run_id)
    (request,) = tick(migrated, instance).run_requests
    assert request.tags[BATCH_TAG] == "night-1"
    run = dg.DagsterRun(
        job_name="artwork_report", tags=dict(request.tags), status=dg.DagsterRunStatus.SUCCESS
    )
    instance.add_run(run)
    done = tick(migrated, instance)
    assert "has succeeded" in done.skip_message
    verdict(migrated, "2025-03", candidate="another")
    assert len(tick(migrated, instance, done.cursor).run_requests) == 1


def test_the_sensor_says_which_slice_is_not_verified(migrated, instance):
    verdict(migrated, "2025-03", VerdictStatus.FAILED)
    assert "2025-03: its newest checks failed" in tick(migrated, instance).skip_message


def test_a_sensor_that_cannot_look_fails_its_tick(instance):
    with pytest.raises(CannotLookError, match="ARTWORK_DATABASE_URL"):
        tick("", instance)


def test_every_night_each_slice_that_nothing_is_at_is_verified_as_one_batch(expanded, instance):
    requests = night(expanded, instance).run_requests
    assert [request.partition_key for request in requests] == list(SLICES)
    assert {request.tags[BATCH_TAG] for request in requests} == {"artwork-verification-2026-03-01"}
    assert len({request.run_key for request in requests}) == len(SLICES)
    instance.create_run_for_job(
        definitions(expanded).resolve_job_def("artwork_verify_slice"),
        tags={"dagster/partition": "2025-03"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert "2025-03" not in [request.partition_key for request in night(expanded, instance).run_requests]


def test_before_the_expansion_no_night_asks_for_anything(source, instance):
    assert "the phase is planned" in night(source, instance).skip_message


def test_the_hourly_job_runs_in_every_phase_from_the_first(source, expanded, instance, reports_path):
    for url in (source, expanded):
        job = definitions(url).resolve_job_def("artwork_compare_reads")
        assert job.execute_in_process(instance=instance).success
