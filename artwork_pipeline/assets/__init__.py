"""The assets, thin: read, call a store, write, report. One module a stage, in the order of the stages."""

from artwork_pipeline.assets.apply import backfill, expanded_schema, users
from artwork_pipeline.assets.inventory import dependents, dialect, dry_run, preflight
from artwork_pipeline.assets.plan import classification
from artwork_pipeline.assets.report import migration_report
from artwork_pipeline.assets.verify import verification
from artwork_pipeline.assets.watch import parallel_run, state

ASSETS = [
    dialect,
    dependents,
    dry_run,
    preflight,
    classification,
    expanded_schema,
    users,
    backfill,
    verification,
    parallel_run,
    migration_report,
    state,
]
