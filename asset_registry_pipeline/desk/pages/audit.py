"""The audit log: who did what, and when."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.security.access import User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.steps.curation import overviews

router = APIRouter()


@router.get("/audit")
def audit(
    request: Request,
    user: Annotated[User, Depends(page_user)],
    key: Annotated[str | None, Query(max_length=2_000)] = None,
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """The newest entries, of one item or of all."""
    found = overviews.audit(desk_of(request).registry, user, key=key, after=after)
    return rendering.page(request, "audit.html", entries=found.entries, next=found.next, key=key)
