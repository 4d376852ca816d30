"""A queue that a plan of the small world has filled, curators who work on it, and a clock that they are handed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import Claim, Decided, Draft, ItemView, QueueItem, Where
from asset_registry_pipeline.stores.connections import Registry

ANN, BEN = Actor("ann", Role.CURATOR), Actor("ben", Role.CURATOR)
ADMIN, EDITOR = Actor("ada", Role.ADMIN), Actor("eve", Role.EDITOR)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCES = {"S": 8, "L": 4, "W": 2, "M": 2, "G": 4, "C": 12}


@dataclass
class Desk:
    """What curators do, on one open registry; `now` moves only when a test moves it."""

    world: Any
    steps: Any
    now: datetime = NOW
    layers: tuple[str, ...] = field(default=("S", "L", "W", "M", "G"))

    @property
    def registry(self) -> Registry:
        return self.steps.registry

    def plan(self, *layers: str) -> None:
        """Plan layers and bring what they ask into the queue."""
        for layer in layers:
            self.steps.plan(layer)
            curation.refresh(self.registry, layer)

    def queue(self, layer: str | None = None, **where: Any) -> list[QueueItem]:
        return list(curation.page(self.registry, Where(layer, **where), None, 200, now=self.now).items)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def view(self, key: str) -> ItemView:
        return curation.item(self.registry, key)

    def claim(self, key: str, who: Actor = ANN) -> Claim:
        return curation.claim(self.registry, who, key, self.now)

    def draft(self, key: str, words: str | None = "Words of a curator.", **said: Any) -> Draft:
        """A draft about an item as it is now."""
        view = self.view(key)
        verdict = said.pop("verdict", Verdict.EDIT if words else Verdict.APPROVE)
        return Draft(verdict, view.source_hash, view.revision, words, **said)

    def decide(self, key: str, words: str | None = "Words of a curator.", who: Actor = ANN, **said: Any) -> Decided:
        """Claim an item and decide it."""
        self.claim(key, who)
        return curation.decide(self.registry, who, key, self.draft(key, words, **said), self.now)

    @contextmanager
    def refused(self, code: str) -> Iterator[list[curation.CurationError]]:
        """What is done inside is refused with this code; the error."""
        told: list[curation.CurationError] = []
        with pytest.raises(curation.CurationError) as caught:
            yield told
        assert caught.value.code == code, caught.value
        told.append(caught.value)


@pytest.fixture
def desk(make_world: Any) -> Iterator[Desk]:
    """A world where every component and song waits for its curator, planned; no file of decisions."""
    world = make_world(layers=SOURCES, dirt=False)
    world.environment["REGISTRY_DECISIONS"] = ""
    world.use_profile(
        expected=SOURCES, curation={"components": "required", "songs": "required", "composites": "none"}
    )
    with world.steps() as steps:
        yield Desk(world, steps)
