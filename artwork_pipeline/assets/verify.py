"""Stage verify: both sides of a slice compared row by row and column by column; the gate before the report."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from artwork_pipeline.assets.apply import backfill
from artwork_pipeline.assets.common import PREFIX, stage
from artwork_pipeline.partitions import SLICING, slice_of_rows
from artwork_pipeline.resources import ArtworkDatabase
from artwork_pipeline.suites.verify import BOTH_SIDES, CLEAN_ROWS, DIFFERENCES, SUITES
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from migration_kit.reports import markdown_table, reports_path, write_json

if TYPE_CHECKING:
    from artwork_pipeline.stores.verification import Comparison
    from migration_kit.suites import SuiteReport

STAGE = "verify"
KEY = dg.AssetKey([PREFIX, "verification"])
_COLUMNS = ("problem", "artwork_id", "column", "expected", "found")


@dg.asset(
    **stage("verify"),
    deps=[backfill],
    partitions_def=slice_of_rows,
    retry_policy=NETWORK_RETRY,
    check_specs=gate_check_specs(KEY, SUITES),
)
def verification(
    context: dg.AssetExecutionContext, database: ArtworkDatabase
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """The slice is what it should be: every row there, every column right, every token and order resolving.

    What differs is named, row and column; nothing is repaired.
    """
    from artwork_pipeline.stores.expansion import require_followed
    from artwork_pipeline.stores.installation import require_installed, require_slicing
    from artwork_pipeline.stores.verification import as_compared, compare

    name, begun = context.partition_key, time.monotonic()
    with failing(context), database.session() as connection, ExitStack() as until_published:
        require_installed(connection, "base", "expansion")
        require_slicing(connection, SLICING)
        with database.ledger() as ledger:
            # From here on an earlier verdict counts no more, also if this run is lost in the comparison.
            ledger.begin_verdict(STAGE, name, "being compared", context.run.run_id)
            require_followed(connection)
            comparison = compare(connection, name)
            path = _write_differences(context, comparison)

            def publish() -> dict[str, Any]:
                until_published.enter_context(as_compared(connection, comparison))
                return {
                    **accounting_metadata(comparison.accounting, seconds=time.monotonic() - begun),
                    "differences": len(comparison.differences),
                    "all_differences": dg.MetadataValue.path(path),
                }

            yield from validate_then_publish(
                context,
                ledger=ledger,
                stage=STAGE,
                partition=name,
                candidate=comparison.candidate,
                asset_key=KEY,
                validate=lambda: _reports(database, comparison),
                publish=publish,
            )


def _reports(database: ArtworkDatabase, comparison: "Comparison") -> "Sequence[SuiteReport]":
    from artwork_pipeline.stores.verification import clean_rows_query, content_report
    from migration_kit.suites import validate_query

    # Rules on columns hold of a table without rows, too. How many there must be is the comparison's business: people
    # who delete an artwork after its snapshot make no difference.
    rules = replace(CLEAN_ROWS, min_rows=min(1, comparison.accounting.migrated))
    return (
        content_report(comparison, BOTH_SIDES.name, DIFFERENCES),
        validate_query(database.conninfo, clean_rows_query(comparison.partition, comparison.tables), rules),
    )


def _write_differences(context: dg.AssetExecutionContext, comparison: "Comparison") -> str:
    """All differences to a file, the first of them to the run's log; the path of the file."""
    rows = [{**vars(one)} for one in comparison.differences]
    path = write_json(reports_path(PREFIX) / f"differences-{comparison.partition}.json", rows)
    if rows:
        table = markdown_table(rows, _COLUMNS)
        context.log.error(
            f"{len(rows)} differences in {comparison.partition}; all in {path}; the first:\n{table}"
        )
    return str(path)
