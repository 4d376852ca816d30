"""What composites wait for: layers that have not passed, components that are not in development, and who needs them.

Looks and writes nothing. Whether a composite goes is decided by its plan alone, with the same directory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from typing import Any
from uuid import uuid4

from asset_registry_pipeline.registry.composites import (
    MAXIMUM_COMPONENTS,
    MINIMUM_COMPONENTS,
    Component,
    Reference,
    read_components,
    resolve,
    structural_breach,
)
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.profiles import ALL_COMPONENTS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.stages import APPLY
from asset_registry_pipeline.steps.directory import (
    MOST_REMEMBERED,
    Components,
    open_components,
    references_of,
)
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.gates import Gate
from migration_kit.tally import Tally

_COMPOSITES = COMPOSITE_LAYERS[0]
_CHUNK = 1_000
_MOST_TEXTS = 200_000
"""Texts that a process keeps: some 50 MB."""
_WAITING_STATES = (State.HELD, State.EXCLUDED)


@dataclass(frozen=True)
class Numbers:
    """Composites of staging: whose components are all there, that wait for some, whose references cannot be used."""

    complete: int = 0
    waiting: int = 0
    unusable: int = 0

    def __add__(self, other: "Numbers") -> "Numbers":
        return Numbers(
            self.complete + other.complete, self.waiting + other.waiting, self.unusable + other.unusable
        )


@dataclass(frozen=True)
class Blocker:
    """A component that composites wait for: why it is not there, and how many wait. `layer` None where unknown."""

    component: str
    layer: str | None
    why: str
    composites: int


@dataclass(frozen=True)
class Prerequisites:
    """What composites need. `tally`: composites by what they miss, for as long as `looking` lasts."""

    gate: Gate
    barrier: str
    numbers: Numbers
    tally: Tally = field(repr=False)

    @property
    def refused(self) -> bool:
        """Whether composites may not go at all, because a layer has not passed."""
        return self.barrier == ALL_COMPONENTS and not self.gate.open


@contextmanager
def looking(registry: Registry) -> Iterator[Prerequisites]:
    """Go through staging's composites once and see which of them have all their components in development."""
    gate = registry.ledger.gate(APPLY, BARRIER_LAYERS)
    numbers = Numbers()
    with Tally() as tally:
        look = partial(_look_at_range, look=uuid4().hex)
        # Most of the work is to look each component up once, which each process would do for itself.
        for found, missing in spread(registry, _COMPOSITES, look, light=True):
            numbers += found
            tally.add(missing)
        yield Prerequisites(gate, registry.profile.barrier, numbers, tally)


def blockers(registry: Registry, seen: Prerequisites) -> Iterator[Blocker]:
    """What blocks composites, that which blocks most of them first, streamed."""
    for chunk in chunked(seen.tally.most_first(), _CHUNK):
        keys = [key for key, _ in chunk]
        directory = open_components(registry).leading_to(_by(key) for key in keys)
        called = {
            key: row
            for row in registry.workspace.snapshot_called(keys)
            for key in (row.item, row.name, row.nna_address)
            if key
        }
        for key, composites in chunk:
            known = called.get(key)
            layer = known.layer if known else _by(key).layer
            yield Blocker(known.label if known else key, layer, directory.why_missing(key).why, composites)


def unblocked(registry: Registry) -> Iterator[str]:
    """The items of composites that were held, or left behind with a component, and whose components are there by now.

    None while the barrier would refuse them all the same.
    """
    if registry.profile.barrier == ALL_COMPONENTS and not registry.ledger.gate(APPLY, BARRIER_LAYERS).open:
        return
    components = open_components(registry)
    entries = registry.ledger.entries(partition=_COMPOSITES, states=_WAITING_STATES)
    for chunk in chunked((entry for entry in entries if entry.detail.get("missing")), _CHUNK):
        wanted = {
            entry.item: read_components(one["reference"] for one in entry.detail["missing"])
            for entry in chunk
        }
        there = components.there(_keys(chain.from_iterable(wanted.values())))
        for item, references in wanted.items():
            if not resolve(references, there.get).missing:
                yield item


def _by(key: str) -> Reference:
    return Reference((key,), key)


def _keys(references: Iterable[Reference]) -> list[str]:
    return list({key for reference in references for key in reference.keys})


class _Seen:
    """What one look has seen so far: the component that a key leads to, the item that a plain text does; None for none.

    Nearly all composites are built from what was seen before, and are then told by their texts alone.
    """

    def __init__(self) -> None:
        self._components: dict[str, Component | None] = {}
        self._items: dict[str, str | None] = {}

    def learn(self, components: Components, composites: Iterable[Mapping[str, Any]]) -> None:
        """See what the texts of some composites lead to that were not seen before."""
        if len(self._components) > MOST_REMEMBERED:
            self._components.clear()
        if len(self._items) > _MOST_TEXTS:
            self._items.clear()
        lists = (listed for parts in composites if isinstance(listed := parts.get("components"), list))
        texts = {text for listed in lists for text in listed if is_text(text)} - self._items.keys()
        told = {text: read_components([text]) for text in texts}
        self.look_up(components, told.values())
        self._items.update((text, self._item(references)) for text, references in told.items())

    def look_up(self, components: Components, composites: Iterable[Sequence[Reference]]) -> None:
        """Look up whatever these refer to and was not seen before."""
        unknown = [key for key in _keys(chain.from_iterable(composites)) if key not in self._components]
        self._components.update(dict.fromkeys(unknown))
        self._components.update(components.there(unknown))

    def find(self, key: str) -> Component | None:
        """The component that a key leads to, once it was looked up."""
        return self._components.get(key)

    def has_all(self, listed: Any) -> bool:
        """Whether a list is known to be that of a sound composite with all its components."""
        if not isinstance(listed, list) or not MINIMUM_COMPONENTS <= len(listed) <= MAXIMUM_COMPONENTS:
            return False
        try:
            items = {self._items[text] for text in listed}
        except (KeyError, TypeError):
            return False
        return len(items) == len(listed) and None not in items

    def _item(self, references: Sequence[Reference]) -> str | None:
        """The item of a text's component, where the text is one sound reference to one that is there."""
        if len(references) != 1 or references[0].layer not in (None, *REFERABLE_LAYERS):
            return None
        found = next((one for key in references[0].keys if (one := self.find(key)) is not None), None)
        return found.item if found is not None else None


@lru_cache(maxsize=1)
def _seen(settings: Settings, look: str) -> _Seen:  # noqa: ARG001 - whose look it is
    return _Seen()


def _look_at_range(
    registry: Registry, layer: str, within: IdRange, *, look: str
) -> tuple[Numbers, dict[str, int]]:
    components, seen = open_components(registry), _seen(registry.settings, look)
    complete = waiting = unusable = 0
    missing: Counter[str] = Counter()
    for chunk in chunked(_parts(registry, layer, within), _CHUNK):
        new = [parts for parts in chunk if not seen.has_all(parts.get("components"))]
        seen.learn(components, new)
        rest = [_references(parts) for parts in new if not seen.has_all(parts.get("components"))]
        complete += len(chunk) - len(rest)
        seen.look_up(components, rest)
        for references in rest:
            resolution = resolve(references, seen.find)
            if structural_breach(references, resolution.components):
                unusable += 1
            elif resolution.missing:
                waiting += 1
                missing.update({reference.key for reference in resolution.missing})
            else:
                complete += 1
    return Numbers(complete, waiting, unusable), dict(missing)


def _references(parts: Mapping[str, Any]) -> tuple[Reference, ...]:
    return references_of(SourceDocument(item="", layer=_COMPOSITES, source_hash="", size=0, body=parts))


def _parts(registry: Registry, layer: str, within: IdRange) -> Iterator[Mapping[str, Any]]:
    """What composites say they are built from: no more of them is read, save in place, where all of it may be older."""
    fields = None if registry.in_place else ("components", "name")
    for raw in registry.staging.raw(layer, within, fields=fields):
        yield codec.decoded(raw) or {}
