"""Decisions over the API: the planned writing endpoints of the migration, taking back, retries, and CSV.

None of them writes an asset. What a decision leads to goes through plan and gates like every other.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, Required
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Path, Query
from pydantic import ConfigDict, Field, StringConstraints, with_config
from pymongo.client_session import ClientSession
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from typing_extensions import TypedDict

from asset_registry_pipeline.desk.api import json_form, replies
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.models import Words
from asset_registry_pipeline.desk.api.replies import Reply, faults
from asset_registry_pipeline.desk.api.telling import decision_told
from asset_registry_pipeline.desk.api.writing import keyed, written
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import api_at_least
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps.curation import at_once
from asset_registry_pipeline.steps.curation.deciding import undo
from asset_registry_pipeline.steps.curation.exchange import export_decisions, import_decisions_text
from asset_registry_pipeline.steps.curation.foreseen import foresee
from asset_registry_pipeline.steps.curation.model import Decided, Draft
from asset_registry_pipeline.steps.curation.retrying import request_retry
from asset_registry_pipeline.stores.requests import Keyed

router = APIRouter(prefix="/api/migration", tags=["decisions"], route_class=ApiRoute)
CSV = "text/csv; charset=utf-8"

Curator = Annotated[Actor, Depends(api_at_least(Role.CURATOR))]
Key = Annotated[Keyed | None, Depends(keyed)]
Called = Annotated[
    str,
    StringConstraints(min_length=1, max_length=5_000),
    Field(
        description="The asset's id (24 hex digits, or as `int:5`), its name, its address, or the queue's key"
    ),
]
Id = Annotated[
    str,
    Path(
        alias="id",
        max_length=5_000,
        description="The asset's id (24 hex digits, or as `int:5`), its name, its address, or the queue's key",
    ),
]
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

    id: str
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


@router.post(
    "/development/asset",
    status_code=202,
    responses=faults(404, 409, 413, 415),
    response_model=Reply[Recorded],
    summary="Decide about an asset, so that it is migrated",
)
def record(
    *, request: Request, curator: Curator, keyed: Key, body: Annotated[DecisionIn, Body()]
) -> Response:
    """Record a curator's decision about an asset of staging, which the next run migrates by it.

    It does not write the asset: plan, checks and publishing stay the only way into development. 202 means that the
    decision is stored; a sensor starts the layer's run when decisions have arrived. `planned` is the document as the
    plan would make it now. The asset has to be in the queue, and nobody else's: it need not be claimed before.
    Where staging has changed since `sourceHash`, both states come back (409) and the decision is to be made again.
    """
    return _decide(request, curator, keyed, body["id"], body, change=False)


@router.put(
    "/development/asset/{id:path}",
    status_code=202,
    responses=faults(404, 409, 413, 415),
    response_model=Reply[Recorded],
    summary="Decide again about an asset",
)
def amend(
    *, request: Request, curator: Curator, called: Id, keyed: Key, body: Annotated[DecisionChangeIn, Body()]
) -> Response:
    """Put another decision in the place of the one of this `revision`, which moves into the history.

    As POST otherwise. With `revision` 0 it is the first one. Assets themselves are changed with PUT /api/assets/{id}.
    """
    return _decide(request, curator, keyed, called, body, change=True)


@router.delete(
    "/decisions/{id:path}",
    responses=faults(404, 409),
    response_model=Reply[dict[str, Any]],
    summary="Take a decision back",
)
def take_back(
    *,
    request: Request,
    curator: Curator,
    called: Id,
    keyed: Key,
    revision: Annotated[int, Query(ge=1, le=2**31 - 1, description="Of the decision that was seen standing")],
) -> Response:
    """Take the standing decision back: it moves into the history, its words stay readable, its item is open again."""
    desk = desk_of(request)
    key = at_once.key_of(desk.registry, called)

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        undone = undo(desk.registry, curator, key, revision, desk.clock())
        return {
            "decision": decision_told(undone.decision),
            "revision": undone.revision,
            "item": json_form.told(undone.item),
        }, {}

    return written(request, keyed, write)


@router.post(
    "/retry",
    status_code=202,
    responses=faults(404, 413, 415),
    response_model=Reply[dict[str, Any]],
    summary="Ask for another run",
)
def retry(*, request: Request, curator: Curator, keyed: Key, body: Annotated[RetryIn, Body()]) -> Response:
    """Ask for another run of a layer, or of the layer of a document that failed; a sensor starts it."""
    desk = desk_of(request)

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        asked = request_retry(desk.registry, curator, body["about"], desk.clock())
        return json_form.told(asked), {}

    return written(request, keyed, write, status=202)


@router.get(
    "/decisions",
    responses=faults()
    | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "CSV"}},
    response_class=StreamingResponse,
    summary="Decisions as CSV",
)
def exported(
    *,
    request: Request,
    curator: Curator,  # noqa: ARG001 - it holds what people wrote, and who
    layer: Annotated[Literal["S", "L", "W", "M", "G"] | None, Query()] = None,
) -> Response:
    """The decisions that stand, as CSV with a header; cells that look like formulas are escaped."""
    text = export_decisions(desk_of(request).registry, layer)
    headers = {"Content-Disposition": 'attachment; filename="decisions.csv"'}
    return StreamingResponse(text, media_type=CSV, headers=headers)


async def _text_of(request: Request) -> str:
    """The body as text.

    Raises:
        Problem: it is no CSV by its type, or no UTF-8.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise Problem(415, "unsupported_media_type", "The body is no CSV", "Send Content-Type: text/csv")
    try:
        return (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, "bad_request", "The body is not UTF-8", "Save the file as UTF-8") from error


@router.post(
    "/decisions",
    responses=faults(413, 415),
    response_model=Reply[dict[str, Any]],
    summary="Import decisions from CSV",
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}},
    },
)
def imported(
    *,
    request: Request,
    curator: Curator,
    text: Annotated[str, Depends(_text_of)],
    dry_run: Annotated[bool, Query(alias="dryRun")] = True,
) -> Response:
    """Import decisions; by default it only tells what would be imported. Rows that cannot be used stop no other.

    It can be repeated without harm: what stands already is counted as unchanged.
    """
    desk = desk_of(request)
    done = import_decisions_text(desk.registry, text, dry_run=dry_run, actor=curator, now=desk.clock())
    return replies.reply(request, json_form.told(done))


def _decide(
    request: Request,
    curator: Actor,
    keyed: Keyed | None,
    called: str,
    body: Mapping[str, Any],
    *,
    change: bool,
) -> Response:
    desk = desk_of(request)
    draft = _draft(body)
    key = at_once.key_of(desk.registry, called)
    act = at_once.amend if change and draft.revision else at_once.record

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        now = desk.clock()
        decided = act(desk.registry, curator, key, draft, now)
        foreseen = foresee(desk.registry, curator, key, draft, now)
        data = _recorded(key, decided, json_form.told(foreseen.document), foreseen.why or None)
        return data, {"Location": data["follow"]["item"]}

    return written(request, keyed, write, status=202)


def _recorded(key: str, decided: Decided, planned: Any, why: str | None) -> dict[str, Any]:
    return {
        "id": key,
        "key": key,
        "decision": decision_told(decided.decision),
        "revision": decided.revision,
        "repeated": decided.repeated,
        "planned": planned,
        "why": why,
        "follow": {
            "item": f"/api/migration/item/{quote(key, safe='')}",
            "progress": f"/api/migration/progress/{decided.decision.layer}",
        },
    }


def _draft(body: Mapping[str, Any]) -> Draft:
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
