"""The stage `plan`, before composites: which layers have passed, and what composites wait for. Writes no asset."""

from collections.abc import Iterator
from dataclasses import asdict
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.barrier import require_barrier
from asset_registry_pipeline.assets.common import PREFIX, stage, table
from asset_registry_pipeline.partitions import (
    components_into_composites,
    composite_layers,
    songs_into_composites,
)
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import reports_path, write_json

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.prerequisites import Prerequisites
    from asset_registry_pipeline.stores.connections import Registry

_KEY = dg.AssetKey([PREFIX, "composite_prerequisites"])
_COLUMNS = ("component", "layer", "why", "composites")


@dg.asset(
    **stage("plan"),
    partitions_def=composite_layers,
    retry_policy=NETWORK_RETRY,
    deps=[
        dg.AssetDep(["registry", "components"], partition_mapping=components_into_composites),
        dg.AssetDep(["registry", "songs"], partition_mapping=songs_into_composites),
    ],
)
def composite_prerequisites(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetObservation | dg.MaterializeResult[Any]]:
    """Whether composites may go: each layer with its gate, and the components that composites wait for, by how many.

    With the barrier `all_components` it fails while a layer has not passed; what blocks is shown all the same, as an
    observation. With `own_components` it tells which composites will be held.
    """
    from asset_registry_pipeline.steps.prerequisites import looking

    began, layer = monotonic(), context.partition_key
    with failing(context), registry.open() as opened:
        with looking(opened) as seen:
            metadata = _metadata(opened, seen, began)
        if seen.refused:
            # Yielded, not logged: what is logged by a step that then fails is lost.
            told = "Composites may not go yet"
            yield dg.AssetObservation(_KEY, partition=layer, description=told, metadata=metadata)
        require_barrier(context, opened, layer)
    yield dg.MaterializeResult(metadata=metadata)


def _metadata(opened: "Registry", seen: "Prerequisites", began: float) -> dict[str, Any]:
    from asset_registry_pipeline.steps.prerequisites import blockers

    folder = reports_path(PREFIX)
    path = write_json(folder / "composites-wait-for.json", map(asdict, blockers(opened, seen)))
    closed = {one.partition: one.why for one in seen.gate.closed}
    layers = [
        {"layer": layer, "gate": "closed" if layer in closed else "open", "why": closed.get(layer, "")}
        for layer in BARRIER_LAYERS
    ]
    seconds, numbers = monotonic() - began, seen.numbers
    composites = numbers.complete + numbers.waiting + numbers.unusable
    return {
        "what_blocks": table(map(asdict, blockers(opened, seen)), _COLUMNS),
        "layers": table(layers, ("layer", "gate", "why")),
        "barrier": seen.barrier,
        "items_in": composites,
        "components_all_there": numbers.complete,
        "waiting": numbers.waiting,
        "references_cannot_be_used": numbers.unusable,
        "components_waited_for": len(seen.tally),
        "all_that_blocks": dg.MetadataValue.path(str(path)),
        "seconds": round(seconds, 2),
        "items_per_second": round(composites / max(seconds, 1e-6), 1),
    }
