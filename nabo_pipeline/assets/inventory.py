"""Stage inventory: what stands in the backup. Nothing is migrated by looking."""

import time

import dagster as dg

from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, asset_attributes, failing
from migration_kit.reports import markdown_table
from nabo_pipeline.assets.common import MAY_BE_EMPTY, PREFIX, tell
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import BackupResource, DatabaseResource, MappingsResource

SNIFF_THREADS = 16


@dg.asset(
    **asset_attributes(PREFIX, "inventory", kinds={"s3", "postgres"}),
    partitions_def=media_category,
    retry_policy=NETWORK_RETRY,
)
def media_inventory(
    context: dg.AssetExecutionContext,
    backup: BackupResource,
    mappings: MappingsResource,
    database: DatabaseResource,
) -> dg.MaterializeResult[None]:
    """Every file of a category: size, version mark, type by its first bytes, ids, and whether it can be migrated.

    Two listings must agree, and anything that cannot be read fails the partition: it is never half an inventory.
    Files whose size and version mark are unchanged keep the type that an earlier run found.
    """
    from nabo_pipeline.media.reports import INVENTORY
    from nabo_pipeline.steps.inventory import CAN_MIGRATE, scan
    from nabo_pipeline.steps.reporting import write_inventory
    from nabo_pipeline.stores.inventory_draft import drafted_inventory
    from nabo_pipeline.stores.mapping_files import chats_were_migrated

    category, started = context.partition_key, time.monotonic()
    with (
        failing(context),
        database.state() as state,
        drafted_inventory(state.conninfo, category) as draft,
    ):
        found = scan(
            backup.open(),
            category,
            draft,
            chats_migrated=chats_were_migrated(mappings.path),
            threads=SNIFF_THREADS,
            log=context.log.info,
        )
        if not found.listing.files and category not in MAY_BE_EMPTY:
            raise PermanentError(
                "the backup holds no file of this category", item=category, remedy="Check S3_BACKUP_PATH."
            )
        changed = draft.publish(found.listing)
        told = tell(database, INVENTORY, write_inventory)
    seconds = time.monotonic() - started
    listing = found.listing
    table = [{"outcome": reason, "files": files} for reason, files in found.outcomes.items()]
    return dg.MaterializeResult(
        metadata={
            "items_in": listing.files,
            "bytes": listing.bytes,
            "can_migrate": found.outcomes.get(CAN_MIGRATE, 0),
            "read_now": found.sniffed,
            "rows_written": changed,
            "whole_backup_files": listing.whole_files,
            "whole_backup_bytes": listing.whole_bytes,
            "seconds": round(seconds, 2),
            "items_per_second": round(listing.files / max(seconds, 1e-6), 1),
            "summary": dg.MetadataValue.md(markdown_table(table, ("outcome", "files"))),
            **told,
        },
        data_version=dg.DataVersion(listing.fingerprint),
    )
