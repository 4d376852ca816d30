"""The sensor that makes the report where a person would wait for it. Off until a person turns it on in the UI.

It asks for a run until that has succeeded, a few times at most. Whether all is verified is asked in `stores.operating`.
"""

import dagster as dg

from artwork_pipeline.operating_jobs import GRAPH, SLICED, report
from artwork_pipeline.partitions import SLICING
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.orchestration import ask_nothing, ask_once, looking, newest_runs, tags_of_batch


@dg.sensor(
    name="artwork_report_when_verified",
    job=report,
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Makes the report once every slice is verified again and nothing is at work on them. Off until it is"
    " turned on; a failed report is started again, three times in all.",
)
def report_when_verified(context: dg.SensorEvaluationContext, database: ArtworkDatabase) -> dg.SensorResult:
    """Asks for the report of a state of all comparisons, once."""
    from artwork_pipeline.stores.operating import verified

    with looking():
        found = verified(database.conninfo, SLICING.names)
    if found is None:
        return ask_nothing(context, "nothing has been verified yet")
    if not found.gate.open:
        return ask_nothing(context, f"not verified: {'; '.join(map(str, found.gate.closed))}")
    # The report counts what the batch did that was verified last.
    batch = tags_of_batch(context.instance, found.newest_run)
    key = f"artwork:report:{found.fingerprint[:32]}"
    return ask_once(context, key, in_the_way=_in_the_way(context.instance), tags=batch)


def _in_the_way(instance: dg.DagsterInstance) -> str:
    """What would make the report refuse: slices that change, or that were not verified since."""
    runs = newest_runs(instance, GRAPH, SLICED)
    told = [f"{name}: {why}" for name, why in sorted(runs.busy.items())]
    told += [f"{name}: the newest run failed" for name in sorted(runs.failed)]
    return "; ".join(told)


SENSORS = [report_when_verified]
