"""The curators' queue over the API: pages, single items, claims with a lease, batches."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from fastapi import APIRouter, Body, Depends, Path, Query
from pydantic import Field, StringConstraints
from pymongo.client_session import ClientSession
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from asset_registry_pipeline.desk.api import json_form, replies
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.parameters import Called, Curator, Id, Key, Reader
from asset_registry_pipeline.desk.api.replies import Listed, Reply, faults
from asset_registry_pipeline.desk.api.staging import throttled
from asset_registry_pipeline.desk.api.telling import decision_told
from asset_registry_pipeline.desk.api.writing import written
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.steps.curation import at_once
from asset_registry_pipeline.steps.curation.batches import approve_batch, preview_batch
from asset_registry_pipeline.steps.curation.claiming import claim, claim_next, release, renew
from asset_registry_pipeline.steps.curation.model import MOST_IN_A_BATCH, ItemView, Where
from asset_registry_pipeline.steps.curation.reading import item, page

router = APIRouter(prefix="/api/migration", tags=["queue"], route_class=ApiRoute)

Layer = Literal["S", "L", "W", "M", "G"]
State = Literal["open", "claimed", "decided", "withdrawn"]
_LONGEST = 200


class QueueEntry(TypedDict):
    """An item of the queue. `asks`: why it is asked. `blocks`: how many composites need it."""

    key: str
    layer: str
    item: str
    label: str
    name: str | None
    nna_address: str | None
    sourceHash: str
    asks: list[str]
    state: str
    blocks: int
    error: str | None
    hint: str | None
    mediaUrl: str | None
    claimedBy: str | None
    claimedAt: str | None
    leaseUntil: str | None
    note: str | None
    verdict: str | None
    decidedBy: str | None
    decidedAt: str | None
    revision: int


class QueuePage(Listed[QueueEntry]):
    """Items in the order of the queue, those that block most first. `next`: what to send as `after` for more."""

    next: str | None


class Claimed(TypedDict):
    """An item that is one's own until then."""

    item: QueueEntry
    until: str


class ClaimIn(TypedDict):
    """Which item."""

    id: Called


class BatchIn(TypedDict, total=False):
    """Which items: by name, or the first ones of a question."""

    ids: Annotated[list[Called], Field(min_length=1, max_length=MOST_IN_A_BATCH)]
    layer: NotRequired[Layer]
    asks: NotRequired[Annotated[str, StringConstraints(max_length=_LONGEST)]]
    q: NotRequired[Annotated[str, StringConstraints(max_length=_LONGEST)]]


@router.get(
    "/queue/{layer}", responses=faults(), response_model=Reply[QueuePage], summary="The queue of a layer"
)
def queue(
    *,
    request: Request,
    reader: Reader,
    layer: Annotated[Layer, Path()],
    state: Annotated[State, Query()] = "open",
    asks: Annotated[
        str | None, Query(max_length=_LONGEST, description="One of the reasons in `asks`")
    ] = None,
    q: Annotated[str, Query(max_length=_LONGEST, description="Beginnings of words; all have to occur")] = "",
    mine: Annotated[bool, Query(description="Only what one has claimed")] = False,
    after: Annotated[str, Query(max_length=8_000, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """A page of the queue. It goes on from `after`, not by number; `total` is counted up to 10,000."""
    desk = desk_of(request)
    number, place = _place(after)
    where = Where(layer, state, asks, q, reader.name if mine else None)
    found = page(desk.registry, where, place, limit, now=desk.clock())
    following = f"{number + 1}.{found.next}" if found.next else None
    items = [json_form.told(one) for one in found.items]
    return replies.reply(
        request, replies.listed(items, total=found.total_hint, page=number, limit=limit, next=following)
    )


@router.get(
    "/item/{id:path}",
    responses=faults(404),
    response_model=Reply[dict[str, Any]],
    summary="All about one item",
    dependencies=[Depends(throttled)],
)
def one(*, request: Request, reader: Reader, called: Id) -> Response:  # noqa: ARG001
    """Source, plan, findings, decision with its history, and the composites that need it; e-mail addresses masked."""
    registry = desk_of(request).registry
    return replies.reply(request, _viewed(item(registry, at_once.key_of(registry, called))))


@router.post(
    "/queue/{layer}/claim",
    responses=faults(),
    response_model=Reply[Claimed | None],
    summary="Claim the first open item",
)
def take_first(
    *,
    request: Request,
    curator: Curator,
    keyed: Key,
    layer: Annotated[Layer, Path()],
    asks: Annotated[str | None, Query(max_length=_LONGEST)] = None,
    q: Annotated[str, Query(max_length=_LONGEST)] = "",
) -> Response:
    """Claim the first open item in the order of the queue for 15 minutes; `data` is null where there is none."""
    desk = desk_of(request)

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        taken = claim_next(desk.registry, curator, Where(layer, asks=asks, text=q), desk.clock())
        return json_form.told(taken), {}

    return written(request, keyed, write)


@router.post(
    "/claims", responses=faults(404, 409, 413, 415), response_model=Reply[Claimed], summary="Claim an item"
)
def take(*, request: Request, curator: Curator, keyed: Key, body: Annotated[ClaimIn, Body()]) -> Response:
    """Claim an item for 15 minutes, so that nobody else decides about it."""
    desk = desk_of(request)
    key = at_once.key_of(desk.registry, body["id"])

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        return json_form.told(claim(desk.registry, curator, key, desk.clock())), {}

    return written(request, keyed, write)


@router.put(
    "/claims/{id:path}", responses=faults(404, 409), response_model=Reply[Claimed], summary="Keep a claim"
)
def keep(*, request: Request, curator: Curator, called: Id) -> Response:
    """Another 15 minutes on what one has claimed."""
    desk = desk_of(request)
    kept = renew(desk.registry, curator, at_once.key_of(desk.registry, called), desk.clock())
    return replies.reply(request, json_form.told(kept))


@router.delete(
    "/claims/{id:path}", responses=faults(404, 409), response_model=Reply[None], summary="Release an item"
)
def give_back(
    *,
    request: Request,
    curator: Curator,
    called: Id,
    note: Annotated[str | None, Query(max_length=500, description="For who takes it next")] = None,
) -> Response:
    """Give an item back to the queue; an admin may give back what another has claimed."""
    desk = desk_of(request)
    release(desk.registry, curator, at_once.key_of(desk.registry, called), note, desk.clock())
    return replies.reply(request, None)


@router.post(
    "/batches",
    responses=faults(404, 413, 415),
    response_model=Reply[dict[str, Any]],
    summary="Preview a batch",
)
def preview(*, request: Request, curator: Curator, body: Annotated[BatchIn, Body()]) -> Response:
    """What approving these items would approve, and what it would leave out, and why. `token` stands for the batch."""
    desk = desk_of(request)
    if "ids" in body:
        keys: Any = [at_once.key_of(desk.registry, called) for called in body["ids"]]
    elif "layer" in body:
        keys = Where(body["layer"], asks=body.get("asks"), text=body.get("q", ""))
    else:
        raise Problem(422, "invalid", "Neither `ids` nor `layer` is given", "Say which items")
    return replies.reply(request, json_form.told(preview_batch(desk.registry, curator, keys, desk.clock())))


@router.post(
    "/batches/{token}",
    responses=faults(404),
    response_model=Reply[dict[str, Any]],
    summary="Approve a previewed batch",
)
def approve(
    *, request: Request, curator: Curator, keyed: Key, token: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
) -> Response:
    """Approve exactly the items of a preview as they were shown; what changed since is left out and named."""
    desk = desk_of(request)

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        return json_form.told(approve_batch(desk.registry, curator, token, desk.clock())), {}

    return written(request, keyed, write)


def _place(after: str) -> tuple[int, str | None]:
    """The number of the page that is asked for, and from where the queue goes on."""
    if not after:
        return 1, None
    number, _, place = after.partition(".")
    if not number.isascii() or not number.isdigit() or len(number) > 9 or int(number) < 1 or not place:
        raise Problem(422, "invalid", "`after` is not from a page of this queue", "Begin at the first page")
    return int(number), place


def _viewed(view: ItemView) -> dict[str, Any]:
    return {
        **json_form.told(view),
        "decision": None if view.decision is None else decision_told(view.decision),
        "history": [
            json_form.told(each) | {"decision": decision_told(each.decision)} for each in view.history
        ],
    }
