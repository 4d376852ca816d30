"""Approving many items at once: first what would happen, then exactly that."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.pages.queue import address_of
from asset_registry_pipeline.desk.pages.queue_filters import ASKS, LAYERS, from_query
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.steps import curation

router = APIRouter(prefix="/queue/batch")
Person = Annotated[User, Depends(page_user)]
Back = Annotated[str, Form(max_length=2_000)]


@router.post("")
def preview(
    request: Request,
    user: Person,
    keys: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    all: Annotated[str, Form(max_length=10)] = "",  # noqa: A002 - the name in the form
    back: Back = "",
) -> Response:
    """What approving the chosen items, or all that are shown, would do; nothing is stored."""
    desk, chosen = desk_of(request), from_query(back)
    if not keys and not all:
        raise Problem(422, "invalid", "No item is chosen", "Go back and tick some, or preview all of them")
    about = chosen.waiting().where(user) if all else keys
    previewed = curation.preview_batch(desk.registry, user, about, desk.clock())
    return rendering.page(
        request,
        "batch.html",
        preview=previewed,
        chosen=chosen,
        layers=LAYERS,
        asks=ASKS,
        address_of=address_of,
        approved=None,
    )


@router.post("/approve")
def approve(
    request: Request, user: Person, token: Annotated[str, Form(max_length=200)], back: Back = ""
) -> Response:
    """Approve what a preview showed; what changed since is left out, and told."""
    desk, chosen = desk_of(request), from_query(back)
    done = curation.approve_batch(desk.registry, user, token, desk.clock())
    return rendering.page(
        request,
        "batch.html",
        preview=None,
        chosen=chosen,
        layers=LAYERS,
        asks=ASKS,
        address_of=address_of,
        approved=done,
    )
