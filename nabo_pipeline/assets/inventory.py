"""Stage inventory: what stands in the backup. Nothing is migrated by looking."""

import time

import dagster as dg

from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, asset_attributes, failing
from migration_kit.reports import markdown_table
from nabo_pipeline.assets.common import MAY_BE_EMPTY, PREFIX
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
    from nabo_pipeline.steps.inventory import scan
    from nabo_pipeline.stores.mapping_files import chats_were_migrated

    category, started = context.partition_key, time.monotonic()
    with failing(context), database.state() as state:
        found = scan(
            backup.open(),
            category,
            known={item.key: item for item in state.inventory(category)},
            chats_migrated=chats_were_migrated(mappings.path),
            threads=SNIFF_THREADS,
            log=context.log.info,
        )
        if not found.items and category not in MAY_BE_EMPTY:
            raise PermanentError(
                "the backup holds no file of this category", item=category, remedy="Check S3_BACKUP_PATH."
            )
        changed = state.save_inventory(found.listing, found.items)
    seconds = time.monotonic() - started
    reasons: dict[str, int] = {}
    for item in found.items:
        told = item.reason or "can be migrated"
        reasons[told] = reasons.get(told, 0) + 1
    table = [{"outcome": reason, "files": files} for reason, files in sorted(reasons.items())]
    return dg.MaterializeResult(
        metadata={
            "items_in": len(found.items),
            "bytes": found.listing.bytes,
            "can_migrate": sum(item.can_migrate for item in found.items),
            "read_now": found.sniffed,
            "rows_written": changed,
            "whole_backup_files": found.listing.whole_files,
            "whole_backup_bytes": found.listing.whole_bytes,
            "seconds": round(seconds, 2),
            "items_per_second": round(len(found.items) / max(seconds, 1e-6), 1),
            "summary": dg.MetadataValue.md(markdown_table(table, ("outcome", "files"))),
        },
        data_version=dg.DataVersion(found.listing.fingerprint),
    )
