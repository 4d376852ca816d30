"""The curators' queue: what waits, ordered by how many composites it blocks; claiming from it."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.pages.queue_filters import (
    ASKS,
    LAYERS,
    Filters,
    cleaned,
    filters,
    from_query,
)
from asset_registry_pipeline.desk.security.access import User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.roles import may
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import MOST_COUNTED, MOST_IN_A_BATCH, STATES

ON_A_PAGE = 50

router = APIRouter(prefix="/queue")
Chosen = Annotated[Filters, Depends(filters)]
Person = Annotated[User, Depends(page_user)]


@router.get("")
def queue(request: Request, user: Person, chosen: Chosen, after: str = "") -> Response:
    """A page of the queue; htmx gets the list alone, or what follows one page of it."""
    desk = desk_of(request)
    back = chosen.query()
    page = curation.page(desk.registry, chosen.where(user), after or None, ON_A_PAGE, now=desk.clock())
    shown = rendering.is_fragment(request)
    template = ("_queue_items.html" if after else "_queue_list.html") if shown else "queue.html"
    return rendering.page(
        request,
        template,
        chosen=chosen,
        page=page,
        more=chosen.address() + ("&" if chosen.query() else "?") + f"after={quote(page.next)}"
        if page.next
        else None,
        first=not after,
        layers=LAYERS,
        states=STATES,
        asks=ASKS,
        most_counted=MOST_COUNTED,
        most_in_a_batch=MOST_IN_A_BATCH,
        may_claim=may(user, "claim"),
        may_approve=may(user, "approve in batches"),
        back=back,
        item_address=lambda key: address_of(key, back),
    )


@router.post("/next")
def take_next(request: Request, user: Person, back: Annotated[str, Form(max_length=2_000)] = "") -> Response:
    """Claim the first open item of what is shown, and open it."""
    return go_to_next(request, user, from_query(back))


@router.post("/claim")
def claim(
    request: Request,
    user: Person,
    key: Annotated[str, Form(max_length=9_000)],
    back: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Claim one item, and open it."""
    desk = desk_of(request)
    curation.claim(desk.registry, user, key, desk.clock())
    return go(request, address_of(key, back))


def go_to_next(request: Request, user: User, chosen: Filters, *, done: str = "") -> Response:
    """Claim the next item of those that are shown and open it; the queue, where none is left."""
    desk = desk_of(request)
    claimed = curation.claim_next(desk.registry, user, chosen.waiting().where(user), desk.clock())
    if claimed is not None:
        return go(request, address_of(claimed.item.key, chosen.query(), done=done))
    rendering.tell(request, "Nothing is left to take here.")
    return go(request, address_of(done, chosen.query(), done=done) if done else chosen.address())


def address_of(key: str, back: str = "", *, done: str = "") -> str:
    """Where an item is seen. `back`: the queue's filters; `done`: what was decided just before."""
    given = {"key": key, "back": cleaned(back), "done": done}
    return "/queue/item?" + "&".join(f"{name}={quote(text, safe='')}" for name, text in given.items() if text)


def go(request: Request, path: str) -> Response:
    """Lead the browser on, htmx or not."""
    if rendering.is_fragment(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return rendering.see_other(path)
