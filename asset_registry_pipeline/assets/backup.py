"""The stage `backup`: staging kept elsewhere and proved by a restore, before anything is written."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.partitions import inventory_to_backup, layers
from asset_registry_pipeline.registry.stages import BACKUP, INVENTORY
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.suites import backup as suite
from migration_kit.orchestration import (
    NETWORK_RETRY,
    batch_id,
    failing,
    gate_check_specs,
    require_gate,
    validate_then_publish,
)
from migration_kit.reports import markdown_table

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.backup import Part

_KEY = dg.AssetKey(["registry", "staging_backup"])


@dg.asset(
    **stage("backup"),
    partitions_def=layers,
    retry_policy=NETWORK_RETRY,
    deps=[dg.AssetDep(["registry", "staging_inventory"], partition_mapping=inventory_to_backup)],
    check_specs=gate_check_specs(_KEY, [suite.BACKUP]),
)
def staging_backup(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """A layer of staging as its inventory saw it, kept elsewhere, restored into scratch and compared with staging.

    Nothing is published of a layer without it. What is proved for the same content is read again and kept.
    """
    from asset_registry_pipeline.steps import backup
    from migration_kit.suites import validate_rows

    began, layer = monotonic(), context.partition_key
    with failing(context), registry.open() as opened:
        opened.ledger.install()
        # The batch's day, so that its layers stand in one backup whatever hour each of them is taken.
        day = opened.workspace.begin_batch(batch_id(context))
        inspected = require_gate(context, opened.ledger, INVENTORY, [layer]).accepted[layer]
        parts = backup.take(opened, layer, fingerprint=inspected, day=day, run_id=context.run.run_id)
        for part in parts:
            if part.warning:
                context.log.warning(part.warning)
        yield from validate_then_publish(
            context,
            ledger=opened.ledger,
            stage=BACKUP,
            partition=layer,
            candidate=inspected,
            asset_key=_KEY,
            validate=lambda: [validate_rows(suite.COLUMNS, [_row(part) for part in parts], suite.BACKUP)],
            publish=lambda: _metadata(parts, monotonic() - began),
        )


def _row(part: "Part") -> tuple[Any, ...]:
    compared = part.comparison
    return (
        part.proof.part,
        ", ".join(compared.named[:3]),
        part.proof.documents,
        part.restored,
        compared.missing,
        compared.extra,
        compared.different,
    )


def _metadata(parts: Sequence["Part"], seconds: float) -> dict[str, Any]:
    own = parts[0].proof
    table = [
        {
            "part": part.proof.part,
            "backup": part.proof.backup,
            "documents": f"{part.proof.documents:,}",
            "bytes": f"{part.proof.bytes:,}",
            "state": "read again, unchanged" if part.reused else "restored and compared",
            "proved": part.proof.taken_at.isoformat(),
            "digest": part.proof.digest[:16],
            "note": part.warning,
        }
        for part in parts
    ]
    return {
        "parts": dg.MetadataValue.md(markdown_table(table, tuple(table[0]))),
        "backup": own.backup,
        "place": parts[0].place,
        "items_in": own.documents,
        "bytes": own.bytes,
        "reused": parts[0].reused,
        "seconds": round(seconds, 2),
        "items_per_second": round(own.documents / max(seconds, 1e-6), 1),
        "taxonomy": own.taxonomy,
        "fingerprint": own.digest,
    }
