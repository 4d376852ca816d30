"""Jobs for people who start a part by hand; backfills over all assets are launched on the assets themselves."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from migration_kit.orchestration import Launch, asset_graph, failing, launch_and_tell, newest_runs
from nabo_pipeline.assets import ASSETS
from nabo_pipeline.assets.common import PREFIX
from nabo_pipeline.resources import DatabaseResource, MappingsResource
from nabo_pipeline.rollback_jobs import JOBS as ROLLBACK_JOBS

STAGES = dg.AssetSelection.groups("nabo_inventory", "nabo_plan", "nabo_apply", "nabo_verify")
REPORT = dg.AssetKey([PREFIX, "migration_report"])
GRAPH = asset_graph(ASSETS)
CATEGORY_ASSETS = [key for key in GRAPH.toposorted_asset_keys if key in STAGES.resolve(GRAPH)]
"""Of one category, in the order in which they are made."""

migrate_category = dg.define_asset_job(
    "nabo_migrate_category",
    selection=STAGES,
    description="Migrate one category of pictures: look, plan, send, write rows, verify. Safe to start again at any"
    " time: what is done is not done twice. The report is made by nabo_report.",
)
look_and_plan = dg.define_asset_job(
    "nabo_look_and_plan",
    selection=dg.AssetSelection.groups("nabo_inventory", "nabo_plan"),
    description="Look at one category of the backup and say what would be done with each file. Writes no picture and"
    " no row of the app.",
)
report = dg.define_asset_job(
    "nabo_report",
    selection=dg.AssetSelection.assets(REPORT),
    description="Sum the whole migration up, once all four categories are verified; refuses before.",
)


@dg.op(description="Finds what failed by the ledger and by the newest runs, and launches it as one backfill.")
def launch_failed_categories(
    context: dg.OpExecutionContext, mappings: MappingsResource, database: DatabaseResource
) -> None:
    """Runs again what failed, and the report after it; launches nothing when nothing failed."""
    from nabo_pipeline.steps.operating import what_to_run_again

    with failing(context):
        runs = newest_runs(context.instance, GRAPH, [*CATEGORY_ASSETS, REPORT])
        again = what_to_run_again(database.conninfo, mappings.read(), runs.failed, runs.busy)
    launch = Launch(dict.fromkeys(CATEGORY_ASSETS, again.categories), [REPORT] if again.report else [])
    launch_and_tell(
        context, GRAPH, launch, title=f"{PREFIX}: what failed", why=again.why, left_out=again.left_out
    )


@dg.job(
    name="nabo_rerun_failed",
    description="Run again exactly what failed, as one backfill (see Runs > Backfills): categories whose newest run"
    " or verdict failed, with files without an outcome, or with quarantined files that may pass by now; then the"
    " report. Its log says which and why. Launches nothing when nothing failed.",
)
def rerun_failed() -> None:
    """The one way to launch only what failed."""
    launch_failed_categories()


JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    migrate_category,
    look_and_plan,
    report,
    rerun_failed,
    *ROLLBACK_JOBS,
]
