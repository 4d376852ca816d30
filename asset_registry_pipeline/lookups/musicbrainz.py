"""MusicBrainz, which knows recordings and their releases, and the Cover Art Archive, which has pictures of releases.

https://musicbrainz.org/doc/MusicBrainz_API and https://musicbrainz.org/doc/Cover_Art_Archive/API: one request a second,
with a User-Agent that says whom to write to; too many are answered 503.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asset_registry_pipeline.lookups.answers import (
    Asking,
    ServiceFailedError,
    UnreadableAnswerError,
    listed,
    seconds_of,
    text_of,
)
from asset_registry_pipeline.lookups.fetching import FetchFailedError, UnfitContentError, fetch
from asset_registry_pipeline.lookups.limiter import Service
from asset_registry_pipeline.lookups.urls import Policy, RefusedUrlError
from asset_registry_pipeline.registry.song_matches import (
    Found,
    Quality,
    best_first,
    orders,
)
from asset_registry_pipeline.registry.song_names import without_credit
from asset_registry_pipeline.registry.song_titles import SongTitle

URL, COVER_ART_URL = "https://musicbrainz.org", "https://coverartarchive.org"
SERVICE = Service("MusicBrainz", 1, 1, {403: 900, 429: 60, 503: 10})
MOST_RECORDINGS, MOST_PICTURES = 10, 3
"""Recordings that are asked for, and releases whose pictures are: each is a request, one a second."""
_SIZES: tuple[tuple[str, Quality], ...] = (
    ("1200", "High"), ("500", "Medium"), ("large", "Medium"), ("250", "Low"), ("small", "Low"),
)  # fmt: skip
_LUCENE = re.compile(r'(["\\])')
_MBID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


@dataclass(frozen=True)
class Addresses:
    """Where it is asked, whom it may write to, and under which rules pictures are fetched."""

    url: str
    cover_art_url: str
    contact: str
    policy: Policy


def search(
    asking: Asking, asked_as: Service, places: Addresses, title: SongTitle, *, patience: float
) -> tuple[Found, ...]:
    """The songs that it finds for a title, those that fit best with a picture where their release has one.

    Raises:
        LockedOutError, ServiceFailedError, UnreadableAnswerError: as `Asking.json`; no recording is half looked up.
    """
    releases: dict[Found, str] = {}
    for order in orders(title):
        params = {"query": _query(order), "fmt": "json", "limit": str(MOST_RECORDINGS)}
        agent = f"asset-registry-migration/1 ( {places.contact} )"
        answer = asking.json(asked_as, f"{places.url}/ws/2/recording", params, patience=patience, agent=agent)
        for recording in listed("MusicBrainz", answer, "recordings"):
            for on_release, mbid in _releases(recording):
                releases.setdefault(on_release, mbid)
    found: list[Found] = []
    for place, one in enumerate(best_first(title, releases)):
        picture: tuple[str, Quality] = ("", "Medium")
        if place < MOST_PICTURES:
            picture = _front(asking, asked_as, places, releases[one], patience=patience)
        found.append(replace(one, artwork_url=picture[0], quality=picture[1]))
    return tuple(found)


def _query(title: SongTitle) -> str:
    song = f'recording:"{_escaped(without_credit(title.song or ""))}"'
    return f'{song} AND artist:"{_escaped(without_credit(title.artist))}"' if title.artist else song


def _escaped(text: str) -> str:
    return _LUCENE.sub(r"\\\1", text_of(text))


def _releases(recording: Mapping[str, Any]) -> Iterator[tuple[Found, str]]:
    """A recording on each of its releases; collections of many artists come last, they show somebody else's picture."""
    song, artist = text_of(recording.get("title")), _credit(recording.get("artist-credit"))
    length = seconds_of(recording.get("length"))
    releases = recording.get("releases")
    own = [one for one in releases if isinstance(one, dict)] if isinstance(releases, list) else []
    for release in sorted(own, key=_is_collection):
        mbid = text_of(release.get("id")).lower()
        if song and artist and _MBID.fullmatch(mbid):
            album = text_of(release.get("title"))
            yield Found(song, artist, album, "", "MusicBrainz", duration=length), mbid


def _is_collection(release: Mapping[str, Any]) -> bool:
    group = release.get("release-group")
    kinds = group.get("secondary-types") if isinstance(group, dict) else None
    return bool(kinds) or release.get("status") not in (None, "Official")


def _credit(credits_: object) -> str:
    """Names with what joins them, as they are printed: `Doechii feat. Kodak Black`."""
    if not isinstance(credits_, list):
        return ""
    parts = [one for one in credits_ if isinstance(one, dict)]
    return text_of("".join(f"{one.get('name') or ''}{one.get('joinphrase') or ''}" for one in parts))


def _front(
    asking: Asking, asked_as: Service, places: Addresses, mbid: str, *, patience: float
) -> tuple[str, Quality]:
    """The address of a release's front cover and its quality; no address where it has none."""
    asking.limiter.take(asked_as, patience=patience)
    try:
        fetched = fetch(f"{places.cover_art_url}/release/{mbid}", places.policy, types=None)
        images = listed("MusicBrainz", json.loads(fetched.data), "images")
    except UnfitContentError as unfit:
        if unfit.status == 404:
            return "", "Medium"
        if unfit.status in asked_as.lockouts:
            raise asking.limiter.lock_out(asked_as, unfit.status, None) from unfit
        raise UnreadableAnswerError(str(unfit), item="Cover Art Archive") from unfit
    except FetchFailedError as failed:
        if failed.status in asked_as.lockouts:
            wait = None if failed.retry_after is None else str(round(failed.retry_after))
            raise asking.limiter.lock_out(asked_as, failed.status, wait) from failed
        raise ServiceFailedError(str(failed), item="Cover Art Archive") from failed
    except RefusedUrlError as refused:
        raise UnreadableAnswerError(
            f"its list of pictures is {refused.reason}", item="Cover Art Archive"
        ) from refused
    except (ValueError, RecursionError) as error:
        raise UnreadableAnswerError("its list of pictures is no JSON", item="Cover Art Archive") from error
    front = next(
        (one for one in images if one.get("front") is True and one.get("approved") is not False), None
    )
    return _largest(front) if front else ("", "Medium")


def _largest(image: Mapping[str, Any]) -> tuple[str, Quality]:
    thumbnails = image.get("thumbnails")
    for size, quality in _SIZES:
        address = text_of(thumbnails.get(size)) if isinstance(thumbnails, dict) else ""
        if address:
            return _secure(address), quality
    # The original may have any size: it is fetched within the usual bounds, or refused by them.
    return _secure(text_of(image.get("image"))), "Medium"


def _secure(address: str) -> str:
    return f"https://{address[len('http://') :]}" if address.startswith("http://") else address
