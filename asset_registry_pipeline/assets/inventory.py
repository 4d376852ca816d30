"""The stage `inventory`: what staging holds, layer by layer. Nothing of the assets is written by looking."""

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.partitions import layers
from asset_registry_pipeline.registry.kinds import KINDS
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.suites.inventory import snapshot
from migration_kit.orchestration import (
    NETWORK_RETRY,
    batch_id,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from migration_kit.reports import markdown_table

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.inventory import Inventory

INVENTORY = "inventory"
COUNTS_CHECK = "counts_against_the_expectation"
_KEY = dg.AssetKey(["registry", "staging_inventory"])


@dg.asset(
    **stage("inventory"),
    partitions_def=layers,
    retry_policy=NETWORK_RETRY,
    check_specs=[
        *gate_check_specs(_KEY, [snapshot()]),
        dg.AssetCheckSpec(
            COUNTS_CHECK,
            asset=_KEY,
            description="Staging is live: a number off the profile's expectation is told, and stops nothing.",
        ),
    ],
)
def staging_inventory(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """A layer of staging: its documents with their hashes, types per field, and everything found in them.

    Nothing is planned from a layer that staging got wrong as a whole; repaired there, a retry reads it anew.
    """
    from asset_registry_pipeline.steps import inventory
    from migration_kit.suites import validate_frame

    began, layer = monotonic(), context.partition_key
    with failing(context), registry.open() as opened:
        for warning in opened.warnings:
            context.log.warning(warning)
        seen = inventory.take(opened, layer, run_id=context.run.run_id, batch=batch_id(context))
        yield dg.AssetCheckResult(
            asset_key=_KEY,
            check_name=COUNTS_CHECK,
            passed=seen.within_tolerance,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"partition": layer, "documents": seen.documents, "expected": seen.expected},
        )
        yield from validate_then_publish(
            context,
            ledger=opened.ledger,
            stage=INVENTORY,
            partition=layer,
            candidate=seen.fingerprint,
            asset_key=_KEY,
            validate=lambda: [validate_frame(seen.frame(), snapshot(opened.profile.quarantine_limit))],
            publish=lambda: _metadata(seen, monotonic() - began),
        )


def _metadata(seen: "Inventory", seconds: float) -> dict[str, Any]:
    found = [
        {"finding": kind, "leads to": KINDS[kind][0], "documents": count, "meaning": KINDS[kind][1]}
        for kind, count in seen.kinds.items()
    ]
    types = [
        {"field": field, "types": ", ".join(f"{name} {count}" for name, count in counts.items())}
        for field, counts in seen.census.items()
    ]
    return {
        "what_was_found": dg.MetadataValue.md(
            markdown_table(found, ("finding", "leads to", "documents", "meaning"))
        ),
        "types_per_field": dg.MetadataValue.md(markdown_table(types, ("field", "types"))),
        "items_in": seen.documents,
        "bytes": seen.bytes,
        "expected": seen.expected,
        "findings": len(seen.findings),
        "outside_the_layers": seen.unfiled,
        "rows_written": seen.written,
        "seconds": round(seconds, 2),
        "items_per_second": round(seen.documents / max(seconds, 1e-6), 1),
        "taxonomy": seen.taxonomy,
        "fingerprint": seen.fingerprint,
    }
