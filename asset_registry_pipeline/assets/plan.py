"""The stage `plan`: the dry run. Outcomes are computed and staged with a fingerprint; no asset is written."""

from collections.abc import Mapping
from time import monotonic
from typing import Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.assets.inventory import INVENTORY
from asset_registry_pipeline.partitions import (
    backup_to_components,
    backup_to_composites,
    backup_to_songs,
    component_layers,
    components_into_composites,
    composite_layers,
    inventory_to_components,
    inventory_to_composites,
    inventory_to_songs,
    song_layers,
    songs_into_composites,
)
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import NETWORK_RETRY, batch_id, failing, require_gate
from migration_kit.reports import markdown_table

APPLY = "apply"


@dg.asset(
    **stage("plan"),
    partitions_def=component_layers,
    retry_policy=NETWORK_RETRY,
    deps=[
        dg.AssetDep(["registry", "staging_inventory"], partition_mapping=inventory_to_components),
        dg.AssetDep(["registry", "staging_backup"], partition_mapping=backup_to_components),
    ],
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
    deps=[
        dg.AssetDep(["registry", "staging_inventory"], partition_mapping=inventory_to_songs),
        dg.AssetDep(["registry", "staging_backup"], partition_mapping=backup_to_songs),
    ],
)
def song_candidates(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """The outcome planned for each song: ready with its curator's words, held without."""
    return _plan(context, registry)


@dg.asset(
    **stage("plan"),
    partitions_def=composite_layers,
    retry_policy=NETWORK_RETRY,
    deps=[
        dg.AssetDep(["registry", "staging_inventory"], partition_mapping=inventory_to_composites),
        dg.AssetDep(["registry", "staging_backup"], partition_mapping=backup_to_composites),
        dg.AssetDep(["registry", "components"], partition_mapping=components_into_composites),
        dg.AssetDep(["registry", "songs"], partition_mapping=songs_into_composites),
    ],
)
def composite_candidates(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """The outcome planned for each composite, resolved against development; only when all components passed."""
    return _plan(context, registry)


def _plan(context: dg.AssetExecutionContext, resource: RegistryResource) -> dg.MaterializeResult[Any]:
    from asset_registry_pipeline.steps import decisions, plan

    began, layer = monotonic(), context.partition_key
    accepted: Mapping[str, str] | None = None
    imported = decisions.Imported()
    with failing(context), resource.open() as opened:
        inspected = require_gate(context, opened.ledger, INVENTORY, [layer]).accepted[layer]
        opened.workspace.begin_batch(batch_id(context))
        if layer in BARRIER_LAYERS:
            imported = decisions.import_decisions(opened, layer)
            for row in imported.refused:
                context.log.warning(f"decision not taken: {row['name']}: {row['why']}")
        else:
            accepted = require_gate(context, opened.ledger, APPLY, BARRIER_LAYERS).accepted
        planning = plan.make(opened, layer, run_id=context.run.run_id, accepted=accepted, inspected=inspected)
    seconds = monotonic() - began
    reasons = [{"reason": reason, "documents": count} for reason, count in planning.reasons.items()]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(planning.plan.fingerprint),
        metadata={
            "items_in": planning.plan.items,
            **dict(sorted(planning.dispositions.items())),
            "rows_written": planning.written,
            "decisions_added": imported.added,
            "decisions_replaced": imported.replaced,
            "decisions_refused": len(imported.refused),
            "seconds": round(seconds, 2),
            "items_per_second": round(planning.plan.items / max(seconds, 1e-6), 1),
            "fingerprint": planning.plan.fingerprint,
            "why_not_ready": dg.MetadataValue.md(markdown_table(reasons, ("reason", "documents"))),
            "decisions_not_taken": dg.MetadataValue.md(markdown_table(imported.refused, ("name", "why"))),
        },
    )
