"""What failed, launched as one backfill and worked off by Dagster's own daemon function, from a code location."""

import logging
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.backfill import execute_backfill_iteration

from migration_kit.orchestration import (
    UNPARTITIONED,
    Launch,
    NewestRuns,
    asset_graph,
    launch_and_tell,
    newest_runs,
)

LOCATION = """
import os
import dagster as dg

PARTS = dg.StaticPartitionsDefinition(["a", "b", "c"])

@dg.asset(partitions_def=PARTS)
def up(context: dg.AssetExecutionContext) -> None:
    if context.partition_key in os.environ.get("BROKEN", ""):
        raise dg.Failure("it is broken", allow_retries=False)

@dg.asset(partitions_def=PARTS, deps=[up])
def down() -> None: ...

@dg.asset(deps=[dg.AssetDep(down, partition_mapping=dg.AllPartitionMapping())])
def summary() -> None: ...

defs = dg.Definitions(assets=[up, down, summary], executor=dg.in_process_executor)
"""

AT_ONCE = {
    "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"},
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
}
"""Runs are executed here, where they are submitted, and not queued for another process."""


@pytest.fixture
def location(tmp_path):
    path = tmp_path / "location.py"
    path.write_text(LOCATION)
    namespace: dict[str, object] = {"__name__": "location"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    return path, namespace["defs"]


def work_off(instance: dg.DagsterInstance, path: Path, backfill_id: str) -> str:
    """Lets the daemon's function work until the backfill has ended; how it ended."""
    target = PythonFileTarget(str(path), None, None, "location")
    with create_test_daemon_workspace_context(target, instance) as workspace:
        for _ in range(10):
            list(execute_backfill_iteration(workspace, logging.getLogger("backfill")))
            backfill = instance.get_backfill(backfill_id)
            if backfill.status.value not in ("REQUESTED", "FAILING"):
                break
    return backfill.status.value


def launched(instance, graph, launch: Launch, *, why, left_out) -> str | None:
    """What a job's op launches; its id."""

    @dg.op
    def look(context: dg.OpExecutionContext) -> str:
        return (
            launch_and_tell(context, graph, launch, title="test: what failed", why=why, left_out=left_out)
            or ""
        )

    @dg.job
    def again() -> None:
        look()

    return again.execute_in_process(instance=instance).output_for_node("look") or None


def test_just_the_partitions_that_failed_run_again_in_a_backfill_and_then_what_waits_for_them(
    location, monkeypatch
):
    path, defs = location
    graph = defs.resolve_asset_graph()
    keys = [dg.AssetKey(name) for name in ("up", "down", "summary")]
    with dg.instance_for_test(overrides=AT_ONCE) as instance:
        assert newest_runs(instance, graph, keys) == NewestRuns({}, {})
        job = defs.resolve_implicit_global_asset_job_def()
        monkeypatch.setenv("BROKEN", "b")
        for part in ("a", "b", "c"):
            job.execute_in_process(
                instance=instance, partition_key=part, asset_selection=keys[:2], raise_on_error=False
            )
        found = newest_runs(instance, graph, keys)
        assert found == NewestRuns({"b": ["up", "down"]}, {})

        monkeypatch.delenv("BROKEN")
        launch = Launch(dict.fromkeys(keys[:2], sorted(found.failed)), keys[2:])
        backfill = launched(instance, graph, launch, why={"b": ["newest run failed"]}, left_out={})
        assert newest_runs(instance, graph, keys).busy.keys() == {"b", UNPARTITIONED}
        assert work_off(instance, path, backfill) == "COMPLETED_SUCCESS"
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
        ran = {
            (key.to_user_string(), run.tags.get("dagster/partition"))
            for run in runs
            for key in run.asset_selection
        }
        assert ran == {("up", "b"), ("down", "b"), ("summary", None)}
        assert instance.get_backfill(backfill).title == "test: what failed"
        assert newest_runs(instance, graph, keys) == NewestRuns({}, {})


def test_nothing_is_launched_when_nothing_failed_or_something_is_at_it():
    with dg.DagsterInstance.ephemeral() as instance:
        for left_out in ({}, {"a": "a run is at it"}):
            assert launched(instance, asset_graph([]), Launch({}), why={}, left_out=left_out) is None
        assert instance.get_backfills() == []
