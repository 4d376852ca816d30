"""The nightly delta: what arrived in staging since. Off until a person turns it on in the UI."""

import dagster as dg

from asset_registry_pipeline.jobs import registry_delta

nightly_delta = dg.ScheduleDefinition(
    name="registry_nightly_delta",
    job=registry_delta,
    cron_schedule="30 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every night at 02:30 UTC: the layers of which something arrived in staging, as one backfill. Off until"
    " it is turned on. A layer that was rolled back is left alone.",
)

SCHEDULES = [nightly_delta]
