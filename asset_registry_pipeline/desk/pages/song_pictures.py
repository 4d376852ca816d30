"""Pictures of candidates, fetched by the desk through the guarded fetch and handed on: no browser loads them elsewhere.

Kept in memory for a while, so that looking at them again costs nobody anything. What they are like inside is not looked
at: they go to an `img` as they are, under a policy by which nothing in them runs.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from asset_registry_pipeline.lookups.fetching import Fetched
from migration_kit.failures import TransientError

MOST_BYTES = 48_000_000
"""Of all pictures that are kept, together."""
_LARGEST_KEPT = 4_000_000
_AT_ONCE = 6
_WAITING = 18
"""Fetches that run at the same time, and pictures that may wait for one: the rest of the 40 threads serve pages."""
_PATIENCE = 10.0
"""Seconds that a picture waits for its turn."""


@dataclass(frozen=True)
class Picture:
    """The bytes of a picture, and their type as they were sniffed."""

    data: bytes
    content_type: str


class Pictures:
    """Pictures by their URL; `fetch` is the guarded fetch. Used by several threads at once."""

    def __init__(
        self,
        fetch: Callable[[str], Fetched],
        most_bytes: int = MOST_BYTES,
        *,
        at_once: int = _AT_ONCE,
        waiting: int = _WAITING,
    ) -> None:
        self._fetch = fetch
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._turns = threading.BoundedSemaphore(at_once)

    def get(self, url: str) -> Picture:
        """The picture at a URL, fetched where it is not kept.

        Raises:
            PermanentError: it may not be fetched, or is no picture.
            TransientError: its server cannot be reached, or too many are being fetched.
        """
        with self._lock:
            if url in self._kept:
                self._kept.move_to_end(url)
                return self._kept[url]
        with self._turn():
            fetched = self._fetch(url)
        picture = Picture(fetched.data, fetched.content_type)
        self._keep(url, picture)
        return picture

    @contextmanager
    def _turn(self) -> Iterator[None]:
        too_many = TransientError("too many pictures are being fetched", remedy="Try it again in a moment")
        if not self._places.acquire(blocking=False):
            raise too_many
        try:
            if not self._turns.acquire(timeout=_PATIENCE):
                raise too_many
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()

    def _keep(self, url: str, picture: Picture) -> None:
        if len(picture.data) > _LARGEST_KEPT:
            return
        with self._lock:
            before = self._kept.pop(url, None)
            self._kept[url] = picture
            self._size += len(picture.data) - (len(before.data) if before else 0)
            while self._size > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._size -= len(oldest.data)
