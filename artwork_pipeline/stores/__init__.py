"""Where the artworks live: one PostgreSQL with the old table, the clean one and the migration's own schema.

The statements stand in `sql/`; here they are rendered, run and answered for. No Dagster.
"""
