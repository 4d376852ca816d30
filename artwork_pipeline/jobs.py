"""Jobs for people who start a part by hand; backfills over all assets are launched on the assets themselves."""

import dagster as dg

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

JOBS = [look_and_plan, migrate_slice]
