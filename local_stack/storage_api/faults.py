"""Faults a test can order: answers that fail, hang or get lost, and stored bytes that go bad.

Nothing of this is reachable through the Storage API. A fault is ordered at `/control/...` with the
service-role key and applies to the next requests of one project that fit it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
    lost.
    """

    times: int
    kind: Literal["fail", "hang_up", "stall"] = "fail"
    done: bool = False
    status: int = 500
    html: bool = False  # as a gateway answers, not Storage
    seconds: float = 0.0
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
        return JSONResponse(body, self.status)


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
    if fault.done:
        await app(scope, receive, _nowhere)
    else:
        await _read_to_the_end(receive)
    if fault.kind == "hang_up":
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
