"""Jobs that a person starts: the switch-over, the rollback, and the validation of the foreign keys afterwards.

A click does no harm: by default a job only tells what it would do and all that speaks against it. What is done stands
in `stores.switching`.
"""

from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from artwork_pipeline.assets.common import POOL, PREFIX
from artwork_pipeline.confirmation import ConfirmedConfig, require_confirmed, to_do_it
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import markdown_table, reports_path, write_json

if TYPE_CHECKING:
    from artwork_pipeline.stores.preparation import Direction, Order, Preparation
    from artwork_pipeline.stores.switching import Outcome


class SwitchConfig(ConfirmedConfig):
    """Also: how old the archive may be, and SQL for what does not fit by itself."""

    max_backup_age_hours: int = 24
    """How old the newest proved archive may be (hours)."""
    replacements: dict[str, str] = {}  # noqa: RUF012 - a field of Dagster's configuration, copied for each run
    """SQL that makes a dependent again where its own does not fit, by kind and name as the dry run lists them; an
    empty text leaves it on the table where it is."""


class ValidateConfig(dg.Config):
    """How patient to be with locks."""

    lock_timeout_ms: int = 300
    """How long to wait for a table (ms) before it is let go."""
    attempts: int = 30
    """How often it is asked for."""


@dg.op(
    description="The clean table becomes artworks, the old one artworks_v1, in one transaction.",
    pool=POOL,
    retry_policy=NETWORK_RETRY,
    out=dg.Out(bool),
)
def switch_over(context: dg.OpExecutionContext, config: SwitchConfig, database: ArtworkDatabase) -> bool:
    """Whether the clean table is called artworks now."""
    from artwork_pipeline.stores.preparation import SWITCH

    return _carry_out(context, config, database, SWITCH)


@dg.op(
    description="The old table becomes artworks again, with all that was written since; the clean one artworks_v2.",
    pool=POOL,
    retry_policy=NETWORK_RETRY,
    out=dg.Out(bool),
)
def roll_back(context: dg.OpExecutionContext, config: SwitchConfig, database: ArtworkDatabase) -> bool:
    """Whether the old table is called artworks again."""
    from artwork_pipeline.stores.preparation import ROLL_BACK

    return _carry_out(context, config, database, ROLL_BACK)


@dg.op(
    description="Looks at every row of the foreign keys to artworks that were made without; people write meanwhile.",
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def validate_pointers(
    context: dg.OpExecutionContext,
    config: ValidateConfig,
    database: ArtworkDatabase,
    done: bool,  # noqa: FBT001 - what the op before hands over
) -> None:
    """Validates foreign keys; where nothing was done, there is nothing to validate."""
    if done:
        _validate(context, config, database)


@dg.op(
    description="Looks at every row of the foreign keys to artworks that were made without; people write meanwhile.",
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def validate(context: dg.OpExecutionContext, config: ValidateConfig, database: ArtworkDatabase) -> None:
    """Validates foreign keys."""
    _validate(context, config, database)


@dg.job(
    name=f"{PREFIX}_switch",
    description="The clean table is put in the old one's place, with all that hangs on it, in one transaction. As it"
    " stands it only tells what it would do and all that speaks against it; to do it, launch it with this"
    f" configuration:\n\n{to_do_it('switch_over', 'switch artworks')}",
    tags={"pipeline": PREFIX, "stage": "switch"},
)
def artwork_switch() -> None:
    """Switch over, then look at the foreign keys' rows."""
    validate_pointers(switch_over())


@dg.job(
    name=f"{PREFIX}_roll_back",
    description="The old table is put back in its place without losing what was written since. As it stands it only"
    " tells what it would do and all that speaks against it; to do it, launch it with this configuration:\n\n"
    f"{to_do_it('roll_back', 'roll back artworks')}",
    tags={"pipeline": PREFIX, "stage": "switch"},
)
def artwork_roll_back() -> None:
    """Roll back, then look at the foreign keys' rows."""
    validate_pointers(roll_back())


@dg.job(
    name=f"{PREFIX}_validate",
    description="Looks at every row of the foreign keys to artworks that a switch-over or a rollback made without."
    " Started again, it goes on with those that are left.",
    tags={"pipeline": PREFIX, "stage": "switch"},
)
def artwork_validate() -> None:
    """Look at the foreign keys' rows."""
    validate()


def _carry_out(
    context: dg.OpExecutionContext, config: SwitchConfig, database: ArtworkDatabase, direction: "Direction"
) -> bool:
    from artwork_pipeline.stores import switching
    from artwork_pipeline.stores.preparation import prepare

    with failing(context), database.session() as connection, database.ledger() as ledger:
        order = _order(context, config, direction)
        if switching.is_done(connection, direction):
            context.log.info(f"The phase is {direction.to} already; nothing is left to do")
            context.add_output_metadata({"phase": str(direction.to), "done_before": True})
            return True
        if config.dry_run:
            _tell(context, prepare(connection, ledger, direction, order))
            return False
        try:
            outcome = switching.carry_out(connection, ledger, direction, order, log=context.log.info)
        except switching.LocksNotGrantedError as held:
            raise PermanentError(
                f"{held.reason}, {config.attempts} times", item=held.item, remedy=held.remedy
            ) from held
        if outcome is not None:
            _report(context, direction, outcome)
    return True


def _order(context: dg.OpExecutionContext, config: SwitchConfig, direction: "Direction") -> "Order":
    from datetime import timedelta

    from artwork_pipeline.stores.preparation import Order

    require_confirmed(config, direction.confirmation, job=context.job_name)
    return Order(
        config.by,
        context.run.run_id,
        config.lock_timeout_ms,
        config.attempts,
        timedelta(hours=config.max_backup_age_hours),
        config.replacements,
    )


def _tell(context: dg.OpExecutionContext, prepared: "Preparation") -> None:
    """What would be done, and all that speaks against it."""
    against: list[dict[str, object]] = [{**vars(one)} for one in prepared.refusals]
    hanging: list[dict[str, object]] = [
        {"kind": one.kind, "name": one.name, "definition": one.definition} for one in prepared.before.values()
    ]
    name = f"{context.op.name}-rehearsal.json"
    path = write_json(reports_path(PREFIX) / name, [*against, *hanging])
    table = markdown_table(against, ("rule", "item", "reason", "remedy")) if against else "nothing"
    context.log.info(f"{len(against)} reasons against it; nothing was changed:\n{table}")
    context.add_output_metadata(
        {
            "dry_run": True,
            "reasons_against": len(against),
            "why": dg.MetadataValue.md(table),
            "goes_along": dg.MetadataValue.md(markdown_table(hanging, ("kind", "name"), limit=200)),
            "indexes_to_make": [one.name for one in prepared.missing_indexes],
            "differences": prepared.drift.count,
            "all_of_it": dg.MetadataValue.path(str(path)),
            "to_do_it": dg.MetadataValue.md(to_do_it(context.op.name, prepared.direction.confirmation)),
        }
    )


def _report(context: dg.OpExecutionContext, direction: "Direction", outcome: "Outcome") -> None:
    context.log.info(
        f"The phase is {direction.to}. Nobody could read or write for {outcome.blocking_ms:.0f} ms"
        f" (attempt {outcome.attempts}, {outcome.seconds:.1f} s in all)"
    )
    for told in outcome.told:
        context.log.warning(told)
    changed = [{"what": key, "how": how} for key, how in outcome.changed.items()]
    metadata: dict[str, Any] = {
        "phase": str(direction.to),
        "blocking_ms": round(outcome.blocking_ms, 1),
        "seconds": round(outcome.seconds, 2),
        "attempts": outcome.attempts,
        "rows_compared_again": outcome.touched_rows,
        "otherwise_now": dg.MetadataValue.md(
            markdown_table(cast("Any", changed), ("what", "how")) if changed else "nothing"
        ),
        "told": list(outcome.told),
        "indexes_made": list(outcome.indexes_made),
    }
    context.add_output_metadata(metadata)


def _validate(context: dg.OpExecutionContext, config: ValidateConfig, database: ArtworkDatabase) -> None:
    from artwork_pipeline.stores import switching

    with failing(context), database.session() as connection:
        done = switching.validate(
            connection,
            lock_timeout_ms=config.lock_timeout_ms,
            attempts=config.attempts,
            log=context.log.info,
        )
    context.log.info(f"{len(done)} foreign keys were validated")
    context.add_output_metadata({"validated": done})


JOBS = [artwork_switch, artwork_roll_back, artwork_validate]
