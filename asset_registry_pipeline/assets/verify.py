"""The stage `verify`: development compared with staging, document by document, computed anew."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.partitions import (
    components_to_reconciliation,
    composites_to_reconciliation,
    layers,
    songs_to_reconciliation,
)
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.suites.verify import INDEXES, RECONCILIATION
from migration_kit.accounting import require_balanced
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from migration_kit.reports import markdown_table

VERIFY = "verify"
_KEY = dg.AssetKey(["registry", "reconciliation"])


@dg.asset(
    **stage("verify"),
    partitions_def=layers,
    retry_policy=NETWORK_RETRY,
    deps=[
        dg.AssetDep(["registry", "components"], partition_mapping=components_to_reconciliation),
        dg.AssetDep(["registry", "songs"], partition_mapping=songs_to_reconciliation),
        dg.AssetDep(["registry", "composites"], partition_mapping=composites_to_reconciliation),
    ],
    check_specs=gate_check_specs(_KEY, (RECONCILIATION, INDEXES)),
)
def reconciliation(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """A layer reconciled: every document accounted for, equal to what its source makes it, references resolving."""
    from asset_registry_pipeline.steps import verify
    from migration_kit.suites import validate_frame

    began, layer = monotonic(), context.partition_key
    with failing(context), registry.open() as opened:
        found = verify.reconcile(opened, layer, batch=batch_id(context))

        def publish() -> dict[str, Any]:
            require_balanced(found.accounting, where=f"layer {layer}")
            rows = [{"field": field, **counts} for field, counts in found.fields.items()]
            return {
                **accounting_metadata(found.accounting, seconds=monotonic() - began),
                "not_from_this_migration": found.foreign,
                "fields": dg.MetadataValue.md(markdown_table(rows, ("field", "present", "populated"))),
            }

        yield from validate_then_publish(
            context,
            ledger=opened.ledger,
            stage=VERIFY,
            partition=layer,
            candidate=found.fingerprint,
            asset_key=_KEY,
            validate=lambda: [
                validate_frame(found.frame(), RECONCILIATION),
                validate_frame(found.index_frame(), INDEXES),
            ],
            publish=publish,
        )
