"""What songs are worked on with: who makes metadata, who is asked for pictures, decoders, the bucket.

What is made of a song with it is `enrichment`'s.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from asset_registry_pipeline.lookups.fetching import fetch, policy_of
from asset_registry_pipeline.providers import Provider, open_provider
from asset_registry_pipeline.steps.album_art import Cover, Failure, Picture, cover_of
from asset_registry_pipeline.steps.finding_covers import Means
from asset_registry_pipeline.steps.renditions import LIMITS
from asset_registry_pipeline.stores.album_art import CoverStore, open_covers
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.pictures.isolation import IsolatedWorkers, isolated_workers


class Workshop:
    """Each part is opened when the first song needs it, and `open_workshop` closes them all."""

    def __init__(self, registry: Registry, opened: ExitStack) -> None:
        self.registry = registry
        self._opened = opened

    @cached_property
    def provider(self) -> Provider:
        """Who makes metadata."""
        return self._opened.enter_context(open_provider(self.registry.settings))

    @cached_property
    def covers(self) -> CoverStore | None:
        """The bucket of the covers, where the settings name one."""
        return open_covers(self.registry.settings)

    @cached_property
    def _workers(self) -> IsolatedWorkers:
        limits = isolated_workers(1, seconds=LIMITS.max_seconds, memory=LIMITS.max_memory)
        return self._opened.enter_context(limits)

    @cached_property
    def _policy(self) -> Any:
        return policy_of(self.registry.settings)

    def means(self, *, again: bool) -> Means:
        """How album art is had; `again`: services are asked even where their answer is kept."""
        covers = self.covers
        bring = partial(self._bring, covers) if covers is not None else None
        return Means(partial(self.registry.look_ups.look_up, again=again), bring)

    def _bring(
        self, covers: CoverStore, picture: Picture, item: str, words_at: datetime | None
    ) -> Cover | Failure:
        return cover_of(
            picture, item=item, words_at=words_at, covers=covers, workers=self._workers, fetch=self._fetch
        )

    def _fetch(self, url: str) -> bytes:
        return fetch(url, self._policy).data


@contextmanager
def open_workshop(registry: Registry) -> Iterator[Workshop]:
    """A workshop for one run, closed at its end."""
    with ExitStack() as opened:
        yield Workshop(registry, opened)
