"""What goes on by itself: sensors and schedule, evaluated on real stores; nothing is started twice or forgotten."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from asset_registry_pipeline.definitions import build_defs
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.schedules import nightly_delta
from asset_registry_pipeline.sensors import report_when_verified, staging_watch, unblocked
from asset_registry_pipeline.steps.operating import what_to_run_again
from migration_kit.accounting import State
from migration_kit.orchestration import BATCH_TAG, CannotLookError
from tests.integration.asset_registry_pipeline.operating_world import (
    at_work,
    ended,
    looked_at,
    passed,
    run_job,
    tick,
)

SMALLEST = {"S": 4, "L": 2, "W": 2, "M": 2, "G": 3, "C": 4}
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


@pytest.fixture
def world(make_world: Any) -> Any:
    return make_world(layers=SMALLEST, dirt=False)


def updated(world: Any, layer: str, year: int) -> None:
    """A document of the layer is updated in staging."""
    world.staging["assets"].update_one(
        {"layer": layer}, {"$set": {"updatedAt": datetime(year, 1, 1, tzinfo=UTC)}}
    )


def test_what_arrives_in_staging_is_asked_for_until_a_delta_has_succeeded_and_then_once_for_each_state(
    world: Any, registry: Any
) -> None:
    looked_at(registry)
    assert "nothing arrived" in tick(world, staging_watch).skip_message
    updated(world, "S", 2031)
    assert "begun by hand" in tick(world, staging_watch).skip_message

    passed(registry, "S", "apply")
    keys = []
    for _ in range(3):
        (request,) = (found := tick(world, staging_watch)).run_requests
        assert not found.cursor
        keys.append(request.run_key)
        ended(world, request, FAILURE)
    assert len(set(keys)) == 3
    assert "given up after 3 attempts" in tick(world, staging_watch).skip_message

    updated(world, "S", 2032)
    (request,) = tick(world, staging_watch).run_requests
    ended(world, request, SUCCESS)
    done = tick(world, staging_watch)
    assert (done.run_requests, done.cursor) == ([], request.run_key.rpartition(":")[0])
    # Dagster may forget old runs: the cursor remembers what they have done.
    for run in world.instance.get_runs():
        world.instance.delete_run(run.run_id)
    assert tick(world, staging_watch, done.cursor).run_requests == []
    looked_at(registry, ["S"])
    assert "nothing arrived" in tick(world, staging_watch, done.cursor).skip_message


def test_a_layer_that_something_is_at_work_on_is_not_started_beside_it(world: Any, registry: Any) -> None:
    looked_at(registry)
    for layer in ("S", "G"):
        passed(registry, layer, "apply")
    updated(world, "S", 2031)
    updated(world, "G", 2031)
    run = at_work(world, "G")
    assert (
        "G: a run of registry/staging_inventory is queued or at work"
        in tick(world, staging_watch).skip_message
    )
    told = run_job(world, "registry_delta")["what_and_why"]
    assert "| S |" in told.replace("  ", " ")
    assert "not launched: a run of registry/staging_inventory" in told
    world.instance.delete_run(run)


def test_composites_are_asked_for_once_the_components_that_they_were_held_for_are_in(
    world: Any, steps: Any
) -> None:
    decisions = world.folder / "decisions.csv"
    decided = decisions.read_text()
    decisions.write_text(decided.splitlines()[0] + "\n")
    assert "no composite is held" in tick(world, unblocked).skip_message
    for layer in MIGRATED_LAYERS:
        steps.migrate(layer)
        passed(steps.registry, layer, "apply", "verify")
    states = {entry.state for entry in steps.registry.ledger.entries(partition="C")}
    assert states == {State.HELD}
    assert "no composite is held" in tick(world, unblocked).skip_message

    decisions.write_text(decided)
    steps.migrate("G")
    (request,) = (found := tick(world, unblocked)).run_requests
    assert not found.cursor
    held = f"{SMALLEST['C']} were held for components that are in by now"
    assert held in what_to_run_again(steps.registry, {}, {}).why["C"]
    run = at_work(world, "C")
    assert "queued or at work" in tick(world, unblocked).skip_message
    world.instance.delete_run(run)
    ended(world, request, FAILURE)
    (retried,) = tick(world, unblocked).run_requests
    assert retried.run_key != request.run_key
    ended(world, retried, SUCCESS)
    done = tick(world, unblocked)
    assert (done.run_requests, bool(done.cursor)) == ([], True)
    steps.migrate("C")
    assert "no composite is held" in tick(world, unblocked).skip_message


def test_a_sensor_that_cannot_look_fails_its_tick(world: Any, registry: Any) -> None:
    world.environment["REGISTRY_DEVELOPMENT_DB"] = world.environment["REGISTRY_STAGING_DB"]
    for sensor in (staging_watch, unblocked, report_when_verified):
        with pytest.raises(CannotLookError, match="same database"):
            tick(world, sensor)


def test_the_report_follows_once_for_each_verified_state_and_counts_the_batch_verified_last(
    world: Any, registry: Any
) -> None:
    assert "nothing has been migrated yet" in tick(world, report_when_verified).skip_message
    night = dg.DagsterRun(job_name="delta", tags={BATCH_TAG: "night-1"})
    world.instance.add_run(night)
    for layer in MIGRATED_LAYERS:
        found = tick(world, report_when_verified)
        assert found.run_requests == []
        passed(registry, layer, "verify", run=night.run_id)
    (request,) = tick(world, report_when_verified).run_requests
    assert request.tags[BATCH_TAG] == "night-1"
    run = at_work(world, "S")
    assert "queued or at work" in tick(world, report_when_verified).skip_message
    world.instance.delete_run(run)
    ended(world, request, SUCCESS)
    done = tick(world, report_when_verified)
    assert done.run_requests == []
    assert done.cursor


def test_the_nightly_delta_asks_for_the_job_that_looks_and_both_are_off_until_turned_on() -> None:
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 3, 1, 2, 30, tzinfo=UTC),
            repository_def=build_defs().get_repository_def(),
        ) as context,
    ):
        (request,) = nightly_delta.evaluate_tick(context).run_requests
    assert nightly_delta.job_name == "registry_delta"
    assert request.partition_key is None
    assert nightly_delta.default_status is dg.DefaultScheduleStatus.STOPPED
