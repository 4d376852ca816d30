"""The application: every address of the stand-in, for the server's own project and for named ones.

`/storage/v1/...` is the Storage API, `/control/...` what tests add to it, `/projects/NAME/` before either
chooses a project of one's own. Here belongs the assembly only.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local_stack.storage_api import buckets, control, downloads, errors, listing, tus, uploads
from local_stack.storage_api.faults import serve_faulty
from local_stack.storage_api.projects import Projects


def create_app(folder: Path, secret: str) -> ASGIApp:
    """The application over the data in this folder, whose tokens are signed with this secret."""
    projects = Projects(folder, secret)
    parts = [
        Mount("/storage/v1", app=_FaultyWhenOrdered(_storage_api())),
        Mount("/control", routes=control.routes(projects)),
    ]
    app = Starlette(
        routes=[Mount("/projects/{project}", routes=parts), *parts],
        exception_handlers={
            errors.StorageError: errors.answer_storage_error,
            Exception: errors.answer_unexpected,
        },
    )
    return _ChooseProject(app, projects)


def _storage_api() -> Starlette:
    return Starlette(
        routes=[
            Route("/status", _status, methods=["GET"]),
            *buckets.routes(),
            *listing.routes(),
            *tus.routes(),
            # Those that name what they do before those that begin with a bucket.
            *downloads.routes(),
            *uploads.routes(),
        ],
        exception_handlers={
            errors.StorageError: errors.answer_storage_error,
            404: _no_such_route,
            405: _no_such_route,
            Exception: errors.answer_unexpected,
        },
    )


async def _status(_request: Request) -> Response:
    """Whether the server is up."""
    return Response(status_code=200)


async def _no_such_route(request: Request, _problem: Exception) -> Response:
    message = f"Route {request.method}:{request.url.path} not found"
    return JSONResponse({"message": message, "error": "Not Found", "statusCode": 404}, 404)


class _ChooseProject:
    """Puts the project a request is for beside it."""

    def __init__(self, app: ASGIApp, projects: Projects) -> None:
        self._app = app
        self._projects = projects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = scope["path"].removeprefix("/projects/") if scope["path"].startswith("/projects/") else ""
            try:
                scope["storage_project"] = self._projects[named.partition("/")[0]]
            except errors.StorageError as problem:
                await problem.answer()(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _FaultyWhenOrdered:
    """Serves as ordered the requests that a test has chosen to go wrong."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = scope["storage_project"].faults.next_for(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await serve_faulty(fault, self._app, scope, receive, send)
