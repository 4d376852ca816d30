"""What is looked at by itself while both tables are there. Both are off until a person turns them on in the UI."""

import dagster as dg

from artwork_pipeline.operating_jobs import GRAPH, SLICED, compare_reads, verify_slice
from artwork_pipeline.partitions import SLICING
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.orchestration import BATCH_TAG, looking, newest_runs

hourly_comparison = dg.ScheduleDefinition(
    name="artwork_hourly_comparison",
    job=compare_reads,
    cron_schedule="7 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every hour: the application's reads on both sides, sampled and compared. After the switch-over it also"
    " writes down whether anybody reads the old table, which the clean-up asks for: turn it on before you switch. Off"
    " until it is turned on.",
)


@dg.schedule(
    name="artwork_nightly_verification",
    job=verify_slice,
    cron_schedule="30 1 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every night at 01:30 UTC: both sides of every slice compared, row by row. Off until it is turned on.",
)
def nightly_verification(
    context: dg.ScheduleEvaluationContext, database: ArtworkDatabase
) -> dg.SkipReason | list[dg.RunRequest]:
    """A run for each slice that nothing is at work on; the runs of one night are one batch."""
    from artwork_pipeline.stores.operating import may_be_verified

    with looking():
        why_not = may_be_verified(database.conninfo)
    if why_not:
        return dg.SkipReason(why_not)
    night = context.scheduled_execution_time.strftime("%Y-%m-%d")
    busy = newest_runs(context.instance, GRAPH, SLICED).busy
    free = [name for name in SLICING.names if name not in busy]
    for name in sorted(set(SLICING.names) - set(free)):
        context.log.info(f"{name} is left out tonight: {busy[name]}")
    if not free:
        return dg.SkipReason("; ".join(f"{name}: {told}" for name, told in sorted(busy.items())))
    return [
        dg.RunRequest(
            run_key=f"{night}:{name}",
            partition_key=name,
            tags={BATCH_TAG: f"artwork-verification-{night}"},
        )
        for name in free
    ]


SCHEDULES = [hourly_comparison, nightly_verification]
