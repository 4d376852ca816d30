"""What the overview shows: how far each layer is, how its queue stands, who decided; asked as seldom as will do.

What goes through all items or all decisions is remembered for some seconds and asked by one at a time, whatever the
number of people who look on.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from asset_registry_pipeline.steps.curation import overviews
from asset_registry_pipeline.steps.curation.overview_model import Decider, LayerProgress
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress

QUEUE_EVERY = 5
"""Every so many looks the queue is counted in the place of progress: that reads an index of all its items."""
_REMEMBERED_SECONDS = 5.0
T = TypeVar("T")


class Remembered(Generic[T]):
    """What `read` told, for some seconds. Who comes while another one is asking gets what was known before."""

    def __init__(
        self,
        read: Callable[[], T],
        *,
        seconds: float = _REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._known: tuple[float, T] | None = None
        self._asking = threading.Lock()

    def get(self) -> T:
        """What is known, asked anew where that is too old."""
        known = self._known
        if known is not None and self._clock() - known[0] < self._seconds:
            return known[1]
        if known is not None and self._asking.locked():
            return known[1]
        with self._asking:
            if self._known is known:
                return self.renew()
        return self.get()

    def renew(self) -> T:
        """Ask anew, however new what is known is."""
        found = self._read()
        self._known = (self._clock(), found)
        return found


class Watched:
    """The state of all layers, and who decided what."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._looks = 0
        self._looked_at = 0.0
        self._rows: tuple[Progress, ...] | None = None
        self._counts: Remembered[dict[tuple[str, str], int]] = Remembered(registry.queue.counts)
        self._counted: dict[tuple[str, str], int] | None = None
        self._deciders: Remembered[tuple[Decider, ...]] = Remembered(lambda: overviews.deciders(registry))

    def layers(self) -> tuple[LayerProgress, ...]:
        """Progress as it is now, beside a queue that was counted within the last seconds."""
        return overviews.together(self._registry.progress.all(), self._counts.get())

    def deciders(self) -> tuple[Decider, ...]:
        """Who made the decisions that stood within the last seconds."""
        return self._deciders.get()

    def look(self) -> tuple[LayerProgress, ...] | None:
        """For one poller: ask one thing anew, never two; all that is known then, None until all has been asked.

        After a pause all of it is asked anew, so that nobody is shown as live what was seen hours ago.
        """
        if self._clock() - self._looked_at > _REMEMBERED_SECONDS:
            self._looks, self._rows, self._counted = 0, None, None
        self._looked_at = self._clock()
        if self._looks % QUEUE_EVERY == 1:
            self._counted = self._counts.renew()
        else:
            self._rows = self._registry.progress.all()
        self._looks += 1
        return (
            None
            if self._rows is None or self._counted is None
            else overviews.together(self._rows, self._counted)
        )
