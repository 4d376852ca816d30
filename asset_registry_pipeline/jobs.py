"""Jobs for people, schedules and sensors: what is launched by name. The migration itself is a backfill over all assets.

Each of the jobs that launch something launches one backfill, which is listed, followed and cancelled as any other.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from asset_registry_pipeline.assets import ASSETS
from asset_registry_pipeline.assets.common import PREFIX
from asset_registry_pipeline.backup_jobs import registry_restore_backup
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS, MIGRATED_LAYERS
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.rollback_jobs import JOBS as ROLLBACK_JOBS
from migration_kit.orchestration import (
    UNPARTITIONED,
    Launch,
    NewestRuns,
    asset_graph,
    failing,
    launch_and_tell,
    newest_runs,
)

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.operating import Due

REPORT = dg.AssetKey([PREFIX, "migration_report"])
INVENTORY = dg.AssetKey([PREFIX, "staging_inventory"])
LOOKED_AT = (INVENTORY, dg.AssetKey([PREFIX, "staging_backup"]))
"""What a layer need not go through again while staging is as its newest inventory saw it."""
GRAPH = asset_graph(ASSETS)
LAYER_ASSETS = [key for key in GRAPH.toposorted_asset_keys if GRAPH.get(key).partitions_def is not None]
"""Of single layers, in the order in which they are made."""

registry_inventory = dg.define_asset_job(
    "registry_inventory",
    selection=dg.AssetSelection.assets(INVENTORY),
    description="Look at staging, one layer a partition; nothing of the assets is written.",
)
registry_report = dg.define_asset_job(
    "registry_report",
    selection=dg.AssetSelection.assets(REPORT),
    description="Sum the whole migration up: accounting, progress, findings and problems of all layers.",
)


def launch_of(layers: Sequence[str], *, report: bool, looked_at: Collection[str] = ()) -> Launch:
    """Everything of these layers, of each asset the partitions that it has; with the report, or without.

    Layers that are `looked_at` begin with what a curator's decision may change.
    """
    partitions = {}
    for key in LAYER_ASSETS:
        definition = GRAPH.get(key).partitions_def
        has = set(definition.get_partition_keys()) if definition is not None else set()
        if key in LOOKED_AT:
            has -= {*looked_at}
        partitions[key] = [layer for layer in layers if layer in has]
    return Launch(partitions, [REPORT] if report else [])


def looked_up(instance: dg.DagsterInstance) -> NewestRuns:
    """How the newest runs of all layers and of the report ended, and what is at work.

    Composites count as at work while a layer that they are built from is: they would meet its closed gate.
    """
    runs = newest_runs(instance, GRAPH, [*LAYER_ASSETS, REPORT])
    building = next((layer for layer in BARRIER_LAYERS if layer in runs.busy), None)
    if building is None:
        return runs
    waiting = dict.fromkeys(COMPOSITE_LAYERS, f"built from {building}: {runs.busy[building]}")
    return NewestRuns(runs.failed, {**waiting, **runs.busy})


@dg.op(description="Finds what failed by the ledger and by the newest runs, and launches it as one backfill.")
def launch_failed_layers(context: dg.OpExecutionContext, registry: RegistryResource) -> None:
    """Runs again what failed, and the report after it; launches nothing when nothing failed."""
    from asset_registry_pipeline.steps.operating import what_to_run_again

    with failing(context), registry.open() as opened:
        runs = looked_up(context.instance)
        again = what_to_run_again(opened, runs.failed, runs.busy)
    launch = launch_of(again.layers, report=again.report)
    launch_and_tell(
        context, GRAPH, launch, title=f"{PREFIX}: what failed", why=again.why, left_out=again.left_out
    )


@dg.op(
    description="Finds layers of which something arrived in staging, and launches just these as one backfill."
)
def launch_arrived_layers(context: dg.OpExecutionContext, registry: RegistryResource) -> None:
    """Migrates what arrived since the newest inventories; launches nothing when nothing arrived."""
    from asset_registry_pipeline.steps.operating import arrived

    with failing(context), registry.open() as opened:
        found = arrived(opened)
    nothing = "Nothing arrived in staging since the newest inventories"
    _launch_due(context, found, title="what arrived", nothing=nothing)


@dg.op(
    description="Finds layers of which something was decided, or asked to be tried again, since their newest plans, and"
    " launches just these as one backfill."
)
def launch_decided_layers(context: dg.OpExecutionContext, registry: RegistryResource) -> None:
    """Plans and publishes what curators have decided; launches nothing where the newest plans know all of it."""
    from asset_registry_pipeline.steps.curation import unplanned

    with failing(context), registry.open() as opened:
        found = unplanned(opened)
    nothing = "The newest plans know all that curators have decided"
    _launch_due(context, found, title="what curators decided", nothing=nothing)


def _launch_due(context: dg.OpExecutionContext, found: "Due", *, title: str, nothing: str) -> None:
    """Launch what is due and nothing is at work on, as one backfill, and the report after it."""
    busy = looked_up(context.instance).busy
    free = {layer: why for layer, why in found.why.items() if layer not in busy}
    left_out = {**found.left_out, **{layer: busy[layer] for layer in found.why if layer in busy}}
    layers = [layer for layer in MIGRATED_LAYERS if layer in free]
    report = bool(layers) and UNPARTITIONED not in busy
    launch = launch_of(layers, report=report, looked_at=found.looked_at)
    launch_and_tell(
        context, GRAPH, launch, title=f"{PREFIX}: {title}", why=free, left_out=left_out, nothing=nothing
    )


@dg.op(description="Launches the composites as one backfill, unless something is at work on them.")
def launch_composites(context: dg.OpExecutionContext) -> None:
    """Migrates the composites, those that were held included, and makes the report after it."""
    busy = looked_up(context.instance).busy
    free = [layer for layer in COMPOSITE_LAYERS if layer not in busy]
    launch = launch_of(free, report=bool(free) and UNPARTITIONED not in busy)
    why = dict.fromkeys(free, ("components that composites were held for are in",))
    left_out = {layer: busy[layer] for layer in COMPOSITE_LAYERS if layer in busy}
    launch_and_tell(context, GRAPH, launch, title=f"{PREFIX}: composites", why=why, left_out=left_out)


@dg.job(
    name="registry_rerun_failed",
    description="Run again exactly what failed, as one backfill (see Runs > Backfills): layers whose newest run or"
    " verdict failed, with documents without an outcome, or with held or quarantined ones that may pass by now; then"
    " composites if a layer of their components is among them, and the report. Its log says which and why. Launches"
    " nothing when nothing failed.",
)
def registry_rerun_failed() -> None:
    """The one way to launch only what failed."""
    launch_failed_layers()


@dg.job(
    name="registry_delta",
    description="Migrate what arrived in staging since the newest inventories, as one backfill (see Runs > Backfills):"
    " just the layers that hold other documents or times of update, from inventory to reconciliation, composites if a"
    " layer of their components is among them, and the report. Layers that were never migrated, were rolled back or"
    " are at work are left alone. Launches nothing when nothing arrived, and says so.",
)
def registry_delta() -> None:
    """What came since, and nothing else."""
    launch_arrived_layers()


@dg.job(
    name="registry_decided",
    description="Plan, publish and verify what curators decided, or asked to be tried again, since the newest plans, as"
    " one backfill (see Runs > Backfills): just the layers that it is about, from inventory and backup on where staging"
    " has changed since, composites if a layer of their components is among them, and the report. Layers that were"
    " never migrated, were rolled back or are at work are left alone. Launches nothing where the plans know all of it.",
)
def registry_decided() -> None:
    """What was decided since, and nothing else."""
    launch_decided_layers()


@dg.job(
    name="registry_composites",
    description="Migrate the composites as one backfill (see Runs > Backfills), from inventory to reconciliation, and"
    " make the report: what the sensor registry_unblocked starts once components are in that composites waited for.",
)
def registry_composites() -> None:
    """Those that were held, and all others."""
    launch_composites()


JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    registry_inventory,
    registry_report,
    registry_rerun_failed,
    registry_delta,
    registry_decided,
    registry_composites,
    *ROLLBACK_JOBS,
    registry_restore_backup,
]
