"""Jobs for people who start a part by hand; backfills over all assets are launched on the assets themselves."""

import dagster as dg

migrate_category = dg.define_asset_job(
    "nabo_migrate_category",
    selection=dg.AssetSelection.groups("nabo_inventory", "nabo_plan", "nabo_apply", "nabo_verify"),
    description="One category of media from inventory to validation; the report is an asset of its own.",
)

JOBS = [migrate_category]
