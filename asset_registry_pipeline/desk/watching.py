"""What the overview shows live: how far each layer is, and how its queue stands; one query a look, never two."""

from asset_registry_pipeline.steps.curation.model import LayerProgress
from asset_registry_pipeline.steps.curation.overviews import together
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress

QUEUE_EVERY = 5
"""Every so many looks the queue is counted in the place of progress: that reads an index of all its items."""


class Watched:
    """The newest known state of all layers. `look` renews a part of it, and is called by one poller."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._looks = 0
        self._rows: tuple[Progress, ...] | None = None
        self._counts: dict[tuple[str, str], int] | None = None

    def look(self) -> tuple[LayerProgress, ...] | None:
        """Ask one thing anew; all that is known then, None until all has been asked once."""
        if self._looks % QUEUE_EVERY == 1:
            self._counts = self._registry.queue.counts()
        else:
            self._rows = self._registry.progress.all()
        self._looks += 1
        return None if self._rows is None or self._counts is None else together(self._rows, self._counts)
