"""What stands between components and composites: the one place where a profile's barrier policy is put into force."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.registry.profiles import ALL_COMPONENTS
from asset_registry_pipeline.registry.stages import APPLY
from migration_kit.gates import VerdictStatus
from migration_kit.orchestration import require_gate

if TYPE_CHECKING:
    from asset_registry_pipeline.stores.connections import Registry


def require_barrier(
    context: dg.AssetExecutionContext, opened: "Registry", layer: str
) -> Mapping[str, str] | None:
    """What a layer is built upon: what is published of the layers that composites need; None for those layers.

    Asked at the start of a body and again just before it publishes. With `own_components` nothing is asked of whole
    layers: each composite is held by its plan until its own components are in development by this migration, which
    they are only after their layer's checks passed.

    Raises:
        dagster.Failure: with `all_components`: names each layer that has not passed, and why.
    """
    if layer in BARRIER_LAYERS:
        return None
    if opened.profile.barrier == ALL_COMPONENTS:
        return require_gate(context, opened.ledger, APPLY, BARRIER_LAYERS).accepted
    # Not asked whether they passed, only what they are: composites that were planned upon others are planned again.
    # What was taken back, or is being taken back at this moment, is no longer what it was.
    verdicts, published = opened.ledger.verdicts(APPLY), opened.ledger.publications(APPLY)
    gone = {each for each, newest in verdicts.items() if newest.status is VerdictStatus.ROLLED_BACK}
    return {each: published[each] for each in BARRIER_LAYERS if each in published and each not in gone}
