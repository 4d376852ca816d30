"""Jobs for what a switch-over and a cleanup rest upon: a proved archive, and the watch over the old table's reads.

They drop nothing, and change nothing but what the migration knows. What is done stands in `stores.archive` and
`stores.evidence`.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from artwork_pipeline.assets.common import PREFIX
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import markdown_table

if TYPE_CHECKING:
    from artwork_pipeline.stores.evidence import Judgement

TAGS = {"pipeline": PREFIX, "stage": "cleanup"}
"""Of all jobs about what goes and what is kept."""


class BackUpConfig(dg.Config):
    """Who asks for it."""

    by: str = "somebody who named nobody"
    """Who decides this; kept with the archive."""


class WatchConfig(dg.Config):
    """Whether to count the reads of the old table anew."""

    begin_anew: bool = False
    """True: count everything from here on; the 30 days begin anew with it."""
    by: str = ""
    """Who decides this; kept with the evidence."""
    reason: str = ""
    """Who read the old table, and why they do so no more."""


@dg.op(
    description="Archives both tables, the users and what points at artworks; restores the archive and compares.",
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def back_up(context: dg.OpExecutionContext, config: BackUpConfig, database: ArtworkDatabase) -> None:
    """One archive, proved."""
    from artwork_pipeline.stores import archive

    with failing(context), database.session() as connection:
        tables = archive.what_to_keep(connection)
        made = archive.back_up(connection, tables, by=config.by, run_id=context.run.run_id)
    context.log.info(f"{made.rows} rows of {len(made.tables)} tables in {made.folder}, restored and compared")
    lines = [{"table": one.name, "rows": one.rows, "bytes": one.stored.size} for one in made.tables]
    context.add_output_metadata(
        {
            "archive": made.id,
            "folder": dg.MetadataValue.path(str(made.folder)),
            "rows": made.rows,
            "bytes": made.size,
            "tables": dg.MetadataValue.md(markdown_table(lines, ("table", "rows", "bytes"))),
        }
    )


@dg.op(
    description="Writes down what the server counted of the old table's reads, and tells what it says.",
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def watch_reads(context: dg.OpExecutionContext, config: WatchConfig, database: ArtworkDatabase) -> None:
    """One sample of the evidence, or its beginning anew."""
    from artwork_pipeline.stores import evidence, phase

    with failing(context), database.session() as connection:
        anew = None
        if config.begin_anew:
            if not (config.by.strip() and config.reason.strip()):
                raise PermanentError(
                    "by or reason is empty",
                    item=context.op.name,
                    remedy="Counting anew is on record: say who decides it, who read the old table, and why no more",
                )
            anew = f"{config.by.strip()}: {config.reason.strip()}"
        if not evidence.sample(connection, run_id=context.run.run_id, begun_anew=anew):
            context.log.info(f"The phase is {phase.current(connection)}: there is nothing to watch")
            return
        context.add_output_metadata(reads_metadata(evidence.judged(connection)))


@dg.job(
    name=f"{PREFIX}_back_up",
    description="Archives the old table and the clean one, the users, and every table that points at artworks, in one"
    " snapshot; restores the archive from the disk and compares it row by row. Only then it counts: the switch-over"
    " asks for it. Nothing in the database is changed.",
    tags=TAGS,
)
def artwork_back_up() -> None:
    """Make an archive and prove it."""
    back_up()


@dg.job(
    name=f"{PREFIX}_watch",
    description="Writes down how often the server says the old table was read since the switch. With begin_anew"
    " everything is counted from here on, and so are the 30 days.",
    tags=TAGS,
)
def artwork_watch() -> None:
    """Look at the old table's reads."""
    watch_reads()


def reads_metadata(judged: "Judgement") -> dict[str, Any]:
    """What the evidence says, as numbers and words for a run's page."""
    return {
        "reads_by_others": judged.reads,
        "reads_counted_since": str(judged.since),
        "looks": judged.samples,
        "evidence_lost": judged.lost or "no",
    }


JOBS = [artwork_back_up, artwork_watch]
