"""What changes by itself while people look on: read once for all viewers of this process, and only while there are any.

What a picture shows belongs to its page; this is about who asks the database, and how often.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

from pymongo.errors import PyMongoError
from starlette.concurrency import run_in_threadpool

from migration_kit.failures import MigrationError

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Live(Generic[T]):
    """A picture that all viewers share. `read` asks for it (in a thread), once in `every` seconds at most.

    None from it means that there is nothing to be seen yet.
    """

    def __init__(
        self,
        read: Callable[[], T | None],
        *,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._every = every
        self._clock = clock
        self._sleep = sleep
        self._viewers = 0
        self._poller: asyncio.Task[None] | None = None
        self._asked_at: float | None = None
        self._picture: T | None = None
        self._number = 0
        self._changed = asyncio.Condition()

    @property
    def viewers(self) -> int:
        """How many look on now."""
        return self._viewers

    async def pictures(self) -> AsyncGenerator[T, None]:
        """The picture as it is now, then each one that differs from the one before; a slow viewer misses some."""
        self._viewers += 1
        if self._poller is None:
            # What was known when the last viewer left may be hours old.
            self._picture = None
            self._poller = asyncio.create_task(self._poll())
        seen = 0
        try:
            while True:
                async with self._changed:
                    while self._number == seen:
                        await self._changed.wait()
                    seen, picture = self._number, self._picture
                if picture is not None:
                    yield picture
        finally:
            self._viewers -= 1
            if not self._viewers and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        while True:
            if self._asked_at is not None:
                await self._sleep(max(0.0, self._asked_at + self._every - self._clock()))
            self._asked_at = self._clock()
            try:
                picture = await run_in_threadpool(self._read)
            except (PyMongoError, MigrationError) as error:
                # The next look may be luckier; viewers keep what they see.
                LOG.warning("progress could not be read: %s", error)
                continue
            if picture is not None and picture != self._picture:
                async with self._changed:
                    self._picture = picture
                    self._number += 1
                    self._changed.notify_all()
