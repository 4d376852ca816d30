"""The code location `nabo`: assets, job and resources in one place. What they do is not decided here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from nabo_pipeline.assets import ASSETS
from nabo_pipeline.jobs import JOBS
from nabo_pipeline.resources import resources


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions; tests put resources of their own in the place of some or all."""
    return dg.Definitions(
        assets=ASSETS,
        jobs=JOBS,
        resources={**resources(), **(resource_overrides or {})},
        # One partition a run, and the per-item work has its own processes: a process per step would only cost time.
        executor=dg.in_process_executor,
    )


defs = build_defs()
