"""What programs send about decisions, and what they are told of one. What is wrong with one, the registry says."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, Required

from pydantic import ConfigDict, Field, StringConstraints, with_config
from typing_extensions import TypedDict

from asset_registry_pipeline.desk.api.models import Words
from asset_registry_pipeline.desk.api.parameters import Called
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.registry.decisions import ArtChoice, FactsGiven, SongTitleGiven, Verdict
from asset_registry_pipeline.steps.curation.model import Draft

Short = Annotated[str, StringConstraints(max_length=5_000)]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1)]
_STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(_STRICT)
class TitleIn(TypedDict):
    """A song's title in the place of the whole parsed one."""

    songName: Short
    albumName: NotRequired[Short | None]
    artistName: NotRequired[Short | None]


@with_config(_STRICT)
class ArtIn(TypedDict):
    """A candidate that is accepted, a picture in its place, or none."""

    verdict: Literal["accept", "replace", "refuse"]
    url: NotRequired[
        Annotated[Short | None, Field(description="https, of an allowed host; none with refuse")]
    ]
    source: NotRequired[Literal["iTunes", "MusicBrainz", "Manual", "AI Generated"] | None]


@with_config(_STRICT)
class FactsIn(TypedDict, total=False):
    """Facts of the regenerated metadata, each in the place of what was found."""

    bpm: int | None
    key: Short | None
    mood: Short | None
    genre: Short | None
    tempo: Short | None


@with_config(_STRICT)
class DecisionChangeIn(TypedDict):
    """What a curator has decided."""

    decision: Literal["approve", "edit", "reject", "test", "exclude"]
    sourceHash: Annotated[
        str, Field(pattern="^[0-9a-f]{64}$", description="Of the source that was looked at")
    ]
    revision: Annotated[Revision, Field(description="Of the decision that was seen standing; 0 for none")]
    creatorDescription: NotRequired[Words | None]
    reason: NotRequired[Short | None]
    title: NotRequired[TitleIn | None]
    albumArt: NotRequired[ArtIn | None]
    facts: NotRequired[FactsIn | None]


@with_config(_STRICT)
class DecisionIn(DecisionChangeIn):
    """What a curator has decided, and about which asset."""

    id: Required[Called]


class Follow(TypedDict):
    """Where what became of it is told."""

    item: str
    progress: str


class Recorded(TypedDict):
    """A decision that is stored on a majority of the servers, and what it leads to."""

    key: str
    decision: dict[str, Any]
    revision: int
    repeated: bool
    planned: Annotated[dict[str, Any] | None, Field(description="The document, as it would be planned now")]
    why: Annotated[str | None, Field(description="Why there is no such document")]
    follow: Follow


class RetryIn(TypedDict):
    """What is to be tried again."""

    about: Annotated[
        str,
        StringConstraints(min_length=1, max_length=5_000),
        Field(description="A layer, the queue's key of an item, or the id of a document that failed"),
    ]


def draft_of(body: Mapping[str, Any]) -> Draft:
    """The draft in a body.

    Raises:
        Problem: 422, a part of it cannot be used.
    """
    title, art, facts = body.get("title"), body.get("albumArt"), body.get("facts")
    try:
        return Draft(
            verdict=Verdict(body["decision"]),
            source_hash=body["sourceHash"],
            revision=body["revision"],
            words=body.get("creatorDescription"),
            reason=body.get("reason"),
            title=None
            if title is None
            else SongTitleGiven(title["songName"], title.get("albumName"), title.get("artistName")),
            album_art=None if art is None else ArtChoice(art["verdict"], art.get("url"), art.get("source")),
            facts=None if facts is None else FactsGiven(**facts),
        )
    except ValueError as error:
        raise Problem(422, "invalid", str(error), "Correct it and send it again") from error
