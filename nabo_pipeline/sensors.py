"""Sensors that go on where a person would wait. Both are off until a person turns them on in the UI.

Each asks for a run until it has succeeded, a few times at most; its cursor moves only after success. What has appeared,
and whether all is verified, is asked in `steps.operating`.
"""

import json
from collections.abc import Mapping

import dagster as dg

from migration_kit.failures import MigrationError
from migration_kit.orchestration import BATCH_TAG, Ask, batch_of, newest_runs, standing
from migration_kit.redaction import redact
from nabo_pipeline.jobs import CATEGORY_ASSETS, GRAPH, migrate_category, report
from nabo_pipeline.resources import DatabaseResource, MappingsResource


class CannotLookError(Exception):
    """A sensor could not look: its tick fails, since what was not seen is not nothing."""


@dg.sensor(
    name="nabo_pick_up_mapped",
    job=migrate_category,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Migrates a category again once files of it, left out for want of a mapping or of a person, service"
    " or message in the database, could be migrated. Off until it is turned on; a failed run is started again, three"
    " times in all.",
)
def pick_up_mapped(
    context: dg.SensorEvaluationContext, mappings: MappingsResource, database: DatabaseResource
) -> dg.SensorResult:
    """Asks for a run of just the categories of which something has appeared."""
    from nabo_pipeline.stores.appeared import appeared

    try:
        found = appeared(database.conninfo, mappings.read())
    except MigrationError as error:
        raise CannotLookError(redact(str(error))) from None
    busy = newest_runs(context.instance, GRAPH, CATEGORY_ASSETS).busy if found else {}
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    kept, requests, told = {}, [], []
    for category, one in sorted(found.items()):
        ask = standing(context.instance, f"nabo:{category}:{one.fingerprint[:32]}")
        if ask.done or seen.get(category) == one.fingerprint:
            kept[category] = one.fingerprint
            told.append(f"{category}: {one.files} files are as they were when it was run for them")
        elif ask.attempt is None or category in busy:
            told.append(f"{category}: {ask.wait or busy[category]}")
        else:
            context.log.info(f"{category}: {one.files} files can be migrated by now, as {one.examples[0]}")
            requests.append(ask.request(partition=category))
    reason = "; ".join(told) or "no file is left out whose mapping, person, service or message has appeared"
    return _result(requests, reason, cursor=json.dumps(kept))


@dg.sensor(
    name="nabo_report_when_verified",
    job=report,
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Makes the report once all four categories are verified again and nothing is at work on them. Off until"
    " it is turned on; a failed report is started again, three times in all.",
)
def report_when_verified(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
    """Asks for the report of a state of the four validations, once."""
    from nabo_pipeline.steps.operating import verified

    try:
        found = verified(database.conninfo)
    except MigrationError as error:
        raise CannotLookError(redact(str(error))) from None
    cursor = context.cursor or ""
    if found is None:
        return _result([], "nothing has been migrated yet", cursor=cursor)
    if not found.gate.open:
        return _result([], f"not verified: {'; '.join(map(str, found.gate.closed))}", cursor=cursor)
    ask = standing(context.instance, f"nabo:report:{found.fingerprint[:32]}")
    if ask.done or cursor == found.fingerprint:
        return _result([], "the report of this state has been made", cursor=found.fingerprint)
    if told := ask.wait or _in_the_way(context.instance):
        return _result([], told, cursor=cursor)
    return _result([_with_batch(context.instance, ask, found.newest_run)], "", cursor=cursor)


def _in_the_way(instance: dg.DagsterInstance) -> str:
    """What would make the report refuse: outcomes that change, or that were not validated since."""
    runs = newest_runs(instance, GRAPH, CATEGORY_ASSETS)
    told = [f"{category}: {why}" for category, why in sorted(runs.busy.items())]
    told += [f"{category}: the newest run failed" for category in sorted(runs.failed)]
    return "; ".join(told)


def _with_batch(instance: dg.DagsterInstance, ask: Ask, newest_run: str) -> dg.RunRequest:
    """The report counts what the batch did that was verified last."""
    run = instance.get_run_by_id(newest_run)
    tags: Mapping[str, str] = {BATCH_TAG: batch_of(run)} if run else {}
    return ask.request(tags=tags)


def _result(requests: list[dg.RunRequest], reason: str, *, cursor: str) -> dg.SensorResult:
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


SENSORS = [pick_up_mapped, report_when_verified]
