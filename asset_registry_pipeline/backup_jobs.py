"""The job that brings a backup of staging back for people: into an empty database, never into staging."""

import dagster as dg

from asset_registry_pipeline.assets.common import PREFIX
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import failing
from migration_kit.reports import markdown_table


class RestoreConfig(dg.Config):
    """`backup`: its name, as `assets_backup_20260301`. `into_database`: an empty one on development's server."""

    backup: str
    into_database: str


@dg.op(
    description="Restores a proved backup into an empty database and reads it back.", out=dg.Out(dg.Nothing)
)
def restore_backup(context: dg.OpExecutionContext, config: RestoreConfig, registry: RegistryResource) -> None:
    """After a server was lost in the middle, a second try says that the database is not empty: drop it by hand."""
    from asset_registry_pipeline.steps.restoring import restore

    with failing(context), registry.open() as opened:
        restored = restore(opened, config.backup, config.into_database)
    rows = [
        {
            "part": one.proof.part,
            "collection": f"{config.into_database}.{one.collection}",
            "documents": one.proof.documents,
            "proved": one.proof.taken_at.isoformat(),
        }
        for one in restored
    ]
    context.add_output_metadata(
        {
            "restored": dg.MetadataValue.md(
                markdown_table(rows, ("part", "collection", "documents", "proved"))
            ),
            "documents": sum(one.proof.documents for one in restored),
        }
    )


@dg.job(
    name=f"{PREFIX}_restore_backup",
    description="Bring a proved backup of staging back into an empty database on development's server (collections"
    " `assets` and `taxonomies`), and read it back. It writes nowhere else. Launch it with this configuration:\n\n"
    "```yaml\nops:\n  restore_backup:\n    config:\n      backup: assets_backup_20260301\n"
    "      into_database: nna-registry-service-restored\n```",
    tags={"pipeline": PREFIX, "stage": "backup"},
)
def registry_restore_backup() -> None:
    """For a person who wants to look at, or to use, what staging was."""
    restore_backup()
