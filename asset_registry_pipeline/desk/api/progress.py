"""How far the migration is, in the plan's form, and what stands in its way."""

from typing import Annotated, Any, Literal, NotRequired

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from asset_registry_pipeline.desk.api import json_form, replies
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.replies import Listed, Reply, faults
from asset_registry_pipeline.desk.security.access import api_at_least, api_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps.curation import overviews
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress, Status

router = APIRouter(
    prefix="/api/migration", tags=["progress"], route_class=ApiRoute, dependencies=[Depends(api_user)]
)
Layer = Literal["S", "L", "W", "M", "G", "C"]
Limit = Annotated[int, Query(ge=1, le=500)]


class LayerProgress(TypedDict):
    """A layer; `currentAsset` only while it is being published."""

    layer: str
    totalAssets: int
    migratedAssets: int
    failedAssets: int
    status: Literal["pending", "in-progress", "completed", "failed"]
    currentAsset: NotRequired[str]


@router.get(
    "/progress",
    responses=faults(),
    response_model=Reply[Listed[LayerProgress]],
    summary="Progress of all layers",
)
def progress(request: Request) -> Response:
    """All layers in the order of the phases."""
    registry = desk_of(request).registry
    rows = [_of(registry, layer) for layer in MIGRATED_LAYERS]
    return replies.reply(request, replies.listed(rows, total=len(rows), page=1, limit=len(rows)))


@router.get(
    "/progress/{layer}",
    responses=faults(),
    response_model=Reply[LayerProgress],
    summary="Progress of a layer",
)
def progress_of(request: Request, layer: Annotated[Layer, Path()]) -> Response:
    """One layer. Before it is published, `totalAssets` is what its newest inventory saw."""
    return replies.reply(request, _of(desk_of(request).registry, layer))


@router.get(
    "/held",
    responses=faults(),
    response_model=Reply[list[dict[str, Any]]],
    summary="What composites wait for",
)
def held(request: Request, limit: Limit = 50) -> Response:
    """Components that held composites wait for, and how many wait for each, most first."""
    return replies.reply(request, json_form.told(overviews.held(desk_of(request).registry, limit)))


@router.get(
    "/errors", responses=faults(), response_model=Reply[list[dict[str, Any]]], summary="Documents that failed"
)
def errors(request: Request, layer: Annotated[Layer | None, Query()] = None, limit: Limit = 100) -> Response:
    """Quarantined documents and why; what is repaired is tried again with POST /api/migration/retry."""
    return replies.reply(request, json_form.told(overviews.errors(desk_of(request).registry, layer, limit)))


@router.get(
    "/deciders",
    responses=faults(),
    response_model=Reply[list[dict[str, Any]]],
    summary="Who decided how much",
)
def deciders(request: Request) -> Response:
    """Who made the decisions that stand."""
    return replies.reply(request, json_form.told(overviews.deciders(desk_of(request).registry)))


@router.get("/audit", responses=faults(), response_model=Reply[dict[str, Any]], summary="Who did what")
def audit(
    *,
    request: Request,
    admin: Annotated[Actor, Depends(api_at_least(Role.ADMIN))],
    key: Annotated[str | None, Query(max_length=5_000, description="Of one item of the queue")] = None,
    after: Annotated[
        str | None, Query(pattern="^[0-9a-f]{24}$", description="`next` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The audit log, the newest entry first. For admins."""
    found = overviews.audit(desk_of(request).registry, admin, key=key, after=after, limit=limit)
    return replies.reply(request, json_form.told(found))


def _of(registry: Registry, layer: str) -> dict[str, Any]:
    found = registry.progress.of(layer)
    if found is None:
        inventory = registry.workspace.inventory(layer)
        documents = inventory["documents"] if inventory else 0
        found = Progress(layer, total=documents, migrated=0, failed=0, status=Status.PENDING)
    return found.in_the_plans_form()
