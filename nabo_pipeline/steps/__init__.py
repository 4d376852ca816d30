"""The work of each stage: reads stores, applies the domain's rules, writes stores. No Dagster, no client library."""
