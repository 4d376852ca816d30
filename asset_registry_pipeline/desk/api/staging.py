"""Staging as it is now, read only: a page of a layer, and one document."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk.api import json_form, replies
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.models import StagingAsset
from asset_registry_pipeline.desk.api.replies import Listed, Reply, faults
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import api_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.identifiers import UnknownKeyError, identifier_of


def throttled(request: Request, user: Annotated[Actor, Depends(api_user)]) -> None:
    """A dependency of all routes that read staging: nobody may read it too often."""
    desk_of(request).read_limit.count(user.name)


router = APIRouter(
    prefix="/api/migration/staging", tags=["staging"], route_class=ApiRoute, dependencies=[Depends(throttled)]
)
LARGEST_LISTED = 256 * 1024
"""Bytes of a document that a list shows whole; a larger one is read alone."""
MOST_SKIPPED = 1_000_000


@router.get(
    "/assets/{layer}",
    responses=faults(),
    response_model=Reply[Listed[StagingAsset]],
    summary="Some of a layer",
)
def assets(
    *,
    request: Request,
    layer: Annotated[Literal["S", "L", "W", "M", "G", "C"], Path()],
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    offset: Annotated[int, Query(ge=0, le=MOST_SKIPPED)] = 0,
) -> Response:
    """Documents of staging in the order of their `_id`, e-mail addresses masked; nothing is written by reading them.

    `sourceHash` is what a decision has to name. `asset` is null where a document cannot be decoded, or is larger than a
    list shows (then read it alone); `why` says which. `page` is the one that `offset` falls into.
    """
    staging = desk_of(request).registry.staging
    items = [
        _shown(raw, layer, largest=LARGEST_LISTED) for raw in staging.page(layer, skip=offset, limit=limit)
    ]
    found = replies.listed(items, total=staging.count(layer), page=offset // limit + 1, limit=limit)
    return replies.reply(request, found)


@router.get(
    "/asset/{id:path}", responses=faults(404), response_model=Reply[StagingAsset], summary="One document"
)
def asset(
    request: Request,
    item: Annotated[str, Path(alias="id", max_length=300, description="24 hex digits, or as `int:5`")],
) -> Response:
    """A document of staging as it is now, e-mail addresses masked."""
    registry = desk_of(request).registry
    try:
        raw = registry.staging.one(identifier_of(item, registry.workspace))
    except UnknownKeyError:
        raw = None
    if raw is None or codec.item_of(raw) != item:
        raise Problem(
            404,
            "not_found",
            "Staging has no asset with this id",
            "Take the id from the list of its layer; one that is no ObjectId is written as int:5 or str:'name'",
        )
    layer = (codec.decoded(raw) or {}).get("layer")
    return replies.reply(request, _shown(raw, layer if is_text(layer) else ""))


def _shown(raw: bytes, layer: str, *, largest: int | None = None) -> dict[str, Any]:
    source = codec.read_source(raw, layer)
    shown, why = None, source.unreadable
    if largest is not None and source.size > largest:
        why = f"it has {source.size:,} bytes, too many for a list: read it alone"
    elif source.body is not None:
        shown = json_form.preview(source.body, source.item)
    return {
        "id": source.item,
        "key": decision_key(source) if source.body is not None else None,
        "sourceHash": source.source_hash,
        "bytes": source.size,
        "asset": shown,
        "why": why,
    }
