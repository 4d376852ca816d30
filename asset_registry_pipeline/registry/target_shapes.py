"""The schema of the Phase 2B fields as they must be afterwards, one for each named shape; nothing is repaired here.

Source: the registry's contract for the fields that the migration adds. A profile says which shapes it makes; what
staging had already may have any shape of the contract. Strict: no field too many, none too few, no other type.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, Required, Union

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from asset_registry_pipeline.registry.documents import type_name
from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT

if TYPE_CHECKING:
    from asset_registry_pipeline.registry.profiles import Profile

_STRICT = ConfigDict(strict=True, extra="forbid")

Share = Annotated[float, Field(ge=0, le=1)]
Bpm = Annotated[int | float, Field(gt=0)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
Count = Annotated[int, Field(ge=0)]


def _date(value: object) -> object:
    if type_name(value) != "datetime":
        raise ValueError("a date expected")
    return value


Moment = datetime | Annotated[Any, AfterValidator(_date)]
"""A date; BSON also holds those before the year 1 and after 9999, which Python's own type cannot."""


@with_config(_STRICT)
class Dimensions(TypedDict):
    """Pixels."""

    width: Count
    height: Count


@with_config(_STRICT)
class AlbumArt(TypedDict):
    """`size` in bytes."""

    url: Url
    sourceUrl: Url | None
    source: Literal["iTunes", "Manual", "AI Generated", "MusicBrainz"]
    quality: Literal["High", "Medium", "Low"]
    uploadedAt: Moment
    contentType: str
    size: Count
    dimensions: Dimensions


@with_config(_STRICT)
class InputContext(TypedDict):
    """What metadata was made from."""

    creatorDescription: str | None
    layerStrategy: str
    additionalContext: dict[str, Any] | str | None


class _Generated(TypedDict, total=False):
    generatedDescription: str | None
    mood: str | None
    genre: list[str]
    tempo: str | None
    key: str | None
    duration: int | float | str | None
    bpm: Bpm | None
    tags: list[str]


@with_config(_STRICT)
class SimpleMetadata(TypedDict):
    """`aiMetadata` as plan_000 has it."""

    generatedDescription: str | None
    mood: str | None
    genre: list[str]
    tempo: str | None
    key: str | None
    duration: int | float | str | None
    bpm: Bpm | None
    tags: list[str]


@with_config(_STRICT)
class FullMetadata(_Generated):
    """`aiMetadata` as the contract has it, with what was generated where something was; `processingTime` in ms.

    `bpmEstimated` is what the text suggests where it states no tempo: never a fact.
    """

    generatedBy: Required[str]
    generationStrategy: Required[str]
    processingTime: Required[Annotated[int | float, Field(ge=0)]]
    inputContext: Required[InputContext]
    confidence: Required[Share | None]
    generatedAt: Required[Moment | None]
    version: Required[str]
    bpmEstimated: NotRequired[Bpm | None]
    energy: NotRequired[str | None]


@with_config(_STRICT)
class KnownMetadata(TypedDict, total=False):
    """`aiMetadata` that staging had already: any of the fields above. A time that stood in JSON is a text."""

    generatedBy: str
    generationStrategy: str
    processingTime: Annotated[int | float, Field(ge=0)] | None
    inputContext: dict[str, Any] | None
    confidence: Share | None
    generatedAt: Moment | str | None
    version: str | int | None
    generatedDescription: str | None
    mood: str | None
    genre: list[str] | str | None
    tempo: str | None
    key: str | None
    duration: int | float | str | None
    bpm: Bpm | None
    tags: list[str] | None
    bpmEstimated: Bpm | None
    energy: str | None


@with_config(_STRICT)
class Marker(TypedDict):
    """`aiMetadata` of what is older than AI."""

    generatedBy: Literal["Legacy"]
    generationStrategy: Literal["pre-ai"]
    generatedAt: Moment | None


@with_config(_STRICT)
class SongData(TypedDict):
    """What a song's line says."""

    songName: str | None
    albumName: str | None
    artistName: str | None
    originalInput: str


@with_config(_STRICT)
class MusicMetadata(TypedDict):
    """`musicMetadata` of a song; `duration` in seconds or as written."""

    bpm: Bpm | None
    key: str | None
    duration: int | float | str | None
    genre: list[str]
    extractedSongData: SongData


@with_config(_STRICT)
class ComponentAnalysis(TypedDict):
    """`componentAnalysis` of a composite."""

    totalComponents: Annotated[int, Field(ge=2, le=10)]
    layerBreakdown: "LayerBreakdown"
    aggregatedTags: Annotated[list[str], Field(max_length=10)]
    aggregatedDescription: Annotated[str, Field(max_length=CREATOR_DESCRIPTION_LIMIT)]
    compatibilityScore: Share | None


@with_config(_STRICT)
class LayerBreakdown(TypedDict):
    """Components of each layer; the last two layers only where there are some."""

    G: Count
    S: Count
    L: Count
    M: Count
    W: Count
    B: NotRequired[Count]
    P: NotRequired[Count]


SHAPES: Mapping[str, Mapping[str, Any]] = {
    "albumArt": {"object": AlbumArt, "url": Url, "none": None},
    "aiMetadata": {
        "full": FullMetadata,
        "simple": SimpleMetadata,
        "marker": Marker,
        "known": KnownMetadata,
        "none": None,
    },
    "musicMetadata": {"object": MusicMetadata, "none": None},
    "componentAnalysis": {"object": ComponentAnalysis, "none": None},
}
"""The shapes of each field, by the names that profiles use."""
KEPT_SHAPES: Mapping[str, tuple[str, ...]] = {
    "albumArt": ("object", "url"),
    "aiMetadata": ("known",),
    "musicMetadata": ("object",),
    "componentAnalysis": ("object",),
}
"""What each field may be where staging had it already."""
MADE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "components": ("albumArt", "aiMetadata"),
    "songs": ("albumArt", "aiMetadata", "musicMetadata"),
    "composites": ("albumArt", "aiMetadata", "componentAnalysis"),
}
"""The fields besides creatorDescription that a new document must have, by its kind."""
Wanted = tuple[tuple[str, tuple[str, ...]], ...]
"""Fields, and for each the names of the shapes that it may have."""
_Words = Annotated[str, StringConstraints(max_length=CREATOR_DESCRIPTION_LIMIT)]


def shape_errors(
    document: Mapping[str, Any], kind: str, profile: "Profile", before: Mapping[str, Any] | None = None
) -> list[str]:
    """What is wrong with the Phase 2B fields of a new document, as `field: what`; empty when nothing is.

    `kind` as in profiles (`components`, `songs`, `composites`). `before` is the staging document: a field in which it
    held something may have been kept, so it may have any shape of the contract instead of the profile's own.
    """
    wanted = profile.target_shapes[kind]
    if before is not None and not SHAPES.keys().isdisjoint(before):
        wanted = tuple(
            (field, (*shapes, *KEPT_SHAPES[field]) if before.get(field) else shapes)
            for field, shapes in wanted
        )
    return _errors(_whole(wanted), document, wanted)


def unknown_shape(field: str, value: object) -> list[str]:
    """What is wrong with a Phase 2B field that staging had already; empty when it has a shape of the contract."""
    wanted = ((field, KEPT_SHAPES[field]),)
    return _errors(_one(wanted), {field: value}, wanted)


@cache
def _whole(wanted: Wanted) -> TypeAdapter[Any]:
    return _adapter({"creatorDescription": _Words | None, **_fields(wanted)})


@cache
def _one(wanted: Wanted) -> TypeAdapter[Any]:
    return _adapter(_fields(wanted))


def _fields(wanted: Wanted) -> dict[str, Any]:
    # The members are known only here, so there is nothing to write a | between.
    return {field: Union[tuple(SHAPES[field][name] for name in names)] for field, names in wanted}  # noqa: UP007


def _adapter(fields: dict[str, Any]) -> TypeAdapter[Any]:
    # All other fields are the source's own and are compared byte for byte elsewhere.
    document = TypedDict("Document", fields)  # type: ignore[misc]
    return TypeAdapter(with_config(ConfigDict(strict=True, extra="ignore"))(document))


def _errors(adapter: TypeAdapter[Any], document: Mapping[str, Any], wanted: Wanted) -> list[str]:
    try:
        adapter.validate_python(document)
    except ValidationError as error:
        found, shapes = [], dict(wanted)
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            field, *inner = map(str, each["loc"])
            known = [name for name in dict.fromkeys(shapes.get(field, ())) if name != "none"]
            if len(known) > 1:
                found.append(f"{field}: none of the shapes {', '.join(known)}")
            else:
                found.append(f"{'.'.join([field, *inner])}: {each['msg']}")
        return list(dict.fromkeys(found))
    return []
