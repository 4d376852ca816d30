"""Sensors that go on where a person would wait. All are off until a person turns them on in the UI.

Each asks for a run until it has succeeded, a few times at most; its cursor moves only after success. What has arrived,
what is unblocked and whether all is verified is asked in `steps`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from asset_registry_pipeline.jobs import (
    looked_up,
    registry_composites,
    registry_decided,
    registry_delta,
    registry_report,
)
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, MIGRATED_LAYERS
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import UNPARTITIONED, ask_nothing, ask_once, looking, tags_of_batch

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.operating import Due


@dg.sensor(
    name="registry_staging_watch",
    job=registry_delta,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Starts registry_delta once documents arrived in staging, left it or were updated there, of layers that"
    " have been migrated and that nothing is at work on. Off until it is turned on; a failed run is started again,"
    " three times in all.",
)
def staging_watch(context: dg.SensorEvaluationContext, registry: RegistryResource) -> dg.SensorResult:
    """Asks for one delta for each state of staging."""
    from asset_registry_pipeline.steps.operating import arrived

    with looking(), registry.open() as opened:
        found = arrived(opened)
    nothing = "nothing arrived in staging since the newest inventories"
    return _ask_for_due(context, found, kind="delta", nothing=nothing)


@dg.sensor(
    name="registry_decisions",
    job=registry_decided,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Starts registry_decided once curators have decided something, or asked for a layer to be tried again,"
    " that its newest plan does not know. Off until it is turned on; what fails is started again, three times in all.",
)
def decisions(context: dg.SensorEvaluationContext, registry: RegistryResource) -> dg.SensorResult:
    """Asks for one run for each state of decisions and requests that is not planned yet."""
    from asset_registry_pipeline.steps.curation import unplanned

    with looking(), registry.open() as opened:
        found = unplanned(opened)
    nothing = "the newest plans know all that curators have decided"
    return _ask_for_due(context, found, kind="decided", nothing=nothing)


@dg.sensor(
    name="registry_unblocked",
    job=registry_composites,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Starts registry_composites once components are in development that held composites waited for. Off"
    " until it is turned on; a failed run is started again, three times in all.",
)
def unblocked(context: dg.SensorEvaluationContext, registry: RegistryResource) -> dg.SensorResult:
    """Asks for one run of the composites for each set of composites that are held for nothing."""
    from asset_registry_pipeline.steps.prerequisites import unblocked as held_for_nothing
    from migration_kit.fingerprints import SetDigest

    found, composites = SetDigest(), 0
    with looking(), registry.open() as opened:
        for composites, item in enumerate(held_for_nothing(opened), 1):  # noqa: B007 - how many is asked below
            found.add(item)
    if not composites:
        return ask_nothing(context, "no composite is held whose components are all in development")
    context.log.info(f"{composites} composites are held whose components are all in development by now")
    key = f"registry:unblocked:{found.hexdigest()[:32]}"
    return ask_once(context, key, in_the_way=_at_work(context, COMPOSITE_LAYERS))


@dg.sensor(
    name="registry_report_when_verified",
    job=registry_report,
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Makes the report once all layers are verified again and nothing is at work on them. Off until it is"
    " turned on; a failed report is started again, three times in all.",
)
def report_when_verified(context: dg.SensorEvaluationContext, registry: RegistryResource) -> dg.SensorResult:
    """Asks for the report of a state of all reconciliations, once."""
    from asset_registry_pipeline.steps.operating import verified

    with looking(), registry.open() as opened:
        found = verified(opened)
    if found is None:
        return ask_nothing(context, "nothing has been migrated yet")
    if not found.gate.open:
        return ask_nothing(context, f"not verified: {'; '.join(map(str, found.gate.closed))}")
    # The report counts what the batch did that was verified last.
    batch = tags_of_batch(context.instance, found.newest_run)
    key = f"registry:report:{found.fingerprint[:32]}"
    return ask_once(context, key, in_the_way=_at_work(context, (*MIGRATED_LAYERS, UNPARTITIONED)), tags=batch)


def _ask_for_due(
    context: dg.SensorEvaluationContext, found: "Due", *, kind: str, nothing: str
) -> dg.SensorResult:
    """Ask for one run for what is due now; where nothing is, say what is left alone."""
    if not found.why:
        told = "; ".join(f"{layer}: {why}" for layer, why in found.left_out.items())
        return ask_nothing(context, told or nothing)
    key = f"registry:{kind}:{found.fingerprint[:32]}"
    return ask_once(context, key, in_the_way=_at_work(context, [*found.why]))


def _at_work(context: dg.SensorEvaluationContext, parts: Sequence[str]) -> str:
    """What is at work on these layers (or the report), for none is started twice."""
    busy = looked_up(context.instance).busy
    return "; ".join(f"{part or 'report'}: {busy[part]}" for part in parts if part in busy)


SENSORS = [staging_watch, decisions, unblocked, report_when_verified]
