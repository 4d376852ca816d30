"""The assets, one module a stage, in the order of the plan. Thin: read, call, write, report."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypedDict

OWNERS = ["team:data-migrations"]
KINDS = {"mongodb"}
TAGS = {"pipeline": "registry"}
CODE_VERSION = "1"
POOL = "registry_mongodb"


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
        key_prefix="registry",
        group_name=name,
        owners=OWNERS,
        tags=TAGS,
        kinds=KINDS,
        code_version=CODE_VERSION,
    )
