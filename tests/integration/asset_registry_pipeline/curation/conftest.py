"""A queue that a plan of a small world has filled, curators who work on it, and a clock that they are handed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from pymongo import MongoClient

from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import Claim, Decided, Draft, ItemView, QueueItem, Where
from asset_registry_pipeline.stores.connections import Registry
from local_stack.stack import Servers
from tests.conftest import mongo_place
from tests.integration.asset_registry_pipeline.conftest import World, making_worlds

ANN, BEN = Actor("ann", Role.CURATOR), Actor("ben", Role.CURATOR)
ADA, EVE = Actor("ada", Role.ADMIN), Actor("eve", Role.EDITOR)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUIRED = {"components": "required", "songs": "required", "composites": "none"}


@dataclass
class Desk:
    """What curators do, on one open registry; `now` moves only where a test moves it."""

    world: Any
    steps: Any
    now: datetime = NOW
    taken: set[str] = field(default_factory=set)

    @property
    def registry(self) -> Registry:
        return self.steps.registry

    def plan(self, *layers: str) -> None:
        """Plan layers and bring what they ask into the queue."""
        for layer in layers:
            self.steps.plan(layer)
            curation.refresh(self.registry, layer)

    def queue(self, layer: str | None = None, **where: Any) -> list[QueueItem]:
        """The first 200 items of these."""
        return list(curation.page(self.registry, Where(layer, **where), None, 200, now=self.now).items)

    def another(self, layer: str = "S") -> str:
        """An open item that no test has had yet."""
        key = next(one.key for one in self.queue(layer) if one.key not in self.taken)
        self.taken.add(key)
        return key

    def row(self, key: str) -> Any:
        """The queue's row, whole."""
        return self.registry.queue.get(key)

    def view(self, key: str) -> ItemView:
        return curation.item(self.registry, key)

    def claim(self, key: str, who: Actor = ANN) -> Claim:
        return curation.claim(self.registry, who, key, self.now)

    def draft(self, key: str, words: str | None = "Words of a curator.", **said: Any) -> Draft:
        """A draft about an item as it is now."""
        view = self.view(key)
        verdict = said.pop("verdict", Verdict.EDIT if words else Verdict.APPROVE)
        return Draft(verdict, view.source_hash or "", view.revision, words, **said)

    def send(self, key: str, draft: Draft, who: Actor = ANN) -> Decided:
        return curation.decide(self.registry, who, key, draft, self.now)

    def decide(
        self, key: str, words: str | None = "Words of a curator.", who: Actor = ANN, **said: Any
    ) -> Decided:
        """Claim an item and decide it."""
        self.claim(key, who)
        return self.send(key, self.draft(key, words, **said), who)

    def rewrite(self, key: str, **changes: Any) -> None:
        """Somebody changes the item's document in staging."""
        identifier = self.row(key)["identifier"]
        self.world.staging["assets"].update_one({"_id": identifier}, {"$set": changes})


@contextmanager
def refused(code: str) -> Iterator[list[curation.CurationError]]:
    """What is done inside is refused with this code; the error is in the list afterwards."""
    told: list[curation.CurationError] = []
    with pytest.raises(curation.CurationError) as caught:
        yield told
    assert caught.value.code == code, caught.value
    assert caught.value.remedy
    told.append(caught.value)


def _prepared(world: Any, sources: dict[str, int]) -> None:
    world.environment["REGISTRY_DECISIONS"] = ""
    world.use_profile(expected=sources, curation=REQUIRED)


@pytest.fixture(scope="session")
def worlds(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    """Makes worlds in the same two databases, one after the other: to make collections takes longest."""
    folder = tmp_path_factory.mktemp("worlds")
    with (
        mongo_place(servers) as place,
        making_worlds(place, folder) as make,
        MongoClient[dict[str, Any]](place.uri) as client,
    ):

        def make_anew(**given: Any) -> World:
            client.drop_database(place.staging)
            development = client[place.development]
            for name in development.list_collection_names(filter={"type": "collection"}):
                if not name.startswith("system."):
                    development[name].delete_many({})
            return make(**given)

        yield make_anew


@pytest.fixture
def make_desk(worlds: Callable[..., World]) -> Iterator[Callable[..., Desk]]:
    """Make a desk of one's own, over a source of so many documents by layer."""
    with ExitStack() as stack:

        def make(**layers: int) -> Desk:
            sources = dict.fromkeys("SLWMGC", 2) | layers
            world = worlds(layers=sources, dirt=False)
            world.instance = stack.enter_context(dg.DagsterInstance.ephemeral())
            _prepared(world, sources)
            return Desk(world, stack.enter_context(world.steps()))

        yield make


@pytest.fixture(scope="session")
def shared_desk(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all tests that touch only items of their own."""
    sources = {"S": 120, "L": 4, "W": 2, "M": 2, "G": 14, "C": 30}
    with mongo_place(servers) as place, making_worlds(place, tmp_path_factory.mktemp("shared")) as make:
        world = make(layers=sources, dirt=False)
        _prepared(world, sources)
        with world.steps() as steps:
            desk = Desk(world, steps)
            desk.plan("S", "G")
            yield desk


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    """The shared desk, at the time at which every test begins."""
    shared_desk.now = NOW
    return shared_desk
