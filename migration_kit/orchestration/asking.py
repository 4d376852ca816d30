"""Asking for a run until it has succeeded: what a sensor needs beside Dagster's run keys.

A run key that failed never fires again, so each attempt has a key of its own; and what has been done is known from
the runs themselves, so that a cursor moves only after success. What is asked for is the sensor's matter.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from migration_kit.failures import MigrationError
from migration_kit.orchestration.rerun import LAUNCHED_BY_TAG
from migration_kit.orchestration.runs import BATCH_TAG, batch_of
from migration_kit.redaction import redact

ASKED_TAG = "migration/asked_for"
ATTEMPT_TAG = "migration/attempt"
_NEWEST_BACKFILLS = 200
"""Backfills among which the one of a run is looked for; before those it was at work long ago."""
_ENDED = {"COMPLETED_SUCCESS": True, "COMPLETED": True, "COMPLETED_FAILED": False, "FAILED": False}
"""Whether a backfill that has ended in a word of Dagster's has succeeded."""
MOST_ATTEMPTS = 3


class CannotLookError(Exception):
    """A sensor could not look: its tick fails, since what was not seen is not nothing."""


@contextmanager
def looking() -> Iterator[None]:
    """Around a sensor's look at the migration: a failed look fails the tick, in the words for the person on call.

    Raises:
        CannotLookError: the look failed; what it said, without secrets.
    """
    try:
        yield
    except MigrationError as error:
        raise CannotLookError(redact(str(error))) from None


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

    A run that failed is asked for again, ``MOST_ATTEMPTS`` times in all; one that a person cancelled is not. A run that
    launched a backfill has succeeded, or failed, as that has.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={ASKED_TAG: key}))
    if not runs:
        return Ask(key, attempt=1)
    newest = max(runs, key=lambda run: int(run.tags.get(ATTEMPT_TAG, "1")))
    for run in runs:
        if run.status is dg.DagsterRunStatus.SUCCESS:
            succeeded, told = _of_backfill(instance, run.run_id)
            if succeeded or told:
                return Ask(key, done=succeeded, wait=told)
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


def ask_once(
    context: dg.SensorEvaluationContext,
    key: str,
    *,
    in_the_way: str = "",
    tags: Mapping[str, str] | None = None,
) -> dg.SensorResult:
    """A request under this key, unless a run under it has succeeded, is on its way or may not start now.

    The cursor becomes the key once a run has succeeded, so that it is known after Dagster has forgotten the run.
    """
    ask = standing(context.instance, key)
    if ask.done or context.cursor == key:
        return dg.SensorResult(skip_reason="a run for what stands there now has succeeded", cursor=key)
    if told := ask.wait or in_the_way:
        return ask_nothing(context, told)
    return dg.SensorResult(run_requests=[ask.request(tags=tags)], cursor=context.cursor or "")


def ask_nothing(context: dg.SensorEvaluationContext, reason: str) -> dg.SensorResult:
    """No request, with the reason; the cursor stays."""
    return dg.SensorResult(skip_reason=reason, cursor=context.cursor or "")


def tags_of_batch(instance: dg.DagsterInstance, run_id: str) -> Mapping[str, str]:
    """The tags by which a run counts to the batch of an earlier one; none where Dagster has forgotten that."""
    run = instance.get_run_by_id(run_id)
    return {BATCH_TAG: batch_of(run)} if run else {}


def _of_backfill(instance: dg.DagsterInstance, run_id: str) -> tuple[bool, str]:
    """Whether what a run launched has succeeded, or why that has to be waited for; neither where it failed.

    A run that launched nothing has done all that there was to do.
    """
    # Their tags are compared here: not every instance's storage can be asked for backfills by tag.
    newest = instance.get_backfills(limit=_NEWEST_BACKFILLS)
    launched = next((one for one in newest if one.tags.get(LAUNCHED_BY_TAG) == run_id), None)
    if launched is None:
        return True, ""
    if launched.status.value == "CANCELED":
        told = f"backfill {launched.backfill_id} was cancelled, and is not started again by itself"
        return False, told
    succeeded = _ENDED.get(launched.status.value)
    return bool(succeeded), f"backfill {launched.backfill_id} is at it" if succeeded is None else ""


def _will_be_retried(run: dg.DagsterRun) -> bool:
    """Whether Dagster itself is about to start a lost run again."""
    return run.tags.get("dagster/will_retry") == "true" and "dagster/auto_retry_run_id" not in run.tags
