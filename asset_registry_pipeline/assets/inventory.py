"""The stage `inventory`: what staging holds, layer by layer. Nothing of the assets is written by looking."""

from collections.abc import Iterator
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import MOST_ROWS, stage, table
from asset_registry_pipeline.partitions import layers
from asset_registry_pipeline.registry.kinds import KINDS
from asset_registry_pipeline.registry.layers import UNFILED
from asset_registry_pipeline.registry.stages import INVENTORY
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.suites.inventory import snapshot
from migration_kit.orchestration import (
    NETWORK_RETRY,
    batch_id,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from migration_kit.reports import reports_path, write_json

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.inventory import Inventory
    from asset_registry_pipeline.stores.connections import Registry

_COLUMNS = ("item", "layer", "kind", "effect", "field", "detail", "meaning")
COUNTS_CHECK = "counts_against_the_expectation"
_KEY = dg.AssetKey(["registry", "staging_inventory"])


@dg.asset(
    **stage("inventory"),
    partitions_def=layers,
    retry_policy=NETWORK_RETRY,
    deps=[["registry", "preflight"]],
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
    from migration_kit.suites import validate_rows

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
            validate=lambda: [
                validate_rows(
                    ("item", "label", "usable"),
                    inventory.usable_rows(opened, layer),
                    snapshot(opened.profile.quarantine_limit),
                )
            ],
            publish=lambda: {
                **_metadata(seen, monotonic() - began),
                **_findings(opened, layer),
            },
        )


def _metadata(seen: "Inventory", seconds: float) -> dict[str, Any]:
    kinds = [
        {"finding": kind, "leads to": KINDS[kind][0], "documents": count, "meaning": KINDS[kind][1]}
        for kind, count in seen.kinds.items()
    ]
    types = [
        {"field": field, "types": ", ".join(f"{name} {count}" for name, count in counts.items())}
        for field, counts in seen.census.items()
    ]
    return {
        "what_was_found": table(kinds, ("finding", "leads to", "documents", "meaning")),
        "types_per_field": table(types, ("field", "types")),
        "items_in": seen.documents,
        "bytes": seen.bytes,
        "expected": seen.expected,
        "findings": sum(seen.kinds.values()),
        "outside_the_layers": seen.unfiled,
        "left_staging_since_migrated": seen.left,
        "rows_written": seen.written,
        "seconds": round(seconds, 2),
        "items_per_second": round(seen.documents / max(seconds, 1e-6), 1),
        "taxonomy": seen.taxonomy,
        "fingerprint": seen.fingerprint,
    }


def _findings(opened: "Registry", layer: str) -> dict[str, Any]:
    """One row for each document and kind: the first of them as a table, all of them in a file."""
    folder = reports_path("registry")
    return {
        "first_findings": table(islice(_all_findings(opened, layer), MOST_ROWS), _COLUMNS),
        "all_findings": dg.MetadataValue.path(
            str(write_json(folder / f"findings-{layer}.json", _all_findings(opened, layer)))
        ),
        "all_that_left_staging": dg.MetadataValue.path(
            str(write_json(folder / f"left-{layer}.json", map(_named, opened.workspace.left(layer))))
        ),
    }


def _all_findings(opened: "Registry", layer: str) -> Iterator[dict[str, Any]]:
    for each in (layer, UNFILED, "environment"):
        for row in opened.workspace.findings(each):
            if each == "environment" and row["item"] != f"layer-{layer}":
                continue  # what the inventory of another layer found around it
            yield {"meaning": KINDS[row["kind"]][1], **{name: row[name] for name in row if name != "_id"}}


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {"item": row["_id"], "label": row["label"], "source_hash": row["source_hash"]}
