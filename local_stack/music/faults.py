"""Faults that a test can order: refusals, redirects, answers that never end or are none."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from local_stack.music import pictures

Kind = Literal[
    "fail", "malformed", "stall", "drip", "endless", "redirect", "html", "bomb", "compressed", "hang_up"
]
_CHUNK = bytes(64 * 1024)
_BODIES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "malformed": (lambda: b'{"resultCount":1,"results":[{"trackName":"Anx', "text/javascript"),
    "html": (lambda: b"<!doctype html><title>Sorry</title>", "image/jpeg"),
    "bomb": (pictures.bomb, "image/png"),
}
_BETWEEN_DRIPS_SECONDS = 0.05


@dataclass
class Fault:
    """What happens to the next `times` requests whose path contains `path`.

    `fail`: the answer has this `status`, and asks to come back after `retry_after` (seconds or a date). `malformed`:
    it is no JSON. `stall`: no answer for `seconds`. `drip`: a byte now and then, without an end; `endless`: all bytes
    there are. `redirect`: to `location`. `html`: a page in the place of a picture, said to be one. `bomb`: a picture
    of 900 million pixels. `compressed`: gzip of 100 MB. `hang_up`: the connection breaks within the answer.
    """

    times: int
    kind: Kind = "fail"
    path: str = ""
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    location: str = ""

    def fits(self, path: str) -> bool:
        """Whether a request for this path is one of those."""
        return self.times > 0 and self.path in path


class HangUp(Exception):  # noqa: N818 - not an error: it ends the connection, as ordered
    """Ends a request without a complete answer."""


async def serve_faulty(fault: Fault, scope: Scope, receive: Receive, send: Send) -> bool:
    """Answer as ordered; False where the right answer is to follow."""
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
        return False
    if fault.kind == "hang_up":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        raise HangUp
    await _answer(fault)(scope, receive, send)
    return True


def _answer(fault: Fault) -> Response:
    if fault.kind in ("drip", "endless"):
        return StreamingResponse(_drip() if fault.kind == "drip" else _endless(), media_type="image/jpeg")
    if fault.kind == "redirect":
        return Response(status_code=302, headers={"location": fault.location})
    if fault.kind == "compressed":
        return Response(_packed(), media_type="image/jpeg", headers={"content-encoding": "gzip"})
    if fault.kind in _BODIES:
        make, media_type = _BODIES[fault.kind]
        return Response(make(), media_type=media_type)
    wait = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
    return Response(f"{fault.status} as ordered".encode(), fault.status, wait)


@cache
def _packed() -> bytes:
    return gzip.compress(bytes(1_000_000)) * 100  # members one after the other are one stream


async def _drip() -> AsyncIterator[bytes]:
    while True:
        yield b"\xff"
        await asyncio.sleep(_BETWEEN_DRIPS_SECONDS)


async def _endless() -> AsyncIterator[bytes]:
    yield b"\xff\xd8\xff"
    while True:
        yield _CHUNK
        await asyncio.sleep(0)  # a client that has gone is noticed between two chunks only
