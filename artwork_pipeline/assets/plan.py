"""Stage plan: the dry run, kept: one decision for each row of the old table."""

from typing import Any

import dagster as dg

from artwork_pipeline.assets.common import stage
from artwork_pipeline.assets.inventory import preflight
from artwork_pipeline.partitions import SLICING
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.fingerprints import combine
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import markdown_table


@dg.asset(**stage("plan"), deps=[preflight], retry_policy=NETWORK_RETRY)
def classification(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """What is to become of each row: migrated, merged into another, or quarantined by a named rule.

    Written to the migration's own schema alone. Again on an unchanged table, it writes nothing.
    """
    from artwork_pipeline.stores.installation import recognise_source
    from artwork_pipeline.stores.plan import make_plan

    with failing(context), database.session() as connection:
        source = recognise_source(connection, SLICING)
        with database.ledger() as ledger:
            ledger.install()
            plans = make_plan(connection, ledger, source, context.run.run_id)
    rows = [
        {"slice": plan.partition, "outcome": outcome, "rows": items}
        for plan in plans
        for outcome, items in plan.summary.items()
    ]
    fingerprint = combine(plan.fingerprint for plan in plans)
    return dg.MaterializeResult(
        metadata={
            "dialect": str(source.dialect),
            "cut_by": str(source.slicing),
            "items_in": sum(plan.items for plan in plans),
            "fingerprint": fingerprint,
            "plan": dg.MetadataValue.md(markdown_table(rows, ("slice", "outcome", "rows"), limit=200)),
        },
        data_version=dg.DataVersion(fingerprint),
    )
