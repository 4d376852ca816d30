"""Progress as it happens, by server-sent events: each event is the table of the dashboard, ready to be shown."""

import asyncio
import time
from collections.abc import AsyncIterator

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

router = APIRouter()


@router.get("/events/progress")
async def progress(request: Request) -> Response:
    """The progress of all layers, whenever it has changed."""
    return EventSourceResponse(_events(desk_of(request)), send_timeout=_SEND_WITHIN)


async def _events(desk: Desk) -> AsyncIterator[ServerSentEvent]:
    pictures = desk.live.pictures()
    until = time.monotonic() + STREAM_LASTS
    try:
        while (left := until - time.monotonic()) > 0:
            layers = await asyncio.wait_for(anext(pictures), left)
            yield ServerSentEvent(rendering.fragment("_progress.html", layers=layers), event="progress")
    except TimeoutError:
        return
    finally:
        await pictures.aclose()
