"""Faults a test can order: answers that fail, hang or get lost, and stored bytes that go bad.

Nothing of this is reachable through the Storage API. A fault is ordered at `/control/...` with the
service-role key and applies to the next requests of one project that fit it.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TEXTS = {
    429: ("too_many_connections", "SlowDown", "Too many connections issued to the database"),
    500: ("Internal", "InternalError", "Internal Server Error"),
    503: ("acquiring_lock_timeout", "LockTimeout", "acquiring lock timeout"),
    544: ("DatabaseTimeout", "DatabaseTimeout", "The connection to the database timed out"),
}


@dataclass
class Fault:
    """What happens to the next `times` requests that fit `method` and contain `path`.

    `fail`: the answer says so. `hang_up`: the connection breaks within the answer. `stall`: answered
    rightly, after `seconds`. With `done` the first two have their effect nevertheless: only the answer is
    lost. `cut`: the connection breaks when `after` bytes of the request's body have arrived. `spoil`: an
    upload is answered rightly (with `done`: as failed), but other bytes are stored. `retry_after`: seconds,
    for `fail`.
    """

    times: int
    kind: Literal["fail", "hang_up", "stall", "cut", "spoil"] = "fail"
    done: bool = False
    status: int = 500
    html: bool = False  # as a gateway answers, not Storage
    seconds: float = 0.0
    after: int = 0
    retry_after: int | None = None
    method: str | None = None
    path: str = ""

    def fits(self, scope: Scope) -> bool:
        """Whether this request is one of those."""
        return self.times > 0 and self.method in (None, scope["method"]) and self.path in scope["path"]

    def answer(self) -> Response:
        """The answer that says it failed."""
        if self.html:
            return HTMLResponse(f"<html><h1>{self.status} from a gateway</h1></html>", self.status)
        error, code, message = _TEXTS.get(self.status, ("Internal", "InternalError", "Internal Server Error"))
        body = {"statusCode": str(self.status), "error": error, "code": code, "message": message}
        wait = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return JSONResponse(body, self.status, wait)


@dataclass
class Faults:
    """The faults ordered for one project, the first that fits first."""

    ordered: list[Fault] = field(default_factory=list)

    def order(self, wish: Mapping[str, Any]) -> None:
        """Add a fault from its fields."""
        self.ordered.append(Fault(**wish))

    def next_for(self, scope: Scope) -> Fault | None:
        """The fault that hits this request, counted."""
        fault = next((fault for fault in self.ordered if fault.fits(scope)), None)
        if fault is not None:
            fault.times -= 1
        return fault


async def serve_faulty(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request with this fault."""
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
        await app(scope, receive, send)
        return
    if fault.kind == "spoil":
        await app(scope, receive, _after(_nowhere if fault.done else send, lambda: _spoil(scope)))
        if fault.done:
            await fault.answer()(scope, receive, send)
        return
    if fault.kind == "cut":
        with suppress(ClientDisconnect):
            await app(scope, _until(receive, fault.after), _nowhere)
        await _read_to_the_end(receive)
    elif fault.done:
        await app(scope, receive, _nowhere)
    else:
        await _read_to_the_end(receive)
    if fault.kind in ("hang_up", "cut"):
        # The web server closes a connection whose answer has begun and is not finished.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        raise HangUp
    await fault.answer()(scope, receive, send)


class HangUp(Exception):  # noqa: N818 - not an error: it ends the connection, as ordered
    """Ends a request without a complete answer."""


async def _nowhere(_message: Message) -> None:
    """An answer nobody will see."""


async def _read_to_the_end(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _until(receive: Receive, left: int) -> Receive:
    """A body that ends with a broken connection after this many bytes."""

    async def cut() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] != "http.request" or left <= 0:
            return {"type": "http.disconnect"}
        body = message.get("body", b"")[:left]
        left -= len(body)
        return {"type": "http.request", "body": body, "more_body": True}

    return cut


def _after(send: Send, effect: Callable[[], None]) -> Send:
    """Answers only when the effect has happened."""

    async def late(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
            effect()
        await send(message)

    return late


def _spoil(scope: Scope) -> None:
    """Flips a bit of the object that this request has uploaded."""
    _, _, address = scope["path"].partition("/object/")
    bucket, _, key = address.partition("/")
    scope["storage_project"].spoil(bucket, key)
