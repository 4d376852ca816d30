"""Looking up album art for a song: iTunes first, MusicBrainz where iTunes has nothing that fits; answers are kept.

What is found is offered; what becomes of it is decided elsewhere. A service that may not be asked, or failed, is told
as that, never as "no match".
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from asset_registry_pipeline.lookups import itunes, musicbrainz
from asset_registry_pipeline.lookups.answers import (
    Asking,
    ServiceFailedError,
    UnreadableAnswerError,
    client_for,
    service_url,
    text_of,
)
from asset_registry_pipeline.lookups.cache import LookUpCache
from asset_registry_pipeline.lookups.limiter import Clock, Limiter, LockedOutError
from asset_registry_pipeline.lookups.urls import Policy, policy_of
from asset_registry_pipeline.registry.song_matches import ArtCandidate, Found, candidates, orders
from asset_registry_pipeline.registry.song_titles import SongTitle
from asset_registry_pipeline.stores.settings import Settings
from migration_kit import environment

if TYPE_CHECKING:
    from pymongo.database import Database

PATIENCE = 180.0
"""Seconds that an unattended look-up waits for its turn at a service; a curator who looks on waits less."""


class LookUpState(StrEnum):
    """How a look-up ended. Only `STRONG` is taken unattended; `NONE` only where everybody has answered."""

    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"
    FAILED = "failed"
    LOCKED_OUT = "locked_out"
    OFF = "off"


@dataclass(frozen=True)
class LookUp:
    """What was found, the best first; how it ended, and why, told for a curator; `until`: when to ask again."""

    candidates: tuple[ArtCandidate, ...]
    state: LookUpState
    why: str
    until: datetime | None = None


class LookUps:
    """The music services as the settings name them. Nothing is opened before the first question; `close` at the end."""

    def __init__(
        self,
        settings: Settings,
        database: "Database[Any]",
        *,
        clock: Clock = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] | None = None,
        first_delay: float = 0.5,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._limiter = Limiter(database, clock=clock, **({"sleep": sleep} if sleep else {}))
        self._cache = LookUpCache(database)
        self._first_delay = first_delay
        self._opened = ExitStack()
        self._services: _Services | None = None
        self._lock = threading.Lock()

    def look_up(self, title: SongTitle, *, patience: float = PATIENCE, again: bool = False) -> LookUp:
        """Album art for a title. `again`: ask even where an answer is kept. `patience`: seconds to wait for a turn.

        Raises:
            PermanentError: a setting is wrong.
            TransientError: the database does not answer. Services that do not are told in the result.
        """
        if not self._settings.album_art_bucket.strip():
            return LookUp((), LookUpState.OFF, "ALBUM_ART_BUCKET is not set: songs go without album art")
        title = _plain(title)
        if not orders(title):
            return LookUp((), LookUpState.NONE, "The words name no song that could be looked up")
        found: list[Found] = []
        locked: list[LockedOutError] = []
        failed: list[Exception] = []
        for ask in (self._itunes, self._musicbrainz):
            try:
                found += ask(title, patience, again)
            except LockedOutError as error:
                locked.append(error)
            except (ServiceFailedError, UnreadableAnswerError) as error:
                failed.append(error)
            offered = candidates(title, found)
            if offered and offered[0].strong:
                return LookUp(offered, LookUpState.STRONG, offered[0].why)
        return _without_strong(offered, locked, failed, title)

    def close(self) -> None:
        """Close the connections."""
        self._opened.close()

    def __enter__(self) -> "LookUps":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _itunes(self, title: SongTitle, patience: float, again: bool) -> tuple[Found, ...]:  # noqa: FBT001
        known = self._open()
        return self._kept(
            title,
            {"service": known.itunes_url, "title": _asked(title)},
            lambda: itunes.search(
                known.asking, itunes.service(known.itunes_calls), known.itunes_url, title, patience=patience
            ),
            again=again,
        )

    def _musicbrainz(self, title: SongTitle, patience: float, again: bool) -> tuple[Found, ...]:  # noqa: FBT001
        known = self._open()
        if not known.musicbrainz.contact:
            return ()
        return self._kept(
            title,
            {
                "service": known.musicbrainz.url,
                "pictures": known.musicbrainz.cover_art_url,
                "title": _asked(title),
            },
            lambda: musicbrainz.search(
                known.asking, musicbrainz.SERVICE, known.musicbrainz, title, patience=patience
            ),
            again=again,
        )

    def _kept(
        self, title: SongTitle, asked: dict[str, Any], search: Callable[[], tuple[Found, ...]], *, again: bool
    ) -> tuple[Found, ...]:
        kept = None if again else self._cache.get(asked, self._clock())
        if kept is None:
            kept = search()
            # Other songs than the one that was asked for are no reason to miss it for a month once it is there.
            fits = any(one.strong for one in candidates(title, kept))
            self._cache.put(asked, kept, self._clock(), fits=fits)
        return kept

    def _open(self) -> "_Services":
        with self._lock:
            if self._services is None:
                services = _services(self._settings, self._limiter, self._first_delay)
                self._opened.callback(services.asking.client.close)
                self._services = services
            return self._services


@dataclass(frozen=True)
class _Services:
    """The services with their addresses, ready to be asked."""

    asking: Asking
    itunes_url: str
    itunes_calls: int
    musicbrainz: musicbrainz.Addresses


def _services(settings: Settings, limiter: Limiter, first_delay: float) -> _Services:
    policy: Policy = policy_of(settings)
    itunes_url = service_url("ITUNES_URL", settings.itunes_url, itunes.URL)
    places = musicbrainz.Addresses(
        url=service_url("MUSICBRAINZ_URL", settings.musicbrainz_url, musicbrainz.URL),
        cover_art_url=service_url("COVERART_URL", settings.coverart_url, musicbrainz.COVER_ART_URL),
        contact=settings.musicbrainz_contact.strip(),
        policy=policy,
    )
    calls = environment.positive_number(
        "ITUNES_PER_MINUTE", settings.itunes_per_minute, default=itunes.CALLS_A_MINUTE
    )
    client = client_for(policy, itunes_url, places.url)
    return _Services(Asking(client, limiter, first_delay), itunes_url, calls, places)


def _plain(title: SongTitle) -> SongTitle:
    """The title as it can be sent and kept: one line a part, nothing that no encoding knows, no novel."""
    song, album, artist = (text_of(part) or None for part in (title.song, title.album, title.artist))
    others = tuple(map(_plain, title.alternatives))
    return replace(title, song=song, album=album, artist=artist, alternatives=others)


def _asked(title: SongTitle) -> list[dict[str, Any]]:
    """What of a title is asked, in each of its readings: lines that name the same song share an answer."""
    return [{"song": one.song, "artist": one.artist, "album": one.album} for one in orders(title)]


def _without_strong(
    offered: tuple[ArtCandidate, ...],
    locked: list[LockedOutError],
    failed: list[Exception],
    title: SongTitle,
) -> LookUp:
    """How a look-up ended that found nothing to be taken unattended."""
    problems = "; ".join(str(error).rstrip(".") for error in (*locked, *failed))
    if locked:
        until = min((error.until for error in locked if error.until), default=None)
        return LookUp(offered, LookUpState.LOCKED_OUT, problems, until)
    if failed:
        return LookUp(offered, LookUpState.FAILED, problems)
    if offered:
        return LookUp(offered, LookUpState.WEAK, offered[0].why)
    named = " by ".join(filter(None, (title.song, title.artist)))
    return LookUp((), LookUpState.NONE, f"Nobody who was asked has a picture of '{named}'")
