"""The stages of every migration, and what each asset of a stage says of itself in the UI."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, TypedDict

Stage = Literal["inventory", "backup", "plan", "apply", "verify", "report"]

OWNERS = ["team:data-migrations"]


class AssetAttributes(TypedDict):
    """What an asset says of itself, as ``dagster.asset`` takes it."""

    key_prefix: str
    group_name: str
    owners: Sequence[str]
    tags: Mapping[str, str]
    kinds: AbstractSet[str]
    code_version: str


def asset_attributes(
    pipeline: str, stage: Stage, *, kinds: AbstractSet[str], version: str = "1"
) -> AssetAttributes:
    """The attributes of a pipeline's asset: keys are prefixed by the pipeline, groups are its stages."""
    return AssetAttributes(
        key_prefix=pipeline,
        # The lineage of all locations lays groups of one name together: each pipeline's stages have names of their own.
        group_name=f"{pipeline}_{stage}",
        owners=OWNERS,
        tags={"pipeline": pipeline, "stage": stage},
        kinds=kinds,
        code_version=version,
    )
