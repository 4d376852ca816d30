"""A synthetic asset registry with the real shape: staging in MongoDB, its taxonomy, and curators' decisions.

`fill` makes the demonstration's source (idempotent); `make_hostile` adds bad input for tests, apart from the counts.
For `make demo` and tests only: pipelines never import this package.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from local_stack.sources.registry import taxonomy
from local_stack.sources.registry.composites import Member, composites, member
from local_stack.sources.registry.decisions import DecisionsCsv
from local_stack.sources.registry.documents import Document, Made, components, songs
from migration_kit.chunks import chunked
from migration_kit.workers import bounded_map

if TYPE_CHECKING:
    from local_stack.sources.registry.hostile import Hostile

__all__ = ["REAL", "SMALL", "Filled", "fill", "make_hostile", "proportioned"]

REAL: Mapping[str, int] = MappingProxyType({"S": 88, "L": 156, "W": 76, "M": 58, "G": 34, "C": 1269})
"""Documents per layer in the real staging database: 1,681."""
SMALL: Mapping[str, int] = MappingProxyType({"S": 12, "L": 14, "W": 12, "M": 12, "G": 12, "C": 60})
"""The smallest numbers in which every kind of dirt has room; for tests."""
CHUNK = 1_000
MARKER = "local_stack_fill"
"""The collection that says what was made; it stands in staging, beside the assets."""


@dataclass(frozen=True)
class Filled:
    """What stands in staging after `fill`: documents per layer, decisions, and whether this call made it."""

    documents: int
    layers: Mapping[str, int]
    decisions: int
    made: bool


def fill(
    environment: Mapping[str, str],
    *,
    seed: int = 7,
    layers: Mapping[str, int] = REAL,
    dirt: bool = True,
) -> Filled:
    """Make the collections `assets` and `taxonomies` of staging and the CSV at REGISTRY_DECISIONS.

    Development is never touched. A second call with the same arguments changes nothing.
    With `REGISTRY_PROFILE=plan_000` a curator has decided every component, as that plan asks.

    Raises:
        ValueError: staging holds something else; it is never overwritten.
    """
    from pymongo import MongoClient

    recipe = {"seed": seed, "layers": dict(layers), "dirt": dirt}
    csv = DecisionsCsv(all_components=environment.get("REGISTRY_PROFILE") == "plan_000")
    made = csv.about(_make(seed, layers, dirt=dirt))
    with MongoClient[dict[str, Any]](environment["REGISTRY_STAGING_URI"]) as client:
        database = client[environment["REGISTRY_STAGING_DB"]]
        marker = database[MARKER].find_one({"_id": "registry"})
        if marker is not None and marker["recipe"] != recipe:
            raise ValueError(
                f"{database.name} was filled with {marker['recipe']}, not with {recipe}: use another"
            )
        fresh = marker is None or not marker.get("complete")
        if fresh:
            if marker is None and set(database.list_collection_names()) & {"assets", "taxonomies"}:
                raise ValueError(f"{database.name} holds assets that are not ours: use another database")
            # First: what a fill that is cut short leaves behind is ours, and is made anew.
            database[MARKER].replace_one({"_id": "registry"}, {"recipe": recipe}, upsert=True)
            database["assets"].delete_many({})
            tables = [{"_id": layer, "layer": layer, "version": taxonomy.VERSION, **entry}
                      for layer, entry in taxonomy.table().items()]  # fmt: skip
            database["taxonomies"].delete_many({})
            database["taxonomies"].insert_many(tables)
            _insert(database["assets"], (one.document for one in made))
            database[MARKER].update_one({"_id": "registry"}, {"$set": {"complete": True}})
        else:
            # Nobody decides about composites, the last and by far the most: they are not made for the CSV alone.
            deque(takewhile(lambda one: one.document["layer"] != "C", made), maxlen=0)
    path = Path(environment["REGISTRY_DECISIONS"])
    if not path.exists() or path.read_text(encoding="utf-8") != csv.text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(csv.text, encoding="utf-8")
    return Filled(sum(layers.values()), dict(layers), csv.rows, fresh)


def proportioned(documents: int) -> dict[str, int]:
    """So many documents in the real layers' proportions; what does not divide evenly are composites."""
    whole = sum(REAL.values())
    layers = {layer: documents * count // whole for layer, count in REAL.items()}
    return layers | {"C": layers["C"] + documents - sum(layers.values())}


def _make(seed: int, layers: Mapping[str, int], *, dirt: bool) -> Iterator[Made]:
    """Every document, streamed: of the components only what composites say of them is kept."""
    parts: dict[str, list[Member]] = {layer: [] for layer in "SLWMG"}
    for layer, members in parts.items():
        for one in (
            songs(seed, layers[layer], dirt=dirt)
            if layer == "G"
            else components(seed, layer, layers[layer], dirt=dirt)
        ):
            members.append(member(one, len(members)))
            yield one
    yield from composites(seed, layers["C"], parts, dirt=dirt)


def _insert(assets: Any, documents: Iterator[Document]) -> None:
    """Insert in chunks; while the server stores one, the next is made."""
    with ThreadPoolExecutor(1) as other:
        for _, inserted in bounded_map(other, assets.insert_many, chunked(documents, CHUNK), window=2):
            inserted.result()


def make_hostile(environment: Mapping[str, str]) -> tuple[Hostile, ...]:
    """Add bad input to the staging database of `environment`; what it is, in the order it was put there."""
    from local_stack.sources.registry import hostile

    return hostile.insert(environment)
