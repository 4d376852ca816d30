"""The desk as one FastAPI app: which pages and which API it has, and what surrounds them.

A new page is a module in `pages` with a `router`, listed in `PAGES`: it is then behind the login and protected against
forged requests. The API is `api.router`, behind its bearer tokens.
"""

from functools import cache

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from asset_registry_pipeline.desk import errors
from asset_registry_pipeline.desk.api import docs
from asset_registry_pipeline.desk.api import routers as api
from asset_registry_pipeline.desk.pages import (
    audit,
    batch,
    dashboard,
    decisions,
    events,
    icon,
    item,
    login,
    queue,
    song,
)
from asset_registry_pipeline.desk.rendering import STATIC
from asset_registry_pipeline.desk.security.access import csrf_protected
from asset_registry_pipeline.desk.security.headers import origins, security_headers
from asset_registry_pipeline.desk.security.middleware import Surroundings
from asset_registry_pipeline.desk.state import Desk

OPEN: tuple[APIRouter, ...] = (login.router, icon.router, docs.router)
"""What is shown to people who are not logged in; each route of it protects itself."""
PAGES: tuple[APIRouter, ...] = (
    dashboard.router,
    events.router,
    queue.router,
    item.router,
    song.router,
    batch.router,
    decisions.router,
    audit.router,
)
"""The pages behind the login."""
API: tuple[APIRouter, ...] = (api.router,)
"""The REST API, whose routes ask for `api_user` or `api_at_least(role)` themselves."""


def create_app(desk: Desk) -> FastAPI:
    """The app over an open desk."""
    app = FastAPI(
        title="Asset registry: migration and curation",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json" if API else None,
        routes=[*_routes()],
    )
    app.state.desk = desk
    app.mount("/static", _Kept(directory=STATIC), name="static")
    errors.install(app)
    # The last one added is the outermost.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*desk.address.hosts], www_redirect=False)
    app.add_middleware(Surroundings, headers=_headers(desk), shown=errors.shown)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """All routes, made once and before anybody asks.

    FastAPI makes what stands behind a route when the first request looks for it. That request would wait for all of
    them, and two threads doing it at once undo each other's silencing of warnings, which are the process's own.
    """
    root = APIRouter()
    for router in OPEN:
        root.include_router(router, include_in_schema=False)
    for router in PAGES:
        root.include_router(router, include_in_schema=False, dependencies=[Depends(csrf_protected)])
    for router in API:
        root.include_router(router)
    for _ in iter_route_contexts(root.routes):
        pass  # to look at it is what makes it
    return tuple(root.routes)


def _headers(desk: Desk) -> dict[str, str]:
    settings = desk.registry.settings
    published = settings.album_art_public_url or settings.album_art_endpoint_url
    return security_headers(origins([published]), https=desk.address.secure)


class _Kept(StaticFiles):
    """Static files, which browsers keep: their addresses change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
