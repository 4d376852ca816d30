"""Jobs for people: what is launched by name rather than by choosing assets. The migration itself is a backfill."""

import dagster as dg

registry_inventory = dg.define_asset_job(
    "registry_inventory",
    selection=dg.AssetSelection.groups("registry_inventory"),
    description="Look at staging, one layer a partition; nothing of the assets is written.",
)

JOBS = [registry_inventory]
