"""What every migration shares: accounting, ledger, gates, suites, workers, reports.

It knows no pipeline and no local stack. Dagster appears in ``migration_kit.orchestration`` alone;
database clients and Great Expectations are imported inside the functions that need them, so that a
code location loads without them.
"""
