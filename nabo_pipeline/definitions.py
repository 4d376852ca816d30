"""The code location `nabo`: assets, jobs, schedule, sensors and resources in one place. Nothing is decided here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from nabo_pipeline.assets import ASSETS
from nabo_pipeline.jobs import JOBS
from nabo_pipeline.resources import resources
from nabo_pipeline.schedules import SCHEDULES
from nabo_pipeline.sensors import SENSORS


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions; tests put resources of their own in the place of some or all."""
    return dg.Definitions(
        assets=ASSETS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**resources(), **(resource_overrides or {})},
        # One partition a run, and the per-item work has its own processes: a process per step would only cost time.
        executor=dg.in_process_executor,
    )


defs = build_defs()
