"""Stage plan: the dry run. What apply will do, stored with the fingerprint of what it was made from."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.orchestration import (
    NETWORK_RETRY,
    asset_attributes,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from migration_kit.reports import markdown_table, reports_path, write_json
from nabo_pipeline.assets.common import MAY_BE_EMPTY, PLAN_STAGE, PREFIX, tell
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import (
    DatabaseResource,
    MappingsResource,
    PricesResource,
    StorageResource,
    TransferSettings,
)
from nabo_pipeline.suites.plan import PLAN, rows_query

if TYPE_CHECKING:
    from pathlib import Path

    from migration_kit.ledger import Ledger
    from migration_kit.suites import SuiteReport
    from nabo_pipeline.steps.planning import Draft, Estimating
    from nabo_pipeline.stores.state import StateStore

KEY = dg.AssetKey([PREFIX, "migration_plan"])
MIB = 1_048_576


@dg.asset(
    **asset_attributes(PREFIX, "plan", kinds={"postgres", "supabase"}),
    deps=[dg.AssetKey([PREFIX, "media_inventory"])],
    partitions_def=media_category,
    retry_policy=NETWORK_RETRY,
    check_specs=gate_check_specs(KEY, [PLAN]),
)
def migration_plan(  # noqa: PLR0917 - Dagster hands resources over by name
    context: dg.AssetExecutionContext,
    mappings: MappingsResource,
    database: DatabaseResource,
    storage: StorageResource,
    transfer: TransferSettings,
    prices: PricesResource,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """What will be done with every file, by the mappings, the target and the bucket's own rules; writes no media.

    With an estimate of bytes, time and money, and the whole of it in a file. Safe to run again at any time: the same
    source and target give the same plan, whatever is estimated.
    """
    from nabo_pipeline.media.reports import MAPPINGS
    from nabo_pipeline.steps.planning import Planner, draft_plan
    from nabo_pipeline.steps.reporting import write_mappings
    from nabo_pipeline.stores.plan_draft import drafted_plan

    category, started = context.partition_key, time.monotonic()
    with failing(context), ExitStack() as stack:
        ledger = stack.enter_context(database.ledger())
        state = stack.enter_context(database.state())
        target = stack.enter_context(database.target())
        candidate = stack.enter_context(drafted_plan(state.conninfo, category))
        planner = Planner(
            state, mappings.read(), target, storage.open(), _estimating(prices, transfer), context.log.info
        )
        draft = draft_plan(category, planner, candidate)

        def publish() -> Mapping[str, Any]:
            written = candidate.publish()
            _save(ledger, category, draft, context.run.run_id)
            path = _write(state, category)
            told = tell(database, MAPPINGS, write_mappings)
            return _metadata(draft, written, path, time.monotonic() - started, transfer.workers) | told

        yield from validate_then_publish(
            context,
            ledger=ledger,
            stage=PLAN_STAGE,
            partition=category,
            candidate=draft.fingerprint,
            asset_key=KEY,
            validate=lambda: [_validate(database.conninfo, category, candidate.table, draft.inventoried)],
            publish=publish,
        )


def _estimating(prices: PricesResource, transfer: TransferSettings) -> "Estimating":
    from nabo_pipeline.steps.planning import Estimating

    return Estimating(prices.read(), transfer.policy, transfer.jpeg_quality, transfer.workers)


def _validate(conninfo: str, category: str, table: str, inventoried: int) -> "SuiteReport":
    """The suite's verdict. A row for each file that was listed, and one at least where a category may not be empty."""
    from migration_kit.suites import validate_query

    least = inventoried if category in MAY_BE_EMPTY else max(1, inventoried)
    return validate_query(conninfo, rows_query(table), replace(PLAN, min_rows=least))


def _save(ledger: "Ledger", category: str, draft: "Draft", run_id: str) -> None:
    """Keeps the plan. The time from which `created_at` counts is that of the first plan: it never moves."""
    from migration_kit.ledger import Plan

    before = ledger.plan(category)
    start = (
        before.summary["records_start"] if before else datetime.now(UTC).replace(microsecond=0).isoformat()
    )
    summary = {
        **asdict(draft.totals),
        "coverage_percent": draft.coverage_percent,
        "estimated_hours": round(draft.hours, 3),
        "costs": list(draft.costs),
        "records_start": start,
    }
    plan = Plan(category, draft.fingerprint, draft.source_fingerprint, draft.totals.items, summary, run_id)
    if before is None or replace(before, run_id=run_id) != plan:
        ledger.save_plan(plan)


def _write(state: "StateStore", category: str) -> "Path":
    """The whole plan as a file, a row on each line."""
    rows = (
        {
            "item": one.item, "action": one.action, "reason": one.reason, "treatment": one.treatment,
            "target": f"{one.bucket}/{one.stem}" if one.stem else None, "owner": one.owner, "service": one.service,
            "waitsFor": one.alternate_of, "size": one.size, "type": one.mime, "estimatedSize": one.estimated_bytes,
            "estimatedSeconds": one.estimated_seconds,
        }
        for one in state.plan_items(category)
    )  # fmt: skip
    return write_json(reports_path(PREFIX) / f"plan-{category}.json", rows)


def _metadata(draft: "Draft", written: int, path: "Path", seconds: float, workers: int) -> dict[str, Any]:
    totals = draft.totals
    return {
        "summary": dg.MetadataValue.md(_summary(draft, workers)),
        "items_in": totals.items,
        "to_migrate": totals.to_migrate,
        "bytes_to_migrate": totals.bytes_to_migrate,
        "coverage_percent": draft.coverage_percent,
        "estimated_bytes": totals.estimated_bytes,
        "estimated_saving_percent": draft.saving_percent,
        "estimated_minutes": round(draft.hours * 60, 1),
        "whole_plan": dg.MetadataValue.path(str(path)),
        "rows_written": written,
        "seconds": round(seconds, 2),
        "items_per_second": round(totals.items / max(seconds, 1e-6), 1),
    }


def _summary(draft: "Draft", workers: int) -> str:
    totals = draft.totals
    groups = [
        {
            "what": "migrate" if one.action == "migrate" else one.action,
            "how, or why not": one.told,
            "files": f"{one.files:,}",
            "MiB": f"{one.bytes / MIB:,.1f}",
            "MiB after": f"{one.estimated_bytes / MIB:,.1f}" if one.action == "migrate" else "",
            "for example": one.example,
        }
        for one in draft.groups
    ]
    in_short = (
        f"{totals.bytes / MIB:,.1f} MiB become about {totals.estimated_bytes / MIB:,.1f} MiB"
        f" ({draft.saving_percent}% less), in about {draft.hours * 60:,.1f} minutes with {workers} workers."
    )
    lines = [
        f"**{totals.files:,} of {totals.items:,} files will be migrated ({draft.coverage_percent}%).**",
        in_short,
        markdown_table(groups, ("what", "how, or why not", "files", "MiB", "MiB after", "for example")),
        "Costs, by the table of prices (NABO_PRICES):",
        markdown_table(draft.costs, ("for", "when", "amount", "currency")),
    ]
    return "\n\n".join(lines)
