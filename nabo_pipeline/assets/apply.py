"""Stage apply: pictures to Storage, then their rows. The only stage that writes media."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.failures import PermanentError
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    asset_attributes,
    batch_id,
    failing,
)
from nabo_pipeline.assets.common import (
    DATABASE_POOL,
    PREFIX,
    STORAGE_POOL,
    accepted_plan,
    account,
    problems,
    tell,
)
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import (
    BackupResource,
    DatabaseResource,
    MappingsResource,
    StorageResource,
    TransferSettings,
)

if TYPE_CHECKING:
    from migration_kit.ledger import Ledger, Plan
    from migration_kit.ledger.postgres import PostgresLedger
    from nabo_pipeline.stores.backup import Backup
    from nabo_pipeline.stores.pending import Totals
    from nabo_pipeline.stores.target import Target


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
    from nabo_pipeline.media.reports import UPLOADS
    from nabo_pipeline.steps.planning import require_plan, require_same_source
    from nabo_pipeline.steps.reporting import write_uploads
    from nabo_pipeline.stores import pending
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
        require_plan(state, plan)  # refuses rows that are not the plan's
        source = backup.open()
        require_same_source(category, plan.source_fingerprint, source, mappings.read())
        pending.prepare(target.connection)
        run, batch = context.run.run_id, batch_id(context)
        written = pending.settle_decided(target.connection, category, run, batch)
        if pending.anything_to_carry(target.connection, category):
            written += _carry(context, ledger, target, source, storage=storage, transfer=transfer)
        _require_same_plan(context, ledger, plan)
        forget_departed(state, category)
        accounting = account(state, plan, batch)
        totals = pending.transfer_totals(target.connection, category)
        told = problems(state, "images", category)
        if category in UPLOADS:
            write = partial(write_uploads, category=category)
            told |= tell(database, UPLOADS[category], write, changed=written > 0)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(accounting, seconds=seconds),
            **_transfer_metadata(totals),
            **told,
            "outcomes_written": written,
        }
    )


def _require_same_plan(context: dg.AssetExecutionContext, ledger: "Ledger", plan: "Plan") -> None:
    """Raises unless the plan that was begun with still is the accepted one: its rows are read as the work goes on."""
    if accepted_plan(context, ledger, plan.partition).fingerprint != plan.fingerprint:
        raise PermanentError(
            "another plan was made while pictures were carried over",
            item=plan.partition,
            remedy=f"Materialise nabo/images for {plan.partition} again: it goes on by the new plan.",
        )


def _carry(
    context: dg.AssetExecutionContext,
    ledger: "PostgresLedger",
    target: "Target",
    source: "Backup",
    *,
    storage: StorageResource,
    transfer: TransferSettings,
) -> int:
    """Carries over what is not done yet; returns the entries written."""
    from nabo_pipeline.media.plans import BUCKETS
    from nabo_pipeline.steps.transfer import Carrier, carry_all

    category, store = context.partition_key, storage.open()
    with transfer.isolated() as workers:
        carrier = Carrier(
            source, store, workers, store.rules(BUCKETS[category]), transfer.rules(), category,
            context.run.run_id, batch_id(context),
        )  # fmt: skip
        return carry_all(carrier, ledger, target, threads=transfer.threads, log=context.log.info)


def _transfer_metadata(totals: "Sequence[Totals]") -> dict[str, Any]:
    before, after = sum(one.source_bytes for one in totals), sum(one.bytes for one in totals)
    lines = "\n".join(f"- {one.verdict}: {one.files}" for one in totals)
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
    from nabo_pipeline.media.reports import RECORDS
    from nabo_pipeline.steps.recording import Recorder, record_rows
    from nabo_pipeline.steps.reporting import write_records
    from nabo_pipeline.stores import pending
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
            context.log.info,
        )
        pending.prepare(target.connection)
        rows = record_rows(recorder, category)
        accounting = account(state, plan, batch_id(context))
        known = pending.rows_known(target.connection, category)
        told = problems(state, "media-records", category) | tell(
            database, RECORDS, write_records, changed=rows > 0
        )
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(accounting, seconds=seconds),
            **told,
            "rows_written": rows,
            "rows": known,
        }
    )
