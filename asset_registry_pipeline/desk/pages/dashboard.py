"""The front page: how far each layer is, live; what composites wait for, what failed, and who decided what."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.security.access import User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.layers import LAYER_NAMES
from asset_registry_pipeline.steps.curation import overviews, retrying

MOST_SHOWN, MOST_HELD_SHOWN = 50, 12
ALL_HELD = 500

router = APIRouter()


@router.get("/")
def dashboard(request: Request) -> Response:
    """How the migration stands."""
    registry = desk_of(request).registry
    held = overviews.held(registry, MOST_HELD_SHOWN + 1)
    failed = overviews.errors(registry, limit=MOST_SHOWN + 1)
    return rendering.page(
        request,
        "dashboard.html",
        layers=desk_of(request).watched.layers(),
        held=held[:MOST_HELD_SHOWN],
        more_held=len(held) > MOST_HELD_SHOWN,
        failed=failed[:MOST_SHOWN],
        more_failed=len(failed) > MOST_SHOWN,
    )


@router.get("/held")
def held(request: Request) -> Response:
    """All that composites wait for."""
    return rendering.page(request, "held.html", held=overviews.held(desk_of(request).registry, ALL_HELD))


@router.get("/deciders")
def deciders(request: Request) -> Response:
    """Who decided what: a page of its own, or the part of the front page that is loaded after it."""
    template = "_deciders.html" if rendering.is_fragment(request) else "deciders.html"
    return rendering.page(request, template, deciders=desk_of(request).watched.deciders())


@router.post("/retry")
def retry(
    request: Request,
    user: Annotated[User, Depends(page_user)],
    about: Annotated[str, Form(max_length=2_000)],
) -> Response:
    """Ask for another run of a layer, for itself or for one of its documents."""
    desk = desk_of(request)
    asked = retrying.request_retry(desk.registry, user, about, desk.clock())
    layer = LAYER_NAMES[asked.layer]
    rendering.tell(request, f"{layer} will be run again: the pipeline looks for such requests by itself.")
    return rendering.see_other("/#failed")
