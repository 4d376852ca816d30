"""Jobs that drop something, started by a person: the cleanup, and the expansion's way back.

A click does no harm: by default a job only tells what it would do and all that speaks against it. What is done stands
in `stores.cleanup` and `stores.taking_back`; what both rest upon, in `evidence_jobs`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from artwork_pipeline.assets.common import POOL, PREFIX
from artwork_pipeline.confirmation import ConfirmedConfig, require_confirmed, to_do_it
from artwork_pipeline.evidence_jobs import TAGS, reads_metadata
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import markdown_table, reports_path, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artwork_pipeline.stores.refusals import Refusal


class CleanUpConfig(ConfirmedConfig):
    """Also: how long after the switch."""

    wait_days: int = 30
    """Days between the switch and the cleanup, by the database's clock; 30 or more."""


@dg.op(
    description="Drops the old table, after 30 days in which nobody read it and with an archive that was restored.",
    pool=POOL,
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def clean_up(context: dg.OpExecutionContext, config: CleanUpConfig, database: ArtworkDatabase) -> None:
    """The old table goes, or what would be done is told."""
    from artwork_pipeline.stores import cleanup

    with failing(context), database.session() as connection:
        require_confirmed(config, cleanup.CONFIRMATION, job=context.job_name)
        order = cleanup.Order(
            config.by, context.run.run_id, config.wait_days, config.lock_timeout_ms, config.attempts
        )
        if cleanup.is_done(connection):
            _nothing_left(context, "cleaned")
        elif config.dry_run:
            found = cleanup.prepare(connection, order)
            _tell(
                context,
                cleanup.CONFIRMATION,
                found.refusals,
                {
                    "would_be_dropped": found.old,
                    "rows": found.rows,
                    "bytes": found.size,
                    "switched_at": str(found.switched_at),
                    "due": str(found.due),
                    "differences": found.drift.count,
                    **reads_metadata(found.reads),
                },
            )
        else:
            with _patience_told(config):
                done = cleanup.carry_out(connection, order, log=context.log.info)
            if done is None:
                _nothing_left(context, "cleaned")
                return
            context.log.info(
                f"{done.table} is dropped; its {done.rows} rows are in the archive {done.archive}"
            )
            context.add_output_metadata(
                {**_numbers(vars(done)), "triggers": list(done.triggers), "functions": list(done.functions)}
            )


@dg.op(
    description="Takes the expansion back: the clean side goes, merged users are themselves again.",
    pool=POOL,
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def take_back(context: dg.OpExecutionContext, config: ConfirmedConfig, database: ArtworkDatabase) -> None:
    """The expansion is undone, or what would be done is told."""
    from artwork_pipeline.stores import taking_back

    with failing(context), database.session() as connection:
        require_confirmed(config, taking_back.CONFIRMATION, job=context.job_name)
        order = taking_back.Order(config.by, context.run.run_id, config.lock_timeout_ms, config.attempts)
        if taking_back.is_done(connection):
            _nothing_left(context, "planned")
        elif config.dry_run:
            found = taking_back.prepare(connection)
            _tell(
                context,
                taking_back.CONFIRMATION,
                found.refusals,
                {
                    "would_be_dropped": found.clean,
                    "rows": found.rows,
                    "users_to_restore": found.merged_users,
                    "users_made": found.made_users,
                    "differences": found.drift.count,
                },
            )
        else:
            with _patience_told(config):
                done = taking_back.carry_out(connection, order, log=context.log.info)
            if done is None:
                _nothing_left(context, "planned")
                return
            context.log.info(f"The expansion is taken back; everything is in the archive {done.archive}")
            context.add_output_metadata(_numbers(vars(done)))


@dg.job(
    name=f"{PREFIX}_clean_up",
    description="Drops the old table, 30 days after the switch-over at the earliest. There is no way back but the"
    " archive that it makes. As it stands it only tells what it would do and all that speaks against it; to do it,"
    f" launch it with this configuration:\n\n{to_do_it('clean_up', 'clean up artworks')}",
    tags=TAGS,
)
def artwork_clean_up() -> None:
    """Drop the old table."""
    clean_up()


@dg.job(
    name=f"{PREFIX}_take_back",
    description="Takes the expansion back: clean table, triggers and functions go, users that were merged are"
    " themselves again. What people wrote meanwhile is in the old table. As it stands it only tells what it would do"
    " and all that speaks against it; to do it, launch it with this configuration:\n\n"
    f"{to_do_it('take_back', 'take back artworks')}",
    tags=TAGS,
)
def artwork_take_back() -> None:
    """Undo the expansion."""
    take_back()


@contextmanager
def _patience_told(config: ConfirmedConfig) -> Iterator[None]:
    """Locks that were asked for long enough: a person must ask those who hold them, not Dagster again."""
    from artwork_pipeline.stores.removal import NotGrantedError

    try:
        yield
    except NotGrantedError as held:
        told = f"{held.reason}, {config.attempts} times"
        raise PermanentError(told, item=held.item, remedy=held.remedy) from held


def _nothing_left(context: dg.OpExecutionContext, phase: str) -> None:
    context.log.info(f"The phase is {phase} already; nothing is left to do")
    context.add_output_metadata({"phase": phase, "done_before": True})


def _tell(
    context: dg.OpExecutionContext,
    confirmation: str,
    refusals: "Sequence[Refusal]",
    numbers: dict[str, Any],
) -> None:
    lines = [vars(one) for one in refusals]
    name = f"{context.op.name}-rehearsal.json"
    path = write_json(
        reports_path(PREFIX) / name, {"refusals": lines, **{key: str(numbers[key]) for key in numbers}}
    )
    if refusals:
        listed = "\n".join(f"- {one}" for one in refusals)
        context.log.warning(f"{len(refusals)} reasons against it:\n{listed}")
    else:
        context.log.info("Nothing speaks against it")
    table = markdown_table(lines, ("rule", "item", "reason", "remedy"))
    context.add_output_metadata(
        {
            "dry_run": True,
            "refusals": len(lines),
            "against_it": dg.MetadataValue.md(table if lines else "nothing"),
            "told": dg.MetadataValue.path(str(path)),
            "to_do_it": dg.MetadataValue.md(to_do_it(context.op.name, confirmation)),
            **numbers,
        }
    )


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in values.items()
        if isinstance(value, int | float | str)
    }


JOBS = [artwork_clean_up, artwork_take_back]
