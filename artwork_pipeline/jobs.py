"""Jobs for people who start a part by hand; backfills over all assets are launched on the assets themselves."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from artwork_pipeline.cleanup_jobs import JOBS as CLEANUP_JOBS
from artwork_pipeline.evidence_jobs import JOBS as EVIDENCE_JOBS
from artwork_pipeline.operating_jobs import JOBS as OPERATING_JOBS
from artwork_pipeline.routing_jobs import JOBS as ROUTING_JOBS
from artwork_pipeline.switch_jobs import JOBS as SWITCH_JOBS

look_and_plan = dg.define_asset_job(
    "artwork_look_and_plan",
    selection=dg.AssetSelection.groups("artwork_inventory", "artwork_plan"),
    description="Look at the database and plan; neither the old table nor the clean one is touched.",
)
migrate_slice = dg.define_asset_job(
    "artwork_migrate_slice",
    selection=dg.AssetSelection.assets(["artwork", "backfill"], ["artwork", "verification"]),
    description="One slice of the artworks, filled and compared; plan and schema must be there.",
)

JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    look_and_plan,
    migrate_slice,
    *CLEANUP_JOBS,
    *EVIDENCE_JOBS,
    *OPERATING_JOBS,
    *ROUTING_JOBS,
    *SWITCH_JOBS,
]
