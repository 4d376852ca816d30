"""The front page: how far each layer is, live, and what waits for people."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.state import desk_of

router = APIRouter()


@router.get("/")
def dashboard(request: Request) -> Response:
    """How the migration stands."""
    return rendering.page(request, "dashboard.html", layers=desk_of(request).registry.progress.all())
