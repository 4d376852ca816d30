"""What a run says of itself (its batch), what it takes from the environment, how its network work is retried."""

import os
import time

import dagster as dg

BACKFILL_TAG = "dagster/backfill"
BATCH_TAG = "migration/batch"
"""On runs that belong together without being a backfill: those of one night, and the report that follows a batch."""

NETWORK_RETRY = dg.RetryPolicy(max_retries=3, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)
"""For assets that talk to a network: transient errors alone, since ``failing`` raises all others with
``allow_retries=False``."""


def batch_id(context: dg.AssetExecutionContext) -> str:
    """What belongs together: the backfill's id, the batch that the run is tagged with, else see ``batch_of``."""
    return batch_of(context.run)


def batch_of(run: dg.DagsterRun) -> str:
    """The batch of a run; of one that was started by hand the first run's id of its chain of re-executions."""
    return run.tags.get(BACKFILL_TAG) or run.tags.get(BATCH_TAG) or run.root_run_id or run.run_id


def environment_variable(name: str) -> str:
    """A resource's field that reads the variable at run time; empty where it is unset.

    Dagster answers an unset ``EnvVar`` with a configuration error of forty lines; an empty value reaches
    ``migration_kit.environment.required``, which says in one line what to set.
    """
    return dg.EnvVar(name) if os.environ.get(name) else ""


def batch_seconds(context: dg.AssetExecutionContext) -> float:
    """Wall-clock seconds since the batch began: its backfill, or its first run."""
    batch, instance = batch_id(context), context.instance
    backfill = instance.get_backfill(batch)
    if backfill is not None:
        return max(0.0, time.time() - float(backfill.backfill_timestamp))
    tagged = instance.get_run_records(dg.RunsFilter(tags={BATCH_TAG: batch}), limit=1, ascending=True)
    record = tagged[0] if tagged else instance.get_run_record_by_id(batch)
    return max(0.0, time.time() - record.create_timestamp.timestamp()) if record else 0.0
