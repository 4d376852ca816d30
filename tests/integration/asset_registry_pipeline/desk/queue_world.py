"""A queue at the desk: a small world whose components and songs wait for curators, planned; and what a page holds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import QueueItem, Where
from asset_registry_pipeline.stores.connections import Registry
from tests.integration.asset_registry_pipeline.conftest import Steps
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, Person, desk_over

SOURCES = {"S": 30, "L": 3, "W": 2, "M": 2, "G": 12, "C": 8}
_FIELD = re.compile(r'<(?:input|textarea)\b[^>]*\bname="([^"]+)"[^>]*>(?:\n?([^<]*)</textarea>)?')
_VALUE = re.compile(r'\bvalue="([^"]*)"')


@dataclass(frozen=True)
class Queue:
    """The desk with a queue, and what a test does there as a browser would."""

    place: DeskPlace
    world: Any

    @property
    def registry(self) -> Registry:
        return self.place.state.registry

    def items(self, layer: str | None = None, **where: Any) -> list[QueueItem]:
        return list(curation.page(self.registry, Where(layer, **where), None, 200).items)

    def key(self, layer: str = "S", number: int = 0) -> str:
        """The key of an item that nobody has touched."""
        return self.items(layer)[number].key

    def a_fresh(self, layer: str = "S") -> str:
        """The key of an item that nobody has touched and nobody has been given by another test."""
        return self.items(layer)[-1].key

    @contextmanager
    def later(self, **span: float) -> Iterator[None]:
        """The desk's clock is ahead inside."""
        state = self.place.state
        self.place.app.state.desk = replace(state, clock=lambda: state.clock() + timedelta(**span))
        try:
            yield
        finally:
            self.place.app.state.desk = state

    def change_in_staging(self, key: str, **fields: Any) -> None:
        """Somebody changes the asset in staging."""
        name = key.split("|")[1]
        assert self.world.staging["assets"].update_one({"name": name}, {"$set": fields}).modified_count == 1

    def claimed(self, key: str, who: Person | None = None) -> str:
        """Claim an item through the desk; the page that shows it."""
        person = who or self.place.curator
        answer = person.post("/queue/claim", {"key": key})
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def look(self, key: str, who: Person | None = None) -> Any:
        return (who or self.place.curator).get(f"/queue/item?key={quote(key, safe='')}")

    def decide(self, key: str, who: Person | None = None, **said: Any) -> Any:
        """Send the form of an item as its page has it, with some fields filled in otherwise."""
        page = self.look(key, who).text
        return (who or self.place.curator).post("/queue/item/decide", {**form_of(page), **said})

    def decision(self, key: str) -> Any:
        return curation.item(self.registry, key).decision


def form_of(page: str) -> dict[str, str]:
    """What the form about an item holds, as a browser would send it: the last of `act` is chosen by a button."""
    found = re.search(r'<form id="decision".*?</form>', page, re.DOTALL)
    assert found, "the page has no form to decide with"
    fields: dict[str, str] = {}
    for tag in _FIELD.finditer(found[0]):
        name, text = tag[1], tag[2]
        value = _VALUE.search(tag[0])
        if 'type="radio"' in tag[0] or 'type="checkbox"' in tag[0]:
            if " checked" in tag[0] and name != "onward":
                fields[name] = unescape(value[1]) if value else "on"
        else:
            fields[name] = unescape(text if text is not None else value[1] if value else "")
    fields.pop("csrf_token", None)
    return fields


def world_of_a_queue(make_world: Any, **environment: str) -> Any:
    """A small world in which everything waits for its curator; `environment`: further variables."""
    world = make_world(layers=SOURCES, dirt=False)
    world.environment |= environment
    world.environment["REGISTRY_DECISIONS"] = ""
    world.use_profile(
        expected=SOURCES, curation={"components": "required", "songs": "required", "composites": "none"}
    )
    return world


@contextmanager
def queue_of(world: Any, *layers: str) -> Iterator[Queue]:
    """A desk over a world of which these layers are planned and asked about."""
    with world.steps() as steps:
        plan(steps, *layers)
    with desk_over(world) as place:
        yield Queue(place, world)


def plan(steps: Steps, *layers: str) -> None:
    """Plan layers and bring what they ask into the queue."""
    for layer in layers:
        steps.plan(layer)
        curation.refresh(steps.registry, layer)
