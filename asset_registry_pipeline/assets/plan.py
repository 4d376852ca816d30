"""The stage `plan`: the dry run. Outcomes are computed and staged with a fingerprint; no asset is written."""

from time import monotonic
from typing import Any

import dagster as dg

from asset_registry_pipeline.assets.barrier import require_barrier
from asset_registry_pipeline.assets.common import stage, table
from asset_registry_pipeline.partitions import (
    backup_to_components,
    backup_to_composites,
    component_layers,
    composite_layers,
    enrichment_to_songs,
    prerequisites_to_candidates,
    song_layers,
)
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.registry.stages import INVENTORY
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import NETWORK_RETRY, batch_id, failing, require_gate


@dg.asset(
    **stage("plan"),
    partitions_def=component_layers,
    retry_policy=NETWORK_RETRY,
    deps=[dg.AssetDep(["registry", "staging_backup"], partition_mapping=backup_to_components)],
)
def component_candidates(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """The outcome planned for each star, look, world or move, with curators' recorded decisions taken in."""
    return _plan(context, registry)


@dg.asset(
    **stage("plan"),
    partitions_def=song_layers,
    retry_policy=NETWORK_RETRY,
    deps=[dg.AssetDep(["registry", "song_enrichment"], partition_mapping=enrichment_to_songs)],
)
def song_candidates(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """The outcome planned for each song: ready with its curator's words and what was made from them, else held."""
    return _plan(context, registry)


@dg.asset(
    **stage("plan"),
    partitions_def=composite_layers,
    retry_policy=NETWORK_RETRY,
    deps=[
        dg.AssetDep(["registry", "staging_backup"], partition_mapping=backup_to_composites),
        dg.AssetDep(["registry", "composite_prerequisites"], partition_mapping=prerequisites_to_candidates),
    ],
)
def composite_candidates(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """The outcome planned for each composite, resolved against development, as far as the barrier lets them."""
    return _plan(context, registry)


def _plan(context: dg.AssetExecutionContext, resource: RegistryResource) -> dg.MaterializeResult[Any]:
    from asset_registry_pipeline.steps import curation, decisions, plan

    began, layer = monotonic(), context.partition_key
    imported = decisions.Imported()
    with failing(context), resource.open() as opened:
        inspected = require_gate(context, opened.ledger, INVENTORY, [layer]).accepted[layer]
        opened.workspace.begin_batch(batch_id(context))
        if layer in BARRIER_LAYERS:
            imported = decisions.import_decisions(opened, layer)
            for row in imported.refused:
                context.log.warning(f"decision not taken: {row['name']}: {row['why']}")
        accepted = require_barrier(context, opened, layer)
        planning = plan.make(opened, layer, run_id=context.run.run_id, accepted=accepted, inspected=inspected)
        queue = curation.refresh(opened, layer)
    seconds = monotonic() - began
    reasons = [{"reason": reason, "documents": count} for reason, count in planning.reasons.items()]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(planning.plan.fingerprint),
        metadata={
            "why_not_ready": table(reasons, ("reason", "documents")),
            "items_in": planning.plan.items,
            **dict(sorted(planning.dispositions.items())),
            "rows_written": planning.written,
            "asked_of_curators": queue.asked,
            "queue_rows_written": queue.written + queue.withdrawn,
            "decisions_added": imported.added,
            "decisions_replaced": imported.replaced,
            "decisions_refused": len(imported.refused),
            "decisions_not_taken": table(imported.refused, ("name", "why")),
            "seconds": round(seconds, 2),
            "items_per_second": round(planning.plan.items / max(seconds, 1e-6), 1),
            "fingerprint": planning.plan.fingerprint,
        },
    )
