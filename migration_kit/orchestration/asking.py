"""Asking for a run until it has succeeded: what a sensor needs beside Dagster's run keys.

A run key that failed never fires again, so each attempt has a key of its own; and what has been done is known from
the runs themselves, so that a cursor moves only after success. What is asked for is the sensor's matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

ASKED_TAG = "migration/asked_for"
ATTEMPT_TAG = "migration/attempt"
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Ask:
    """Where an ask stands: ``done``, to be launched as ``attempt``, or neither, with the reason in ``wait``."""

    key: str
    done: bool = False
    attempt: int | None = None
    wait: str = ""

    def request(
        self, *, partition: str | None = None, tags: Mapping[str, str] | None = None
    ) -> dg.RunRequest:
        """The request for this attempt; the run is recognised by its tags afterwards."""
        return dg.RunRequest(
            run_key=f"{self.key}:{self.attempt}",
            partition_key=partition,
            tags={**(tags or {}), ASKED_TAG: self.key, ATTEMPT_TAG: str(self.attempt)},
        )


def standing(instance: dg.DagsterInstance, key: str) -> Ask:
    """Where the ask of this key stands, by the runs that carry it. ``key``: at most 200 letters.

    A run that failed is asked for again, ``MOST_ATTEMPTS`` times in all; one that a person cancelled is not.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={ASKED_TAG: key}))
    if not runs:
        return Ask(key, attempt=1)
    if any(run.status is dg.DagsterRunStatus.SUCCESS for run in runs):
        return Ask(key, done=True)
    newest = max(runs, key=lambda run: int(run.tags.get(ATTEMPT_TAG, "1")))
    for run in runs:
        if not run.is_finished or _will_be_retried(run):
            return Ask(key, wait=f"run {run.run_id} is queued or at work")
        if run.status is dg.DagsterRunStatus.CANCELED:
            return Ask(key, wait=f"run {run.run_id} was cancelled, and is not started again by itself")
    attempt = int(newest.tags.get(ATTEMPT_TAG, "1"))
    if attempt >= MOST_ATTEMPTS:
        return Ask(
            key,
            wait=f"given up after {attempt} attempts, the last in run {newest.run_id}: repair what it says, then"
            " materialise by hand",
        )
    return Ask(key, attempt=attempt + 1)


def _will_be_retried(run: dg.DagsterRun) -> bool:
    """Whether Dagster itself is about to start a lost run again."""
    return run.tags.get("dagster/will_retry") == "true" and "dagster/auto_retry_run_id" not in run.tags
