"""Jobs that go on where a person would wait: the report, the parallel run, and exactly what failed."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from artwork_pipeline.assets import ASSETS
from artwork_pipeline.assets.common import PREFIX
from artwork_pipeline.partitions import SLICING
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.orchestration import Launch, asset_graph, failing, launch_and_tell, newest_runs

GRAPH = asset_graph(ASSETS)
BACKFILL, VERIFICATION = dg.AssetKey([PREFIX, "backfill"]), dg.AssetKey([PREFIX, "verification"])
PREPARATION = [
    dg.AssetKey([PREFIX, name])
    for name in (
        "dialect",
        "dependents",
        "dry_run",
        "preflight",
        "classification",
        "expanded_schema",
        "users",
    )
]
"""Of the whole table, in the order in which they are made."""
SLICED = [BACKFILL, VERIFICATION]
"""Of one slice, in the order in which they are made."""
PARALLEL_RUN, REPORT = dg.AssetKey([PREFIX, "parallel_run"]), dg.AssetKey([PREFIX, "migration_report"])
STATE = dg.AssetKey([PREFIX, "state"])

verify_slice = dg.define_asset_job(
    "artwork_verify_slice",
    selection=dg.AssetSelection.assets(VERIFICATION),
    description="Compare both sides of one slice, row by row; writes its verdict alone. Before the switch-over and"
    " after it.",
)
compare_reads = dg.define_asset_job(
    "artwork_compare_reads",
    selection=dg.AssetSelection.assets(PARALLEL_RUN, STATE),
    description="The application's reads on both sides, sampled and compared, and where the migration stands. Safe at"
    " any time; before the expansion it says that there is nothing to compare.",
)
report = dg.define_asset_job(
    "artwork_report",
    selection=dg.AssetSelection.assets(REPORT, STATE),
    description="Sum the whole migration up, once every slice is verified; refuses before.",
)


@dg.op(description="Finds what failed by the ledger and by the newest runs, and launches it as one backfill.")
def launch_failed_slices(context: dg.OpExecutionContext, database: ArtworkDatabase) -> None:
    """Runs again what failed, and the report after it; launches nothing when nothing failed."""
    from artwork_pipeline.stores.operating import what_to_run_again

    with failing(context):
        runs = newest_runs(context.instance, GRAPH, [*PREPARATION, *SLICED, REPORT])
        before = [key.to_user_string() for key in PREPARATION]
        again = what_to_run_again(database.conninfo, SLICING.names, runs.failed, runs.busy, before)
    slices = again.slices(SLICING.names)
    whole = [key for key in PREPARATION if key.to_user_string() in again.preparation]
    whole += [PARALLEL_RUN, REPORT, STATE] if again.report else []
    launch = Launch(dict.fromkeys(SLICED, slices), whole)
    launch_and_tell(
        context, GRAPH, launch, title=f"{PREFIX}: what failed", why=again.why, left_out=again.left_out
    )


@dg.job(
    name="artwork_rerun_failed",
    description="Run again exactly what failed, as one backfill (see Runs > Backfills): slices whose newest run or"
    " verdict failed, whose backfill was begun and not finished, or with rows without an outcome; what comes before the"
    " slices, where that failed, with the slices that waited for it; then the report. Its log says which and why."
    " Launches nothing when nothing failed, and nothing after the switch-over.",
)
def rerun_failed() -> None:
    """The one way to launch only what failed."""
    launch_failed_slices()


JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    verify_slice,
    compare_reads,
    report,
    rerun_failed,
]
