"""What every asset of this location carries: its prefix, its pool, its attributes."""

from migration_kit.orchestration import AssetAttributes, Stage, asset_attributes

PREFIX = "registry"
POOL = "registry_mongodb"
"""Limits how many runs write to development at once."""


def stage(name: Stage) -> AssetAttributes:
    """What every asset of a stage says of itself."""
    return asset_attributes(PREFIX, name, kinds={"mongodb"})
