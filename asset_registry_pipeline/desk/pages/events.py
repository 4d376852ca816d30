"""Progress as it happens, by server-sent events: each event is the table of the dashboard, ready to be shown."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar

import anyio
from fastapi import APIRouter
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.state import Desk, desk_of

STREAM_LASTS = 300.0
"""Seconds: then the browser connects again by itself, and is asked again who it is."""
_SEND_WITHIN = 10.0
"""Seconds that a viewer may take for an event; one that is gone holds nothing."""

_END_WITHIN = 1.0
"""Seconds that a stream has to end by itself when the server stops: cut off, it would look like a fault."""

router = APIRouter()
T = TypeVar("T")


@router.get("/events/progress")
async def progress(request: Request) -> Response:
    """The progress of all layers, whenever it has changed."""
    stopping = anyio.Event()
    return EventSourceResponse(
        _events(desk_of(request), stopping),
        send_timeout=_SEND_WITHIN,
        shutdown_event=stopping,
        shutdown_grace_period=_END_WITHIN,
    )


async def _events(desk: Desk, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    until = time.monotonic() + STREAM_LASTS
    async with aclosing(desk.live.pictures()) as pictures:
        while (layers := await _next(pictures, stopping, until - time.monotonic())) is not None:
            yield ServerSentEvent(rendering.fragment("_progress.html", layers=layers), event="progress")


async def _next(pictures: AsyncGenerator[T, None], stopping: anyio.Event, seconds: float) -> T | None:
    """The next picture; None once the time is over or the server stops."""
    found: T | None = None
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:

            async def stop() -> None:
                await stopping.wait()
                group.cancel_scope.cancel()

            group.start_soon(stop)
            found = await anext(pictures)
            group.cancel_scope.cancel()
    return found
