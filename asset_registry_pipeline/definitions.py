"""The code location of the asset registry's migration; nothing is decided here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from asset_registry_pipeline import jobs
from asset_registry_pipeline.assets import apply, inventory, plan, report, verify
from asset_registry_pipeline.resources import from_environment


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions; tests put their own resources in the place of the environment's."""
    return dg.Definitions(
        assets=[
            inventory.staging_inventory,
            plan.component_candidates,
            plan.song_candidates,
            plan.composite_candidates,
            apply.components,
            apply.songs,
            apply.composites,
            verify.reconciliation,
            report.migration_report,
        ],
        jobs=[jobs.registry_inventory],
        resources={"registry": from_environment(), **(resource_overrides or {})},
        # One partition a run: a process for each step would cost seconds and buy nothing.
        executor=dg.in_process_executor,
    )


defs = build_defs()
