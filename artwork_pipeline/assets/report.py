"""Stage report: the whole migration accounted for and verified."""

from typing import Any

import dagster as dg

from artwork_pipeline.assets.common import PREFIX, stage
from artwork_pipeline.assets.verify import STAGE as VERIFY
from artwork_pipeline.assets.verify import verification
from artwork_pipeline.partitions import EVERY_SLICE, SLICING
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.accounting import Accounting, require_balanced
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    batch_seconds,
    failing,
    require_gate,
)
from migration_kit.reports import PipelineSummary, markdown_table, write_summary


@dg.asset(
    **stage("report"),
    deps=[dg.AssetDep(verification, partition_mapping=EVERY_SLICE)],
    retry_policy=NETWORK_RETRY,
)
def migration_report(
    context: dg.AssetExecutionContext, database: ArtworkDatabase
) -> dg.MaterializeResult[Any]:
    """Every row of the old table by what became of it, with every slice verified.

    Asks the ledger whether each slice's newest verification passed, at the start and again before it publishes.
    """
    from artwork_pipeline.stores.expansion import require_followed
    from artwork_pipeline.stores.installation import require_installed, require_slicing
    from artwork_pipeline.stores.totals import account

    batch = batch_id(context)
    with failing(context), database.session() as connection:
        require_installed(connection, "base", "expansion")
        require_slicing(connection, SLICING)
        require_followed(connection)
        with database.ledger() as ledger:
            require_gate(context, ledger, VERIFY, SLICING.names)
            slices = {name: account(connection, batch, name) for name in SLICING.names}
            total = account(connection, batch)
            require_balanced(total, where="public.artworks")
            gate = require_gate(context, ledger, VERIFY, SLICING.names)
    seconds = batch_seconds(context)
    path = write_summary(PREFIX, PipelineSummary(PREFIX, batch, total, gate.open, seconds))
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(total, seconds=seconds),
            "verified": gate.open,
            "accepted": dg.MetadataValue.json(dict(gate.accepted)),
            "slices": dg.MetadataValue.md(
                markdown_table((_line(name, one) for name, one in slices.items()), tuple(_line("", total)))
            ),
            "summary": dg.MetadataValue.path(str(path)),
        }
    )


def _line(name: str, accounting: Accounting) -> dict[str, object]:
    return {
        "slice": name,
        "rows": accounting.source,
        "migrated": accounting.migrated,
        "already present": accounting.already_present,
        "merged": accounting.merged,
        "quarantined": sum(accounting.quarantined.values()),
    }
