"""Decisions over the API: the planned writing endpoints of the migration, taking back, and retries.

None of them writes an asset. What a decision leads to goes through plan and gates like every other.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Query
from pymongo.client_session import ClientSession
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk.api import json_form
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.decision_models import (
    DecisionChangeIn,
    DecisionIn,
    Recorded,
    RetryIn,
    draft_of,
)
from asset_registry_pipeline.desk.api.parameters import Curator, Id, Key
from asset_registry_pipeline.desk.api.replies import Reply, faults
from asset_registry_pipeline.desk.api.telling import decision_told
from asset_registry_pipeline.desk.api.writing import written
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation import at_once
from asset_registry_pipeline.steps.curation.access import look
from asset_registry_pipeline.steps.curation.deciding import undo
from asset_registry_pipeline.steps.curation.foreseen import foresee
from asset_registry_pipeline.steps.curation.model import Decided
from asset_registry_pipeline.steps.curation.retrying import request_retry
from asset_registry_pipeline.stores.requests import Keyed

router = APIRouter(prefix="/api/migration", tags=["decisions"], route_class=ApiRoute)


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
    draft = draft_of(body)
    key = at_once.key_of(desk.registry, called)
    act = at_once.amend if change and draft.revision else at_once.record

    def write(_: ClientSession) -> tuple[Any, Mapping[str, str]]:
        now = desk.clock()
        decided = act(desk.registry, curator, key, draft, now)
        foreseen = foresee(desk.registry, curator, look(desk.registry, key), draft, now)
        data = _recorded(key, decided, json_form.told(foreseen.document), foreseen.why or None)
        return data, {"Location": data["follow"]["item"]}

    return written(request, keyed, write, status=202)


def _recorded(key: str, decided: Decided, planned: Any, why: str | None) -> dict[str, Any]:
    return {
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
