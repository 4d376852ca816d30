"""When the text index is made, and by whom it is asked for: on what is there it costs a third of what it costs before.

Small layers have it from the first publishing on. Where very many composites are still to come it is made behind them,
by the server alone, while reconciling compares documents. The reconciliation of composites waits for it and demands it;
that of a layer before them does so unless the index is being built, or comes with the composites.
"""

from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.registry.outcomes import IN_DEVELOPMENT
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.indexes import TEXT_INDEX

MANY = 5_000
"""Composites from which on their first publishing is not made to keep a text index."""
THERE, BEING_BUILT, WITH_COMPOSITES = (
    "as wanted or told below",
    "being built",
    "made once composites are published",
)


def comes_with_composites(registry: Registry, layer: str) -> bool:
    """Whether a layer is published without the text index, because very many composites are still to come."""
    if layer in COMPOSITE_LAYERS:
        return False
    inventories = [registry.workspace.inventory(each) for each in COMPOSITE_LAYERS]
    if sum(one["documents"] for one in inventories if one is not None) < MANY:
        return False
    return not any(
        state in IN_DEVELOPMENT
        for each in COMPOSITE_LAYERS
        for state, _, _ in registry.ledger.counts(partition=each)
    )


def settled(registry: Registry, layer: str) -> str:
    """Where the text index stands for the reconciliation of a layer; of composites once nothing is being built."""
    if layer in COMPOSITE_LAYERS:
        registry.development.await_indexes()
    elif TEXT_INDEX in registry.development.being_built():
        return BEING_BUILT
    elif TEXT_INDEX not in registry.development.indexes() and comes_with_composites(registry, layer):
        return WITH_COMPOSITES
    return THERE
