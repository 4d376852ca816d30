"""The code location of the asset registry's migration; nothing is decided here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from asset_registry_pipeline.assets import ASSETS
from asset_registry_pipeline.jobs import JOBS
from asset_registry_pipeline.resources import resources
from asset_registry_pipeline.schedules import SCHEDULES
from asset_registry_pipeline.sensors import SENSORS


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions; tests put their own resources in the place of the environment's."""
    return dg.Definitions(
        assets=ASSETS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**resources(), **(resource_overrides or {})},
        # One partition a run: a process for each step would cost seconds and buy nothing.
        executor=dg.in_process_executor,
    )


defs = build_defs()
