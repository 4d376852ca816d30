"""One backfill of just what is named: what Dagster knows of the newest runs, launching, and telling what and why.

Which partitions are worth another run is the pipeline's decision, by its ledger. A backfill made here is the same as
one that a person launches in the UI: it is listed there, followed there and can be cancelled there.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from migration_kit.reports import markdown_table

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

LAUNCHED_BY_TAG = "migration/launched_by"
"""On a backfill: the run that launched it."""
UNPARTITIONED = ""
"""Stands for the whole of an asset without partitions, where others have a partition's key."""


@dataclass(frozen=True)
class NewestRuns:
    """Partitions of which an asset's newest run failed (with the assets), and those at which something is at work."""

    failed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    busy: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """What one backfill is to materialise: partitions by asset, and assets without partitions."""

    partitions: Mapping[dg.AssetKey, Sequence[str]]
    unpartitioned: Sequence[dg.AssetKey] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to launch."""
        return not any(self.partitions.values()) and not self.unpartitioned


def asset_graph(assets: Iterable[dg.AssetsDefinition]) -> "AssetGraph":
    """The graph of a pipeline's assets, which need no resources for it."""
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

    return AssetGraph.from_assets([*assets])


def newest_runs(instance: dg.DagsterInstance, graph: "AssetGraph", keys: Sequence[dg.AssetKey]) -> NewestRuns:
    """How the newest run of each partition of these assets ended, queued and unfinished ones included.

    A run that ended in success, or that a person cancelled, is not a failed one.
    """
    failed: dict[str, list[str]] = {}
    busy = dict(_in_unfinished_backfills(instance, keys))
    for key in keys:
        for partition, status in _statuses(instance, graph, key).items():
            if status == "FAILED":
                failed.setdefault(partition, []).append(key.to_user_string())
            elif status == "IN_PROGRESS":
                busy.setdefault(partition, f"a run of {key.to_user_string()} is queued or at work")
    return NewestRuns(failed, busy)


def launch_backfill(
    instance: dg.DagsterInstance,
    graph: "AssetGraph",
    launch: Launch,
    *,
    title: str,
    description: str,
    launched_by: str = "",
) -> str:
    """Ask Dagster's daemon for a backfill of exactly this, and return its id. ``launched_by``: a run, if it is one."""
    from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
    from dagster._core.execution.backfill import PartitionBackfill
    from dagster._core.utils import make_new_backfill_id

    subsets = {
        key: definition.subset_with_partition_keys(partitions)
        for key, partitions in launch.partitions.items()
        if partitions and (definition := graph.get(key).partitions_def) is not None
    }
    backfill: PartitionBackfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        backfill_timestamp=time.time(),
        tags={LAUNCHED_BY_TAG: launched_by} if launched_by else {},
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset(subsets, set(launch.unpartitioned)),  # type: ignore[call-arg]
        title=title,
        description=description,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def launch_and_tell(
    context: dg.OpExecutionContext,
    graph: "AssetGraph",
    launch: Launch,
    *,
    title: str,
    why: Mapping[str, Sequence[str]],
    left_out: Mapping[str, str],
    nothing: str = "Nothing failed",
) -> str | None:
    """Tell which partitions are launched and why, and launch them as one backfill; its id, None if there are none.

    ``why``: reasons by partition. ``left_out``: what is not launched now, with the reason. ``nothing``: what is said
    where neither is anything.
    """
    rows = [{"what": part or "all", "why": "; ".join(reasons)} for part, reasons in sorted(why.items())]
    rows += [
        {"what": part or "all", "why": f"not launched: {told}"} for part, told in sorted(left_out.items())
    ]
    for row in rows:
        context.log.info(f"{row['what']}: {row['why']}")
    launched = None
    if launch.empty:
        context.log.info("Nothing is launched." if rows else f"{nothing}; nothing is launched.")
    else:
        told = "; ".join(f"{part or 'all'} ({', '.join(reasons)})" for part, reasons in sorted(why.items()))
        launched = launch_backfill(
            context.instance, graph, launch, title=title, description=told, launched_by=context.run_id
        )
        context.log.info(f"Launched backfill {launched}: see Runs > Backfills.")
    context.add_output_metadata(
        {
            "launched": launched or "nothing",
            "what_and_why": dg.MetadataValue.md(
                markdown_table(rows, ("what", "why")) if rows else f"{nothing}."
            ),
        }
    )
    return launched


def _statuses(instance: dg.DagsterInstance, graph: "AssetGraph", key: dg.AssetKey) -> Mapping[str, str]:
    """FAILED, IN_PROGRESS or another word by partition, as the asset's page in the UI shows it."""
    definition = graph.get(key).partitions_def
    if definition is None:
        return {UNPARTITIONED: _status_of_unpartitioned(instance, key)}
    found = instance.get_status_by_partition(key, definition.get_partition_keys(), definition) or {}
    return {partition: status.value if status else "" for partition, status in found.items()}


def _status_of_unpartitioned(instance: dg.DagsterInstance, key: dg.AssetKey) -> str:
    record = next(iter(instance.get_asset_records([key])), None)
    newest = record.asset_entry.last_run_id if record else None
    run = instance.get_run_by_id(newest) if newest else None
    if run is None:
        return ""
    if run.status is dg.DagsterRunStatus.FAILURE:
        return "FAILED"
    return "" if run.is_finished else "IN_PROGRESS"


def _in_unfinished_backfills(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> dict[str, str]:
    """Partitions of these assets for which a backfill is still to be worked off: its runs may not be queued yet."""
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    unfinished = BulkActionsFilter(
        statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
    )
    found: dict[str, str] = {}
    for backfill in instance.get_backfills(filters=unfinished):
        if backfill.asset_backfill_data is None:
            continue
        target = backfill.asset_backfill_data.target_subset
        told = f"backfill {backfill.backfill_id} is at it"
        for key in keys:
            subset = target.partitions_subsets_by_asset_key.get(key)
            found |= dict.fromkeys(subset.get_partition_keys() if subset else (), told)
            if key in target.non_partitioned_asset_keys:
                found[UNPARTITIONED] = told
    return found
