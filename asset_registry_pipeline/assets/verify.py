"""The stage `verify`: development compared with staging, document by document, computed anew."""

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.partitions import (
    components_to_reconciliation,
    composites_to_reconciliation,
    layers,
    songs_to_reconciliation,
)
from asset_registry_pipeline.registry.stages import APPLY, VERIFY
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.suites.verify import INDEXES, RECONCILIATION, counts
from migration_kit.accounting import require_balanced
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    failing,
    gate_check_specs,
    require_gate,
    validate_then_publish,
)
from migration_kit.reports import markdown_table
from migration_kit.suites import SuiteReport

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.verify import Tally

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
    check_specs=gate_check_specs(_KEY, (RECONCILIATION, INDEXES, counts())),
)
def reconciliation(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """A layer reconciled: every document accounted for, equal to what its source makes it, references resolving."""
    from asset_registry_pipeline.steps import comparing, verify
    from migration_kit.suites import validate_rows

    began, layer = monotonic(), context.partition_key
    with failing(context), registry.open() as opened:
        # A layer whose publishing failed, as for too many conflicts, is not verified by what is there.
        require_gate(context, opened.ledger, APPLY, [layer])
        # First of all: what is recorded while the layer is compared makes this reconciliation a stale one.
        recorded = verify.standing_fingerprint(opened, layer)
        tally = verify.Tally()
        profile = opened.profile

        def validate() -> list[SuiteReport]:
            rows = verify.rows(opened, layer, tally, batch=batch_id(context))
            compared = validate_rows(comparing.COLUMNS, rows, RECONCILIATION)
            in_development = ((layer, tally.in_development),)
            return [
                compared,
                validate_rows(verify.INDEX_COLUMNS, verify.index_rows(opened, layer, tally), INDEXES),
                validate_rows(
                    ("layer", "in_development"),
                    in_development,
                    counts(*(profile.expected_range(layer) or (0, None))),
                ),
            ]

        def publish() -> dict[str, Any]:
            require_balanced(tally.accounting, where=f"layer {layer}")
            return _metadata(tally, profile.expected.get(layer), monotonic() - began)

        yield from validate_then_publish(
            context,
            ledger=opened.ledger,
            stage=VERIFY,
            partition=layer,
            candidate=recorded,
            asset_key=_KEY,
            validate=validate,
            publish=publish,
        )


def _metadata(tally: "Tally", expected: int | None, seconds: float) -> dict[str, Any]:
    fields = [{"field": field, **counts} for field, counts in tally.fields.items()]
    return {
        **accounting_metadata(tally.accounting, seconds=seconds),
        "in_development": tally.in_development,
        "expected": expected if expected is not None else "whatever staging has",
        "not_from_this_migration": tally.foreign,
        "left_staging_since": tally.left,
        "text_index": tally.text_index,
        "fields": dg.MetadataValue.md(markdown_table(fields, ("field", "present", "populated"))),
    }
