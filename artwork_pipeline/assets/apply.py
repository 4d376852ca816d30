"""Stage apply: the clean schema beside the old one, the users, and the rows of each slice."""

import time
from typing import Any

import dagster as dg

from artwork_pipeline.assets.common import POOL, PREFIX, stage
from artwork_pipeline.assets.plan import classification
from artwork_pipeline.partitions import SLICING, slice_of_rows
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.accounting import State, require_balanced
from migration_kit.failures import TransientError
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    failing,
    problems_metadata,
)
from migration_kit.progress import track
from migration_kit.reports import reports_path, write_json


class BackfillConfig(dg.Config):
    """How a slice is filled."""

    batch_size: int = 10_000
    """Rows in one transaction: more is faster, and keeps writers of the same rows waiting longer."""
    workers: int = 2
    """Batches at once, each on a connection of its own; a slice of a few batches takes no more than it has."""


@dg.asset(**stage("apply"), deps=[classification], pool=POOL, retry_policy=NETWORK_RETRY)
def expanded_schema(
    context: dg.AssetExecutionContext, database: ArtworkDatabase
) -> dg.MaterializeResult[Any]:
    """Users merged, `artworks_v2` and the forward triggers, in one transaction that never waits long for a lock.

    From its commit on, what people write to the old table reaches the clean one. Then the plan takes up what
    they wrote between the dry run and that moment.
    """
    from artwork_pipeline.stores.expansion import expand
    from artwork_pipeline.stores.installation import recognise_source, require_installed
    from artwork_pipeline.stores.plan import make_plan
    from artwork_pipeline.stores.routing import make_index

    begun = time.monotonic()
    with failing(context), database.session() as connection, database.ledger() as ledger:
        require_installed(connection, "base")
        source = recognise_source(connection)
        expansion = expand(connection, source, context.run.run_id, log=context.log.warning)
        if expansion.expanded:
            make_plan(connection, ledger, source, context.run.run_id)
        try:
            make_index(connection)
        except TransientError as passing:
            # Without it customers of the old table are looked up slowly, and nothing is wrong.
            context.log.warning(f"{passing} The next run of this asset, or of artwork_route, makes it.")
    return dg.MaterializeResult(
        metadata={
            "expanded": expansion.expanded,
            "merged_users": expansion.merged_users,
            "attempts": expansion.attempts,
            "seconds": round(time.monotonic() - begun, 2),
        }
    )


@dg.asset(**stage("apply"), deps=[expanded_schema], pool=POOL, retry_policy=NETWORK_RETRY)
def users(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """A user for each customer's address, committed before the backfill: making them inside it deadlocks."""
    from artwork_pipeline.stores.backfill import create_users
    from artwork_pipeline.stores.installation import require_installed

    begun = time.monotonic()
    with failing(context), database.session() as connection:
        require_installed(connection, "base", "expansion")
        made = create_users(connection)
    return dg.MaterializeResult(metadata={"users_made": made, "seconds": round(time.monotonic() - begun, 2)})


@dg.asset(
    **stage("apply"),
    deps=[users],
    partitions_def=slice_of_rows,
    pool=POOL,
    retry_policy=NETWORK_RETRY,
)
def backfill(
    context: dg.AssetExecutionContext, database: ArtworkDatabase, config: BackfillConfig
) -> dg.MaterializeResult[Any]:
    """The slice's rows in the clean table: locked, mapped and written in batches, each with its cursor.

    Killed anywhere, it goes on behind the last batch that was committed. Again on what is there, it writes nothing.
    """
    from artwork_pipeline.stores import backfill as store
    from artwork_pipeline.stores.installation import require_slicing
    from artwork_pipeline.stores.totals import account

    name, batch, begun = context.partition_key, batch_id(context), time.monotonic()
    with failing(context), database.ledger() as ledger, database.session() as connection:
        require_slicing(connection, SLICING)
        planned = store.planned_rows(connection, name)
        batches = store.backfill(
            database.conninfo,
            name,
            batch_size=config.batch_size,
            workers=config.workers,
            run_id=context.run.run_id,
            batch_id=batch,
        )
        total = -(-planned // config.batch_size)
        done = list(track(batches, total=total, log=context.log.info, what=f"{name}, batches"))
        seconds = time.monotonic() - begun
        accounting = account(connection, batch, name)
        require_balanced(accounting, where=f"artworks of {name}", source_may_be_empty=True)
        problems = list(ledger.entries(partition=name, states=[State.QUARANTINED]))
    path = write_json(
        reports_path(PREFIX) / f"quarantined-{name}.json",
        [{"artwork_id": entry.item, "reason": entry.reason} for entry in problems],
    )
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(accounting, seconds=seconds),
            "batches": len(done),
            "clean_rows_written": sum(one.clean_rows for one in done),
            "outcomes_written": sum(one.outcomes for one in done),
            **problems_metadata(problems, path),
        }
    )
