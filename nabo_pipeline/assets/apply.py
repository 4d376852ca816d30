"""Stage apply: pictures to Storage, then their rows. The only stage that writes media."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    asset_attributes,
    batch_id,
    failing,
)
from migration_kit.progress import track
from nabo_pipeline.assets.common import DATABASE_POOL, PREFIX, STORAGE_POOL, accepted_plan, account, problems
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import (
    BackupResource,
    DatabaseResource,
    MappingsResource,
    StorageResource,
    TransferSettings,
)

if TYPE_CHECKING:
    from migration_kit.ledger import Entry
    from migration_kit.ledger.postgres import PostgresLedger
    from nabo_pipeline.media.plans import PlanItem
    from nabo_pipeline.stores.backup import Backup
    from nabo_pipeline.stores.target import Target

RECORD_EVERY = 50
"""Outcomes kept back before they are written: what a crash costs to be looked at again."""


@dg.asset(
    **asset_attributes(PREFIX, "apply", kinds={"supabase"}),
    deps=[dg.AssetKey([PREFIX, "migration_plan"])],
    partitions_def=media_category,
    pool=STORAGE_POOL,
    retry_policy=NETWORK_RETRY,
)
def images(  # noqa: PLR0917 - Dagster hands resources over by name
    context: dg.AssetExecutionContext,
    backup: BackupResource,
    mappings: MappingsResource,
    storage: StorageResource,
    database: DatabaseResource,
    transfer: TransferSettings,
) -> dg.MaterializeResult[None]:
    """The pictures of a category in their bucket: compressed where that helps, read back, hashed, in the ledger.

    Refuses a plan whose source has changed. Any run resumes: what the ledger calls verified and what still stands is
    not sent again; an object that stands there with other bytes is never overwritten.
    """
    from nabo_pipeline.steps.planning import read_plan, require_same_source
    from nabo_pipeline.stores.accounting import forget_departed
    from nabo_pipeline.stores.turns import turn

    category, started = context.partition_key, time.monotonic()
    with failing(context), ExitStack() as stack:
        who = f"images {context.run.run_id}"
        stack.enter_context(turn(database.conninfo, category, who, alone=False))
        ledger = stack.enter_context(database.ledger())
        state = stack.enter_context(database.state())
        target = stack.enter_context(database.target())
        plan = accepted_plan(context, ledger, category)
        items = list(read_plan(state, plan))
        source = backup.open()
        require_same_source(category, plan.source_fingerprint, source, mappings.read())
        known = {entry.item: entry for entry in ledger.entries(partition=category)}
        outcomes = _outcomes(context, items, known, source, target=target, storage=storage, transfer=transfer)
        written = _record(ledger, target, category, outcomes)
        forget_departed(state, category)
        accounting = account(state, plan, batch_id(context))
        entries = list(ledger.entries(partition=category))
        told = problems(state, "images", category)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(accounting, seconds=seconds),
            **_transfer_metadata(entries),
            **told,
            "outcomes_written": written,
        }
    )


def _outcomes(
    context: dg.AssetExecutionContext,
    items: "list[PlanItem]",
    known: "dict[str, Entry]",
    source: "Backup",
    *,
    target: "Target",
    storage: StorageResource,
    transfer: TransferSettings,
) -> "Iterable[Entry]":
    """Every file's outcome: those that the plan already decided, then the pictures as they are carried over."""
    from migration_kit.accounting import State
    from migration_kit.ledger import Entry
    from nabo_pipeline.media.plans import BUCKETS
    from nabo_pipeline.steps.transfer import Carrier, carry_all, stands_for_object

    category, run, batch = context.partition_key, context.run.run_id, batch_id(context)
    for item in items:
        # What has been migrated stays so in the ledger, even if a later plan leaves it out: its object is ours.
        if not item.migrates and not stands_for_object(known.get(item.item)):
            yield Entry(item.item, category, State(item.action), item.reason, run_id=run, batch_id=batch)
    goes = [item for item in items if item.migrates]
    if not goes:
        return
    with transfer.isolated() as workers:
        store = storage.open()
        avatars = target.foreign_avatars(
            {item.owner for item in goes if item.owner and item.media_type == "avatar"}
        )
        rules = store.rules(BUCKETS[category])
        carrier = Carrier(source, store, workers, rules, transfer.rules(), category, run, batch)
        outcomes = carry_all(carrier, goes, known, avatars, threads=transfer.threads)
        yield from track(
            outcomes, total=len(goes), log=context.log.info, what=f"carrying {category} pictures"
        )


def _record(ledger: "PostgresLedger", target: "Target", category: str, outcomes: "Iterable[Entry]") -> int:
    """Writes outcomes as they come; also those that came before a failure."""
    from nabo_pipeline.stores.outcomes import record_outcomes

    waiting: list[Entry] = []
    written = 0
    try:
        for entry in outcomes:
            waiting.append(entry)
            if len(waiting) >= RECORD_EVERY:
                written += record_outcomes(ledger, target.connection, category, waiting)
                waiting = []
    finally:
        written += record_outcomes(ledger, target.connection, category, waiting)
    return written


def _transfer_metadata(entries: "list[Entry]") -> dict[str, Any]:
    from nabo_pipeline.steps.transfer import DONE

    done = [entry for entry in entries if entry.state in DONE]
    before, after = (sum(int(entry.detail[name]) for entry in done) for name in ("source_bytes", "bytes"))
    verdicts: dict[str, int] = {}
    for entry in done:
        verdicts[entry.detail["verdict"]] = verdicts.get(entry.detail["verdict"], 0) + 1
    lines = "\n".join(f"- {verdict}: {files}" for verdict, files in sorted(verdicts.items()))
    return {
        "bytes": before,
        "bytes_in_storage": after,
        "saved_percent": round(100 * (before - after) / before, 1) if before else 0.0,
        "compression": dg.MetadataValue.md(lines or "nothing to compress"),
    }


@dg.asset(
    **asset_attributes(PREFIX, "apply", kinds={"postgres"}),
    deps=[dg.AssetKey([PREFIX, "images"])],
    partitions_def=media_category,
    pool=DATABASE_POOL,
    retry_policy=NETWORK_RETRY,
)
def media_records(
    context: dg.AssetExecutionContext, storage: StorageResource, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """The rows of `public.media` for the uploaded pictures: each batch in one transaction with its ledger entries.

    Ids are derived from bucket and path, so a second run writes nothing; a row that somebody changed stays changed.
    Refuses while the plan has not passed, or while files of it have no outcome.
    """
    from nabo_pipeline.steps.recording import Recorder, record_rows
    from nabo_pipeline.steps.transfer import stands_for_object
    from nabo_pipeline.stores.turns import turn

    category, started = context.partition_key, time.monotonic()
    with (
        failing(context),
        turn(database.conninfo, category, f"media_records {context.run.run_id}", alone=False),
        database.ledger() as ledger,
        database.state() as state,
        database.target() as target,
    ):
        plan = accepted_plan(context, ledger, category)
        account(state, plan)
        recorder = Recorder(
            target,
            storage.open(),
            ledger,
            datetime.fromisoformat(str(plan.summary["records_start"])),
            context.run.run_id,
            batch_id(context),
        )
        standing = [entry for entry in ledger.entries(partition=category) if stands_for_object(entry)]
        rows = record_rows(recorder, standing)
        accounting = account(state, plan, batch_id(context))
        entries = list(ledger.entries(partition=category))
        told = problems(state, "media-records", category)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(accounting, seconds=seconds),
            **told,
            "rows_written": rows,
            "rows": sum("row" in entry.detail for entry in entries),
        }
    )
