"""The pure domain of the media migration: types, paths, mappings, plans, records, reconciliation, reports.

No Dagster, no client library, no input or output.
"""
