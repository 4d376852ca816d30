"""The nightly delta: what arrived in the backup since. Off until a person turns it on in the UI."""

import dagster as dg

from migration_kit.orchestration import BATCH_TAG, newest_runs
from nabo_pipeline.jobs import CATEGORY_ASSETS, GRAPH, migrate_category
from nabo_pipeline.media.paths import CATEGORIES


@dg.schedule(
    name="nabo_nightly_delta",
    job=migrate_category,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every night at 02:00 UTC: each category from inventory to validation, so that what arrived since is"
    " migrated and everything is verified anew. Off until it is turned on; turn it off before a rollback.",
)
def nightly_delta(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
    """A run for each category that nothing is at work on; the runs of one night are one batch."""
    night = context.scheduled_execution_time.strftime("%Y-%m-%d")
    busy = newest_runs(context.instance, GRAPH, CATEGORY_ASSETS).busy
    free = [category for category in CATEGORIES if category not in busy]
    for category in CATEGORIES:
        if category in busy:
            context.log.info(f"{category} is left out tonight: {busy[category]}")
    if not free:
        return dg.SkipReason("; ".join(f"{category}: {told}" for category, told in sorted(busy.items())))
    return [
        dg.RunRequest(
            run_key=f"{night}:{category}",
            partition_key=category,
            tags={BATCH_TAG: f"nabo-delta-{night}"},
        )
        for category in free
    ]


SCHEDULES = [nightly_delta]
