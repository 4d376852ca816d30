"""What is to be planned anew: decisions that no plan has seen, and layers that somebody asked to be tried again.

Which runs there are is Dagster's knowledge, and stays with jobs and sensors.
"""

from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, MIGRATED_LAYERS
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import not_found, require
from asset_registry_pipeline.steps.curation.overview_model import RetryRequest
from asset_registry_pipeline.steps.curation.recording import in_transaction
from asset_registry_pipeline.steps.operating import Due, begun_layers, with_composites
from asset_registry_pipeline.stores.audit import entry
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.fingerprints import fingerprint


def request_retry(registry: Registry, actor: Actor, about: str, now: datetime) -> RetryRequest:
    """Ask for another run of a layer; `about`: the layer, the key of a queue item, or a document of the ledger.

    Raises:
        CurationError: forbidden, or not_found.
    """
    require(actor, "ask for a retry")
    layer = _layer_of(registry, about)
    plan = registry.ledger.plan(layer)
    row = {"_id": about, "layer": layer, "by": actor.name, "at": now, "plan": plan.run_id if plan else None}
    told = entry(now, actor.name, str(actor.role), "asked for a retry", layer=layer, key=about)

    def both(session: Any) -> None:
        registry.curation.ask_for_retry(row, session)
        registry.audit.add([told], session)

    in_transaction(registry, both)
    return RetryRequest(layer, about, actor.name, now)


def unplanned(registry: Registry) -> Due:
    """What has been decided or asked for since the newest plans. Layers that nobody has begun are left alone."""
    begun, why, left_out = begun_layers(registry), dict[str, tuple[str, ...]](), dict[str, str]()
    states: list[Any] = []
    for layer in MIGRATED_LAYERS:
        reasons, state = _of_layer(registry, layer)
        if reasons and (because := begun.why_left_alone(layer)):
            left_out[layer] = f"{'; '.join(reasons)}; {because}"
        elif reasons:
            why[layer] = reasons
            states.append([layer, *state])
    with_composites(why, begun)
    looked_at = frozenset(layer for layer in why if _is_as_looked_at(registry, layer))
    return Due(why, left_out, fingerprint(states) if states else "", looked_at)


def _of_layer(registry: Registry, layer: str) -> tuple[tuple[str, ...], list[Any]]:
    """Why a layer is to be planned anew, and what stands for that."""
    plan = registry.ledger.plan(layer)
    if plan is None:
        return (), []
    reasons: list[str] = []
    state: list[Any] = []
    if layer in BARRIER_LAYERS:
        decided = registry.decisions.digest(layer)
        if plan.summary["parts"].get("decisions") != decided:
            reasons.append("decisions that its newest plan has not seen")
            state.append(decided)
    asked = [row for row in registry.curation.retries(layer) if row["plan"] == plan.run_id]
    if asked:
        names = ", ".join(sorted({row["by"] for row in asked}))
        reasons.append(f"{names} asked for it")
        state.append([[row["_id"], row["at"]] for row in asked])
    return tuple(reasons), state


def _is_as_looked_at(registry: Registry, layer: str) -> bool:
    inventory = registry.workspace.inventory(layer)
    return inventory is not None and inventory.get("mark") == registry.staging.mark(layer)


def _layer_of(registry: Registry, about: str) -> str:
    if about in MIGRATED_LAYERS:
        return about
    row = registry.queue.get(about)
    if row is not None:
        layer: str = row["layer"]
        return layer
    recorded = registry.ledger.entry(about)
    if recorded is None or recorded.partition not in MIGRATED_LAYERS:
        raise not_found(about)
    return recorded.partition
