"""What the services answer: iTunes' search, MusicBrainz' recordings, the Cover Art Archive's lists, and pictures."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local_stack.music import pictures
from local_stack.music.catalogue import Song

_QUOTED = re.compile(r'(recording|artist):"((?:[^"\\]|\\.)*)"')
_SIZE = re.compile(r"(\d+)x(\d+)bb\.(?:jpg|png|webp)$")
_MOST_AT_MUSICBRAINZ = 100


class Shop:
    """The songs that are known now, and how often each service was asked for something."""

    def __init__(self, songs: Sequence[Song]) -> None:
        self.songs = list(songs)
        self.asked: dict[str, int] = {}

    def known(self, service: str) -> Iterable[Song]:
        """The songs that a service has."""
        return (song for song in self.songs if service in song.known_to)

    def release(self, mbid: str) -> Song | None:
        """The release of an identifier."""
        return next((song for song in self.songs if song.mbid == mbid), None)

    def picture(self, mark: str) -> Song | None:
        """The release whose picture has this mark."""
        return next((song for song in self.songs if song.mark == mark), None)


def routes(shop: Shop) -> list[Route]:
    """The addresses of all services. Their paths differ, so that one host serves them all."""

    async def itunes(request: Request) -> Response:
        words = _words(request.query_params.get("term", ""))
        found = [song for song in shop.known("itunes") if words and words <= _words(_all_of(song))]
        results = [_track(song, place, request) for place, song in enumerate(found[: _limit(request, 50)])]
        # As Apple's server: JSON that calls itself JavaScript, behind blank lines.
        body = JSONResponse({"resultCount": len(results), "results": results}).body
        return Response(b"\n\n\n" + bytes(body) + b"\n\n\n", media_type="text/javascript; charset=utf-8")

    async def recordings(request: Request) -> Response:
        if not request.headers.get("user-agent", ""):
            return JSONResponse({"error": "Your requests need a User-Agent."}, 403)
        asked = {
            name: _words(text.replace("\\", ""))
            for name, text in _QUOTED.findall(request.query_params["query"])
        }
        found = [
            song
            for song in shop.known("musicbrainz")
            if asked.get("recording")
            and asked["recording"] <= _words(song.song)
            and asked.get("artist", set()) <= _words(song.artist)
        ]
        limited = found[: _limit(request, 25)]
        body = {"created": "2025-09-01T10:00:00.000Z", "count": len(found), "offset": 0}
        return JSONResponse(body | {"recordings": [_recording(song) for song in limited]})

    async def release(request: Request) -> Response:
        song = shop.release(request.path_params["mbid"])
        if song is None or song.picture == "none":
            return JSONResponse({"error": "Not Found", "help": "For usage, please see the API page"}, 404)
        item = f"mbid-{song.mbid}"
        return RedirectResponse(f"/download/{item}/index.json", 307)

    async def front(request: Request) -> Response:
        mbid, name = request.path_params["mbid"], request.path_params["name"]
        return RedirectResponse(f"/download/mbid-{mbid}/mbid-{mbid}-{name}", 307)

    async def archived(request: Request) -> Response:
        song, name = shop.release(request.path_params["mbid"]), request.path_params["name"]
        if song is not None and name == "index.json":
            return JSONResponse(_images(song, request))
        size = re.search(r"-(250|500|1200)\.jpg$", name)
        return _picture(song, int(size[1]) if size else pictures.LARGEST)

    async def artwork(request: Request) -> Response:
        size = _SIZE.search(request.path_params["size"])
        song = shop.picture(request.path_params["mark"])
        return _picture(song, int(size[1])) if size else Response(status_code=404)

    return [
        Route("/search", itunes),
        Route("/ws/2/recording", recordings),
        Route("/release/{mbid}", release),
        Route("/release/{mbid}/{name}", front),
        Route("/download/mbid-{mbid}/{name}", archived),
        Route("/image/thumb/Music/v4/{mark}/source/{size}", artwork),
    ]


def _picture(song: Song | None, side: int) -> Response:
    if song is None or song.picture == "none":
        return Response(status_code=404)
    make = pictures.broken if song.picture == "broken" else pictures.jpeg
    return Response(
        make(song.mark, side), media_type="image/jpeg", headers={"cache-control": "max-age=86400"}
    )


def _track(song: Song, place: int, request: Request) -> dict[str, Any]:
    """A result as Apple words it, of what look-ups and the contract read."""
    number = int(song.mark[:8], 16)
    picture = f"{_host(request)}/image/thumb/Music/v4/{song.mark}/source"
    track: dict[str, Any] = {
        "wrapperType": "track", "kind": "song", "artistId": number % 10**9, "collectionId": number % 10**8,
        "trackId": number, "artistName": song.artist, "collectionName": song.album, "trackName": song.song,
        "trackNumber": place + 1, "trackTimeMillis": 150_000 + number % 90_000, "country": "USA", "currency": "USD",
        "primaryGenreName": "Pop", "releaseDate": "2025-03-04T12:00:00Z", "isStreamable": True,
    }  # fmt: skip
    if song.picture != "none":
        track |= {f"artworkUrl{size}": f"{picture}/{size}x{size}bb.jpg" for size in (30, 60, 100)}
    return track


def _recording(song: Song) -> dict[str, Any]:
    mark = song.mark[::-1]
    group: dict[str, Any] = {
        "id": song.mbid,
        "title": song.album,
        "primary-type": "Single" if "Single" in song.album else "Album",
    }
    if "Live" in song.album:
        group["secondary-types"] = ["Live"]
    return {
        "id": "-".join((mark[:8], mark[8:12], mark[12:16], mark[16:20], mark[20:32])),
        "score": 100,
        "title": song.song,
        "length": 150_000,
        "artist-credit": [{"name": song.artist, "artist": {"id": song.mbid, "name": song.artist}}],
        "first-release-date": "2025-03-04",
        "releases": [{"id": song.mbid, "title": song.album, "status": "Official", "release-group": group}],
    }


def _images(song: Song, request: Request) -> dict[str, Any]:
    number, host = int(song.mark[:8], 16), _host(request)
    picture = f"{host}/release/{song.mbid}/{number}"
    sizes = {"250": 250, "500": 500, "1200": 1200, "small": 250, "large": 500}
    return {
        "images": [
            {
                "approved": True, "front": True, "back": False, "types": ["Front"], "comment": "", "edit": 1,
                "id": number, "image": f"{picture}.jpg",
                "thumbnails": {name: f"{picture}-{side}.jpg" for name, side in sizes.items()},
            }
        ],
        "release": f"{host}/release/{song.mbid}",
    }  # fmt: skip


def _host(request: Request) -> str:
    return f"https://{request.headers['host']}"


def _limit(request: Request, default: int) -> int:
    text = request.query_params.get("limit", "")
    return min(int(text), _MOST_AT_MUSICBRAINZ) if text.isdigit() else default


def _all_of(song: Song) -> str:
    return f"{song.song} {song.artist} {song.album}"


def _words(text: str) -> set[str]:
    """The words that a search compares: without case, accents and signs."""
    apart = unicodedata.normalize("NFKD", text).casefold().replace("'", "")
    return set(re.findall(r"[^\W_]+", "".join(sign for sign in apart if not unicodedata.combining(sign))))
