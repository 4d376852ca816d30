"""Stage plan: the dry run. What apply will do, stored with the fingerprint of what it was made from."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from migration_kit.reports import markdown_table
from nabo_pipeline.assets.common import MAY_BE_EMPTY, PLAN_STAGE, PREFIX
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import DatabaseResource, MappingsResource, StorageResource
from nabo_pipeline.suites.plan import COLUMNS, PLAN, table_row

if TYPE_CHECKING:
    from migration_kit.ledger import Ledger
    from migration_kit.suites import SuiteReport
    from nabo_pipeline.media.plans import PlanItem
    from nabo_pipeline.steps.planning import Draft

KEY = dg.AssetKey([PREFIX, "migration_plan"])


@dg.asset(
    **asset_attributes(PREFIX, "plan", kinds={"postgres", "supabase"}),
    deps=[dg.AssetKey([PREFIX, "media_inventory"])],
    partitions_def=media_category,
    retry_policy=NETWORK_RETRY,
    check_specs=gate_check_specs(KEY, [PLAN]),
)
def migration_plan(
    context: dg.AssetExecutionContext,
    mappings: MappingsResource,
    database: DatabaseResource,
    storage: StorageResource,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """What will be done with every file, by the mappings, the target and the bucket's own rules; writes no media.

    Safe to run again at any time: the same source and target give the same plan.
    """
    from nabo_pipeline.media.plans import summarize
    from nabo_pipeline.steps.planning import draft_plan

    category, started = context.partition_key, time.monotonic()
    with (
        failing(context),
        database.ledger() as ledger,
        database.state() as state,
        database.target() as target,
    ):
        draft = draft_plan(category, state, mappings.read(), target, storage.open())
        summary = summarize(draft.items)

        def publish() -> Mapping[str, Any]:
            written = state.save_plan_items(category, draft.items)
            _save(ledger, category, draft, summary, context.run.run_id)
            return _metadata(summary, written, time.monotonic() - started)

        yield from validate_then_publish(
            context,
            ledger=ledger,
            stage=PLAN_STAGE,
            partition=category,
            candidate=draft.fingerprint,
            asset_key=KEY,
            validate=lambda: [_validate(category, draft.items)],
            publish=publish,
        )


def _validate(category: str, items: "tuple[PlanItem, ...]") -> "SuiteReport":
    import pandas as pd

    from migration_kit.suites import validate_frame

    suite = replace(PLAN, min_rows=0) if category in MAY_BE_EMPTY else PLAN
    return validate_frame(pd.DataFrame([table_row(item) for item in items], columns=COLUMNS), suite)


def _save(ledger: "Ledger", category: str, draft: "Draft", summary: dict[str, object], run_id: str) -> None:
    """Keeps the plan. The time from which `created_at` counts is that of the first plan: it never moves."""
    from migration_kit.ledger import Plan

    before = ledger.plan(category)
    start = (
        before.summary["records_start"] if before else datetime.now(UTC).replace(microsecond=0).isoformat()
    )
    if before and (before.fingerprint, before.source_fingerprint) == (
        draft.fingerprint,
        draft.source_fingerprint,
    ):
        return
    told = {**summary, "records_start": start}
    ledger.save_plan(
        Plan(category, draft.fingerprint, draft.source_fingerprint, len(draft.items), told, run_id)
    )


def _metadata(summary: Mapping[str, Any], written: int, seconds: float) -> dict[str, Any]:
    table = markdown_table(summary["not_migrated"], ("state", "reason", "files"))
    return {
        "items_in": summary["items"],
        "to_migrate": summary["to_migrate"],
        "bytes_to_migrate": summary["bytes_to_migrate"],
        "coverage_percent": summary["coverage_percent"],
        "rows_written": written,
        "seconds": round(seconds, 2),
        "summary": dg.MetadataValue.md(f"**{summary['to_migrate']} files will be migrated.**\n\n{table}"),
    }
