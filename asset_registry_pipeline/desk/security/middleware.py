"""What surrounds every request: its id, the headers, the size of its body, and a fault that nobody foresaw."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asset_registry_pipeline.desk.problems import Problem

LOG = logging.getLogger("asset_registry_pipeline.desk.requests")
LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of a request; a description has a few thousand."""
LARGEST_UPLOAD = 32 * 1024 * 1024
"""Bytes of a CSV of decisions: 100,000 of them have about 20 million."""
UPLOADS = ("/decisions/import", "/api/migration/decisions")

Shown = Callable[[Request, Problem], Response]


class Surroundings:
    """Around the whole app. `shown` makes a problem a reply; `headers` are added where a reply has none of its own."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str], shown: Shown) -> None:
        self._app = app
        self._headers = headers
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.id = secrets.token_hex(6)
        began, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request.state.id
            await send(message)

        try:
            await self._app(scope, _limited(scope, receive), send_with_headers)
        except Problem as problem:
            await self._shown(request, problem)(scope, receive, send_with_headers)
        except Exception:
            LOG.exception("request %s: %s %s failed", request.state.id, scope["method"], scope["path"])
            if status:
                raise  # half a reply is on its way: the connection has to break
            await self._shown(request, unforeseen(request))(scope, receive, send_with_headers)
        finally:
            _note(request, status, time.perf_counter() - began)


def unforeseen(request: Request) -> Problem:
    """What a person is told of a fault that nobody foresaw: nothing of it, but the id under which the log has it."""
    return Problem(
        500,
        "internal_error",
        "Something went wrong in the desk itself",
        f"Try again; if it stays, tell the person on call the number {request.state.id}, under which the log has it",
    )


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The body of a request, refused where it grows larger than any that the desk has a use for."""
    largest = LARGEST_UPLOAD if scope["path"] in UPLOADS else LARGEST_BODY
    too_large = Problem(
        413, "too_large", f"The request is larger than {largest // 1024 // 1024} MB", "Send less at once"
    )
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > largest:
        raise too_large
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        if received > largest:
            raise too_large  # again: after the end of a body the server would wait for more
        message = await receive()
        received += len(message.get("body", b""))
        if received > largest:
            raise too_large
        return message

    return receive_limited


def _note(request: Request, status: int, seconds: float) -> None:
    user = getattr(request.state, "user", None)
    LOG.info(
        "%s %s %s %s %d ms %s",
        request.state.id,
        request.method,
        # A path may hold line breaks, which would forge lines of the log.
        request.url.path.encode("unicode_escape").decode(),
        status or "-",
        round(seconds * 1000),
        user.name if user else "-",
    )
