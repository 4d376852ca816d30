"""Stage report: the statistics of the whole migration, for programs (JSON) and for people."""

import base64
from typing import TYPE_CHECKING

import dagster as dg

from migration_kit.accounting import Accounting
from migration_kit.failures import PermanentError
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    asset_attributes,
    batch_id,
    batch_seconds,
    failing,
    require_gate,
)
from migration_kit.reports import PipelineSummary, reports_path, write_summary
from nabo_pipeline.assets.common import PREFIX, VERIFY_STAGE, accepted_plan, account
from nabo_pipeline.assets.verify import KEY as VALIDATION
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.partitions import EVERY_CATEGORY
from nabo_pipeline.resources import BackupResource, DatabaseResource, StorageResource, TransferSettings

if TYPE_CHECKING:
    from migration_kit.gates import Gate
    from migration_kit.ledger import Ledger
    from nabo_pipeline.stores.state import StateStore


@dg.asset(
    **asset_attributes(PREFIX, "report", kinds={"json"}),
    deps=[dg.AssetDep(VALIDATION, partition_mapping=EVERY_CATEGORY)],
    retry_policy=NETWORK_RETRY,
)
def migration_report(
    context: dg.AssetExecutionContext,
    backup: BackupResource,
    storage: StorageResource,
    database: DatabaseResource,
    transfer: TransferSettings,
) -> dg.MaterializeResult[None]:
    """The whole backup accounted for, verified, and summed up; pictures before and after.

    Asks the ledger whether every category's newest validation passed and stands for the outcomes as they are, at the
    start and again before it publishes.
    """
    from nabo_pipeline.steps.reporting import Batch, write_all
    from nabo_pipeline.steps.showing import Viewer, choose, show

    batch = batch_id(context)
    with (
        failing(context),
        database.ledger() as ledger,
        database.state() as state,
        database.reports(PREFIX) as source,
    ):
        before = _require_verified(context, ledger)
        _prove_whole(state)
        plans = {name: accepted_plan(context, ledger, name) for name in CATEGORIES}
        total = sum((account(state, plan, batch) for plan in plans.values()), Accounting(source=0))
        # What is read from here on is of one moment; the gate that is asked after it stands for that moment.
        chosen = choose(source)
        with transfer.isolated() as workers:
            viewer = Viewer(
                backup.open(), storage.open(), workers, transfer.rules().max_bytes, transfer.threads
            )
            shown = show(viewer, chosen)
        gate = _require_verified(context, ledger)
        _require_same(before, gate)
        folder = reports_path(PREFIX)
        written = write_all(source, folder, Batch(batch, total, gate.open), shown.sheets)
        seconds = batch_seconds(context)
        write_summary(PREFIX, PipelineSummary(PREFIX, batch, total, gate.open, seconds))
    return dg.MaterializeResult(
        metadata={
            "verified": gate.open,
            **accounting_metadata(total, seconds=seconds),
            "page": dg.MetadataValue.path(str(written.page)),
            "before_and_after": dg.MetadataValue.md(_picture(shown.small)),
            "bytes": written.sizes.before,
            "bytes_in_storage": written.sizes.after,
            "saved_bytes": written.sizes.saved,
            "saved_percent": round(written.sizes.saved_percent, 1),
            "left_the_backup_since_migrated": written.left_backup,
            "reports": dg.MetadataValue.path(str(folder)),
            "accepted": dg.MetadataValue.json(dict(gate.accepted)),
        }
    )


def _picture(jpeg: bytes | None) -> str:
    if jpeg is None:
        return "no picture to show"
    return f"![before and after](data:image/jpeg;base64,{base64.b64encode(jpeg).decode()})"


def _require_verified(context: dg.AssetExecutionContext, ledger: "Ledger") -> "Gate":
    """The gate of every category's validation, which must have been of the outcomes that the ledger has now."""
    from nabo_pipeline.steps.verification import outcomes_fingerprint

    gate = require_gate(context, ledger, VERIFY_STAGE, CATEGORIES)
    stale = [
        name
        for name in CATEGORIES
        if outcomes_fingerprint(ledger.entries(partition=name)) != gate.accepted[name]
    ]
    if stale:
        raise PermanentError(
            "outcomes have changed since they were validated",
            item=", ".join(stale),
            remedy="Materialise nabo/media_validation for them again, then this.",
        )
    return gate


def _require_same(before: "Gate", after: "Gate") -> None:
    """Refuses where a category was migrated and verified anew while its former state was read for the report."""
    changed = [name for name in CATEGORIES if before.accepted[name] != after.accepted[name]]
    if changed:
        raise PermanentError(
            "it was migrated and verified anew while the report was being made",
            item=", ".join(changed),
            remedy="Materialise nabo/migration_report again.",
        )


def _prove_whole(state: "StateStore") -> None:
    """The inventories of all categories are of one and the same backup, and add up to it in files and bytes."""
    from nabo_pipeline.media.inventory import prove_totals

    listings = state.listings()
    wholes = {(listing.whole_fingerprint, listing.whole) for listing in listings.values()}
    if len(wholes) != 1:
        raise PermanentError(
            "the backup changed between the inventories of its categories",
            item="media inventory",
            remedy="Run nabo/media_inventory for all categories again, and what follows from it.",
        )
    ((_, whole),) = wholes
    prove_totals({name: listing.totals for name, listing in listings.items()}, whole)
