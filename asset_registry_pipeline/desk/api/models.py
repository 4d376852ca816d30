"""What the API takes and gives, for validation and for the OpenAPI text.

The shapes of Phase 2B are the registry's own. What no type can say (addresses, references) is said in `steps`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, NotRequired, Required

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, with_config
from typing_extensions import TypedDict

from asset_registry_pipeline.registry.target_shapes import (
    AlbumArt,
    ComponentAnalysis,
    KnownMetadata,
    MusicMetadata,
    Url,
)
from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT

_STRICT = ConfigDict(strict=True, extra="allow")
"""What else is sent may only be what was read; the route compares it."""


def _time_at(field: str) -> Callable[[Any], Any]:
    """Times come as texts, and the registry keeps them as times."""

    def read(value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get(field), str):
            return value
        try:
            moment = datetime.fromisoformat(value[field])
        except ValueError:
            return value
        if moment.tzinfo is None:
            return value
        return value | {field: moment.replace(microsecond=moment.microsecond // 1000 * 1000)}

    return read


Words = Annotated[str, StringConstraints(max_length=CREATOR_DESCRIPTION_LIMIT)]
Text = Annotated[str, StringConstraints(max_length=100_000)]
Layer = Annotated[
    str, StringConstraints(pattern="^[GSLMWBPTRCENAIFX]$"), Field(description="A letter", examples=["S"])
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_000),
    Field(description="The HFN", examples=["S.POP.HPM.001"]),
]
Address = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Field(description="The MFA in letter form", examples=["S.001.007.001"]),
]
_BY_NAME = "By its name, as Hip_Hop; left out, the one that the asset's name says"
Category = Annotated[Text | None, Field(description=_BY_NAME)]
JsonObject = Annotated[dict[str, Any] | Text | None, Field(description="An object, or its JSON text")]
Components = Annotated[
    list[Annotated[str, StringConstraints(max_length=500)]],
    Field(
        max_length=20,
        description="Of composites (C) only: 2 to 10 addresses, names or ids of components that development has",
    ),
]


class _Given(TypedDict, total=False):
    category: Category
    subcategory: Category
    gcpStorageUrl: Url | None
    source: Text | None
    tags: Annotated[list[Text], Field(max_length=1_000)]
    description: Text | None
    trainingData: JsonObject
    rights: JsonObject
    components: Components
    creatorDescription: Words | None
    albumArt: Annotated[AlbumArt | Url | None, BeforeValidator(_time_at("uploadedAt"))]
    aiMetadata: Annotated[KnownMetadata | None, BeforeValidator(_time_at("generatedAt"))]
    musicMetadata: Annotated[MusicMetadata | None, Field(description="Of songs (G) only")]
    componentAnalysis: Annotated[
        ComponentAnalysis | None,
        Field(description="Of composites (C) only; left out, it is made from the components"),
    ]


@with_config(_STRICT)
class AssetIn(_Given):
    """A whole asset. What the registry itself gives may stand in it only as it was read."""

    layer: Required[Layer]
    name: Required[Name]
    nna_address: Required[Address]


@with_config(_STRICT)
class AssetPatch(_Given):
    """Some fields of an asset: each replaces the asset's own whole, null empties it."""

    layer: NotRequired[Layer]
    name: NotRequired[Name]
    nna_address: NotRequired[Address]


@with_config(ConfigDict(extra="allow"))
class AssetOut(TypedDict, total=False):
    """An asset as development holds it: every field of the document under its own name.

    Old documents may hold anything in any field. What JSON has no form for is MongoDB's extended JSON, as
    `{"$numberDecimal": "1.5"}`; times are ISO 8601; `_id` is the id as text: 24 hex digits, or as `int:5`.
    """

    _id: Required[str]
    layer: Any
    category: Any
    subcategory: Any
    name: Any
    nna_address: Any
    creatorDescription: Any
    albumArt: Any
    aiMetadata: Any
    musicMetadata: Any
    componentAnalysis: Any


class StagingAsset(TypedDict):
    """A document of staging as it is now, e-mail addresses masked."""

    id: str
    key: str | None
    sourceHash: str
    bytes: int
    asset: dict[str, Any] | None
    why: str | None
