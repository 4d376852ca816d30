"""What every asset of this location carries: its prefix, its owners, its tags."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypedDict

PREFIX = "artwork"
POOL = "artwork_postgres"
"""Limits how many runs write to the database at once."""


class Said(TypedDict):
    """What an asset says of itself, as `dagster.asset` takes it."""

    key_prefix: str
    group_name: str
    owners: Sequence[str]
    tags: Mapping[str, str]
    kinds: AbstractSet[str]
    code_version: str


def stage(name: str) -> Said:
    """What every asset of a stage says of itself."""
    return Said(
        key_prefix=PREFIX,
        group_name=name,
        owners=["team:data-migrations"],
        tags={"pipeline": PREFIX},
        kinds={"postgres"},
        code_version="1",
    )
