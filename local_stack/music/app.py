"""The application: all services of the stand-in on one host, and below `/control` what tests order of it."""

from __future__ import annotations

from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local_stack.music.catalogue import Song, registry_songs
from local_stack.music.faults import Fault, serve_faulty
from local_stack.music.services import Shop, routes


def create_app() -> ASGIApp:
    """The application with the registry's songs and no faults."""
    return _Music()


class _Music:
    """Counts what is asked, and serves as ordered the requests that a test has chosen to go wrong."""

    def __init__(self) -> None:
        self._shop = Shop(registry_songs())
        self._faults: list[Fault] = []
        self._services = Starlette(routes=routes(self._shop))
        self._control = Starlette(
            routes=[
                Route("/control/faults", self._order, methods=["POST"]),
                Route("/control/songs", self._add, methods=["POST"]),
                Route("/control/asked", self._asked, methods=["GET"]),
                Route("/control", self._reset, methods=["DELETE"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith("/control"):
            await self._control(scope, receive, send)
            return
        place = path.split("/")[1]
        self._shop.asked[place] = self._shop.asked.get(place, 0) + 1
        fault = next((one for one in self._faults if one.fits(path)), None)
        if fault is not None:
            fault.times -= 1
            if await serve_faulty(fault, scope, receive, send):
                return
        await self._services(scope, receive, send)

    async def _order(self, request: Request) -> Response:
        self._faults.append(Fault(**await request.json()))
        return JSONResponse({"message": "ordered"})

    async def _add(self, request: Request) -> Response:
        song = Song(**await request.json())
        self._shop.songs.append(song)
        return JSONResponse(asdict(song) | {"mark": song.mark, "mbid": song.mbid})

    async def _asked(self, _request: Request) -> Response:
        return JSONResponse(self._shop.asked)

    async def _reset(self, _request: Request) -> Response:
        self._faults.clear()
        self._shop.asked.clear()
        self._shop.songs[:] = registry_songs()
        return JSONResponse({"message": "as at the start"})
