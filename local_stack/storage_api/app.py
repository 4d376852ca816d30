"""The application: every address of the stand-in, for the server's own project and for named ones.

`/storage/v1/...` is the Storage API, `/control/...` what tests add to it, `/projects/NAME/` before either
chooses a project of one's own. Here belongs the assembly only.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local_stack.storage_api import buckets, control, downloads, errors, listing, tus, uploads
from local_stack.storage_api.faults import serve_faulty
from local_stack.storage_api.projects import Projects


def create_app(folder: Path, secret: str) -> ASGIApp:
    """The application over the data in this folder, whose tokens are signed with this secret."""
    projects = Projects(folder, secret)
    return _Dispatch(
        projects, {"/storage/v1": _FaultyWhenOrdered(_storage_api()), "/control": _control(projects)}
    )


def _control(projects: Projects) -> Starlette:
    return _application(control.routes(projects))


def _storage_api() -> Starlette:
    return _application(
        [
            Route("/status", _status, methods=["GET"]),
            *buckets.routes(),
            *listing.routes(),
            *tus.routes(),
            # Those that name what they do before those that begin with a bucket.
            *downloads.routes(),
            *uploads.routes(),
        ]
    )


def _application(routes: list[Route]) -> Starlette:
    app = Starlette(routes=routes, exception_handlers=_HANDLERS)
    app.router.redirect_slashes = False  # the real server never answers with a redirect
    return app


async def _status(_request: Request) -> Response:
    """Whether the server is up."""
    return Response(status_code=200)


async def _no_such_route(request: Request, _problem: Exception | None) -> Response:
    message = f"Route {request.method}:{request.url.path} not found"
    return JSONResponse({"message": message, "error": "Not Found", "statusCode": 404}, 404)


_HANDLERS: dict[Any, Any] = {
    errors.StorageError: errors.answer_storage_error,
    404: _no_such_route,
    405: _no_such_route,
    Exception: errors.answer_unexpected,
}


class _Dispatch:
    """Finds the project and the part of the stand-in that a request is for.

    Not Starlette's Mount, which finds no path with a newline in it: such a key gets Storage's own refusal.
    """

    def __init__(self, projects: Projects, parts: Mapping[str, ASGIApp]) -> None:
        self._projects = projects
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        project, root = "", ""
        if path.startswith("/projects/"):
            project = path.split("/", 3)[2]
            root = f"/projects/{project}"
        for prefix, app in self._parts.items():
            if path.startswith(f"{root}{prefix}/"):
                await self._serve(app, project, {**scope, "root_path": root + prefix}, receive, send)
                return
        await (await _no_such_route(Request(scope), None))(scope, receive, send)

    async def _serve(self, app: ASGIApp, project: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope["storage_project"] = self._projects[project]
        except errors.StorageError as problem:
            await problem.answer()(scope, receive, send)
            return
        await app(scope, receive, send)


class _FaultyWhenOrdered:
    """Serves as ordered the requests that a test has chosen to go wrong."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = scope["storage_project"].faults.next_for(scope)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await serve_faulty(fault, self._app, scope, receive, send)
