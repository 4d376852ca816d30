"""Shared by the tests of jobs, schedule and sensors: layers that have passed, jobs, ticks, and what was launched."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from asset_registry_pipeline.definitions import build_defs
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.steps import inventory
from asset_registry_pipeline.steps.verify import standing_fingerprint
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.gates import Verdict, VerdictStatus


def passed(registry: Registry, layer: str, *stages: str, run: str = "run") -> None:
    """The layer as it stands has passed these stages."""
    for stage in stages:
        candidate = standing_fingerprint(registry, layer) if stage == "verify" else "c"
        registry.ledger.publish(Verdict.now(stage, layer, candidate, VerdictStatus.PASSED, run))


def verdict(registry: Registry, layer: str, stage: str, status: VerdictStatus) -> None:
    registry.ledger.record_verdict(Verdict.now(stage, layer, "c", status, "run-7"))


def looked_at(registry: Registry, layers: Iterable[str] = MIGRATED_LAYERS) -> None:
    """The newest inventories of these layers saw what staging holds."""
    for layer in layers:
        inventory.take(registry, layer, run_id="run", batch="batch-1")


def resources(world: Any) -> dict[str, Any]:
    settings = world.settings()
    names = settings.__dataclass_fields__
    return {"registry": RegistryResource(**{name: getattr(settings, name) for name in names})}


def run_job(world: Any, name: str) -> Any:
    """A job as a person launches it; the metadata of what it did."""
    result = build_defs(resources(world)).resolve_job_def(name).execute_in_process(instance=world.instance)
    assert result.success
    (output,) = [event for event in result.all_events if event.is_successful_output]
    return {key: value.value for key, value in output.step_output_data.metadata.items()}


def launched(world: Any) -> list[set[tuple[str, str | None]]]:
    """What each backfill is to materialise, as (asset, partition), the newest last."""
    return [
        {
            (one.asset_key.path[-1], one.partition_key)
            for one in backfill.asset_backfill_data.target_subset.iterate_asset_partitions()
        }
        for backfill in sorted(world.instance.get_backfills(), key=lambda one: one.backfill_timestamp)
    ]


def tick(world: Any, sensor: dg.SensorDefinition, cursor: str | None = None) -> Any:
    # Closed here, not when it is forgotten: Dagster's global state goes by the order in which contexts end.
    with dg.build_sensor_context(
        instance=world.instance, cursor=cursor, definitions=build_defs(), resources=resources(world)
    ) as context:
        return sensor.evaluate_tick(context)


def ended(world: Any, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    """The run of a request, as Dagster keeps it once it has come so far."""
    run = dg.DagsterRun(job_name="asked_for", tags=dict(request.tags), status=status)
    return str(world.instance.add_run(run).run_id)


def at_work(world: Any, layer: str) -> str:
    """A run of a layer that has begun and has not ended."""
    run = world.instance.create_run_for_job(
        build_defs().resolve_job_def("registry_inventory"),
        tags={"dagster/partition": layer},
        status=dg.DagsterRunStatus.STARTED,
    )
    return str(run.run_id)
