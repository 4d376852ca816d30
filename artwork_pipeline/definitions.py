"""The code location `artwork`: assets, jobs, schedules, sensors and the resource. What they do is not decided here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from artwork_pipeline.assets import ASSETS
from artwork_pipeline.jobs import JOBS
from artwork_pipeline.resources import resources
from artwork_pipeline.schedules import SCHEDULES
from artwork_pipeline.sensors import SENSORS


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions; tests put a database of their own in the place of the environment's."""
    return dg.Definitions(
        assets=ASSETS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**resources(), **(resource_overrides or {})},
        # The work is done by the database: a process for each step would cost seconds and buy nothing.
        executor=dg.in_process_executor,
    )


defs = build_defs()
