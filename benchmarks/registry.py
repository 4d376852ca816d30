"""How fast the asset registry's migration is: documents a second through plan, apply and verify, and again.

The steps and the suites are run as the assets run them, without Dagster around them.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

SCALES = {"default": 1, "full": 10}
"""BENCH_SCALE to a multiple of the real registry's 1,681 documents."""


def run(environment: Mapping[str, str]) -> dict[str, float]:
    """Fill staging, migrate it, verify it, and do it again; seconds and documents a second (higher is better)."""
    from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
    from asset_registry_pipeline.stores.connections import Settings, opened
    from local_stack.sources import registry as source

    factor = SCALES.get(environment.get("BENCH_SCALE", "default"), 1)
    filled = source.fill(environment, layers={layer: n * factor for layer, n in source.REAL.items()})
    settings = Settings(
        environment["REGISTRY_STAGING_URI"],
        environment["REGISTRY_STAGING_DB"],
        environment["REGISTRY_DEVELOPMENT_URI"],
        environment["REGISTRY_DEVELOPMENT_DB"],
        decisions=environment["REGISTRY_DECISIONS"],
    )
    with opened(settings) as registry:
        _warm_up()
        first = _migrate(registry, MIGRATED_LAYERS, "first")
        second = _migrate(registry, MIGRATED_LAYERS, "second")
    whole = sum(seconds for stage, seconds in first.items() if stage != "documents_written")
    return {
        "documents": float(filled.documents),
        "documents_written": first["documents_written"],
        "documents_per_s": filled.documents / whole,
        **{f"{stage}_s": seconds for stage, seconds in first.items() if stage != "documents_written"},
        "second_run_writes": second["documents_written"],
        "second_run_s": sum(seconds for stage, seconds in second.items() if stage != "documents_written"),
    }


def _warm_up() -> None:
    """Import what the first validation imports (seconds), so that it is not counted as the layer's time."""
    import pandas as pd

    from migration_kit.suites import Suite, validate_frame

    validate_frame(pd.DataFrame({"warm": [1]}), Suite("warm_up", ()))


def _migrate(registry: Any, layers: tuple[str, ...], batch: str) -> dict[str, float]:
    from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS
    from asset_registry_pipeline.steps import apply, decisions, frames, inventory, plan, verify
    from asset_registry_pipeline.suites import apply as apply_suites
    from asset_registry_pipeline.suites.verify import RECONCILIATION
    from migration_kit.suites import validate_frame

    spent = {
        "inventory": 0.0,
        "plan": 0.0,
        "validate": 0.0,
        "apply": 0.0,
        "verify": 0.0,
        "documents_written": 0.0,
    }
    for layer in layers:
        began = perf_counter()
        inventory.take(registry, layer, run_id=batch, batch=batch)
        began = _count(spent, "inventory", began)
        if layer in BARRIER_LAYERS:
            decisions.import_decisions(registry, layer)
        accepted: dict[str, str] | None = {} if layer in COMPOSITE_LAYERS else None
        plan.make(registry, layer, run_id=batch, accepted=accepted)
        began = _count(spent, "plan", began)
        staged = apply.load_staged(registry, layer, accepted)
        reports = (
            validate_frame(frames.dispositions_frame(staged.candidates), apply_suites.dispositions(0.1)),
            validate_frame(
                frames.candidates_frame(staged, registry.profile), apply_suites.documents((layer,))
            ),
        )
        if not all(report.passed for report in reports):
            raise RuntimeError(f"layer {layer} did not pass: {reports}")
        began = _count(spent, "validate", began)
        published = apply.publish(registry, staged, run_id=batch, batch=batch, log=lambda _: None)
        spent["documents_written"] += published.written
        _count(spent, "apply", began)
    for layer in layers:
        began = perf_counter()
        found = verify.reconcile(registry, layer, batch=batch)
        if not validate_frame(found.frame(), RECONCILIATION).passed:
            raise RuntimeError(f"layer {layer} is not verified")
        _count(spent, "verify", began)
    return spent


def _count(spent: dict[str, float], stage: str, began: float) -> float:
    now = perf_counter()
    spent[stage] += now - began
    return now
