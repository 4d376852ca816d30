"""The asset registry's migration from staging to development: documents in MongoDB, with curators.

The floors, imports only downward: `definitions` -> `assets` -> `steps` and `stores` -> `registry` -> `migration_kit`.
"""
