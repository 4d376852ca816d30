"""Sensors that go on where a person would wait. Both are off until a person turns them on in the UI.

Each asks for a run until it has succeeded, a few times at most; its cursor moves only after success. What has appeared,
and whether all is verified, is asked in `steps.operating`.
"""

import json

import dagster as dg

from migration_kit.orchestration import (
    ask_nothing,
    ask_once,
    looking,
    newest_runs,
    standing,
    tags_of_batch,
)
from nabo_pipeline.jobs import CATEGORY_ASSETS, GRAPH, migrate_category, report
from nabo_pipeline.resources import DatabaseResource, MappingsResource


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

    with looking():
        found = appeared(database.conninfo, mappings.read())
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
    cursor = json.dumps(kept)
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


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

    with looking():
        found = verified(database.conninfo)
    if found is None:
        return ask_nothing(context, "nothing has been migrated yet")
    if not found.gate.open:
        return ask_nothing(context, f"not verified: {'; '.join(map(str, found.gate.closed))}")
    # The report counts what the batch did that was verified last.
    batch = tags_of_batch(context.instance, found.newest_run)
    key = f"nabo:report:{found.fingerprint[:32]}"
    return ask_once(context, key, in_the_way=_in_the_way(context.instance), tags=batch)


def _in_the_way(instance: dg.DagsterInstance) -> str:
    """What would make the report refuse: outcomes that change, or that were not validated since."""
    runs = newest_runs(instance, GRAPH, CATEGORY_ASSETS)
    told = [f"{category}: {why}" for category, why in sorted(runs.busy.items())]
    told += [f"{category}: the newest run failed" for category in sorted(runs.failed)]
    return "; ".join(told)


SENSORS = [pick_up_mapped, report_when_verified]
