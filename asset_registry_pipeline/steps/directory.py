"""What composites are resolved against: the components that development holds, and why others are not there.

They are looked up for a chunk of composites at once, and remembered as long as there is room: three songs stand behind
nearly all composites. Resolving and judging are the registry's rules.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar

from bson.objectid import ObjectId

from asset_registry_pipeline.registry import composites
from asset_registry_pipeline.registry.aggregation import FEATURE_FIELDS, Features, features_of
from asset_registry_pipeline.registry.composites import Component, Reference
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.outcomes import (
    CONFLICT,
    IN_DEVELOPMENT,
    SUPERSEDED,
    stays_in_development,
    written_by_migration,
)
from asset_registry_pipeline.registry.profiles import OWN_COMPONENTS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import NOT_IN_STAGING, Absence, Directory, absence_of
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.accounting import State
from migration_kit.ledger import Entry

T = TypeVar("T")

MOST_REMEMBERED = 60_000
"""Components that a process keeps: some 75 MB."""
_NAMED_BY = ("layer", "name", "nna_address")
_FEATURES = (*dict.fromkeys((*_NAMED_BY, *FEATURE_FIELDS)),)
_ABSENT, _NOT_YET = Absence(NOT_IN_STAGING), Absence("not migrated yet")


@dataclass(frozen=True, slots=True)
class _Known:
    component: Component
    features: Features


class Memory:
    """Components by the keys they were asked for, the first that came forgotten first.

    Not the least recently used: to keep track of that costs more than to look the few up again that are in all chunks.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def recall(self, keys: Iterable[str]) -> dict[str, _Known]:
        """What is known of these keys."""
        known = self._known
        return {key: known[key] for key in keys if key in known}

    def keep(self, found: Mapping[str, _Known]) -> None:
        """Remember what was looked up."""
        self._known.update(found)
        for key in list(islice(self._known, max(0, len(self._known) - MOST_REMEMBERED))):
            del self._known[key]


@dataclass(frozen=True)
class Components:
    """Development's components, open to be looked up; `against` are those that nothing may be built upon."""

    registry: Registry
    memory: Memory
    against: frozenset[str]

    def directory(self, sources: Sequence[SourceDocument]) -> Directory:
        """What the references of some composites lead to."""
        return self.leading_to([reference for source in sources for reference in references_of(source)])

    def leading_to(self, references: Iterable[Reference]) -> Directory:
        """What these references lead to."""
        keys = {key for reference in references for key in reference.keys}
        known = self.memory.recall(keys)
        looked_up = _look_up(
            self.registry, [key for key in keys if key not in known], _with_features, _FEATURES
        )
        self.memory.keep(looked_up)
        known |= looked_up
        there = self._to_be_built_upon({key: each.component for key, each in known.items()})
        features = {component.item: known[key].features for key, component in there.items()}

        @lru_cache(maxsize=1)
        def reasons() -> Mapping[str, Absence]:
            return _reasons(self.registry, [key for key in keys if key not in there])

        return Directory(
            find=there.get,
            features=features.__getitem__,
            why_missing=lambda key: reasons().get(key, _ABSENT),
        )

    def there(self, keys: Sequence[str]) -> Mapping[str, Component]:
        """Of these keys those that lead to a component that may be built upon; looked up now, nothing remembered."""
        return self._to_be_built_upon(_look_up(self.registry, keys, _without_features, _NAMED_BY))

    def _to_be_built_upon(self, known: Mapping[str, Component]) -> Mapping[str, Component]:
        """Without those that a curator has decided against.

        Where each composite waits for its own components, only those that the ledger says are in: they are only after
        the checks of their layer.
        """
        there = {key: each for key, each in known.items() if each.item not in self.against}
        if self.registry.profile.barrier != OWN_COMPONENTS:
            return there
        items = list({each.item for each in there.values()})
        recorded = self.registry.ledger.entries(items=items, states=(*IN_DEVELOPMENT, State.HELD))
        standing = {
            entry.item for entry in recorded if entry.state in IN_DEVELOPMENT or stays_in_development(entry)
        }
        return {
            key: each
            for key, each in there.items()
            if each.item in standing or each.layer not in BARRIER_LAYERS
        }


def open_components(registry: Registry, version: str | None = None) -> Components:
    """The components as they are in a `version`, a hash of all that stands in them: so long are they remembered.

    Without one nothing is remembered from before.
    """
    memory = Memory() if version is None else _memory(registry.settings, version)
    return Components(registry, memory, _not_to_be_built_upon(registry))


@lru_cache(maxsize=1)
def _memory(settings: Settings, version: str) -> Memory:  # noqa: ARG001 - what it is a memory of
    return Memory()


def references_of(source: SourceDocument) -> tuple[Reference, ...]:
    """What a composite says it is built from; nothing where that cannot be read."""
    try:
        return source.listed or source.named
    except composites.UnreadableReferenceError:
        return ()


def _look_up(
    registry: Registry,
    keys: Sequence[str],
    made_of: Callable[[Component, Mapping[str, Any]], T],
    fields: Sequence[str] | None = None,
) -> dict[str, T]:
    """Development's components by the keys that lead to one: an address before a name, a name before an `_id`.

    `fields`: those that `made_of` is given, all by default.
    """
    found: dict[str, T] = {}
    having = partial(registry.development.having, layers=sorted(REFERABLE_LAYERS), fields=fields)
    for by in ("nna_address", "name"):
        if rest := [key for key in keys if key not in found]:
            for component, document in _read(having(by, rest)):
                key = component.address if by == "nna_address" else component.name
                found[key] = made_of(component, document)
    if identifiers := [ObjectId(key) for key in keys if key not in found and ObjectId.is_valid(key)]:
        for component, document in _read(having("_id", identifiers)):
            found[component.item] = made_of(component, document)
    return found


def _read(raws: Iterable[bytes]) -> Iterator[tuple[Component, Mapping[str, Any]]]:
    """Components from their bytes; not those that lack what composites go by."""
    for raw in raws:
        document = codec.decoded(raw)
        if document is None or not is_text(document.get("name")) or not is_text(document.get("nna_address")):
            continue
        address = document["nna_address"]
        yield Component(codec.item_of(raw), document["layer"], document["name"], address), document


def _with_features(component: Component, document: Mapping[str, Any]) -> _Known:
    return _Known(component, features_of(document))


def _without_features(component: Component, _: Mapping[str, Any]) -> Component:
    return component


def _reasons(registry: Registry, keys: Sequence[str]) -> dict[str, Absence]:
    """Why each of these components is not to be had, as far as staging has it."""
    seen = registry.workspace.snapshot_called(keys)
    entries = {entry.item: entry for entry in registry.ledger.entries(items=[one.item for one in seen])}
    reasons: dict[str, Absence] = {}
    for one in seen:
        entry = entries.get(one.item)
        why = absence_of(str(entry.state), entry.reason, entry.detail) if entry else _NOT_YET
        for key in (one.nna_address, one.name, one.item):
            if key is not None:
                reasons[key] = why
    return reasons


def _not_to_be_built_upon(registry: Registry) -> frozenset[str]:
    """Components that stand in development, but a curator has decided against since, or others put there instead."""
    return frozenset(
        entry.item
        for layer in BARRIER_LAYERS
        for entry in registry.ledger.entries(partition=layer, states=[State.QUARANTINED])
        if _decided_against(entry) or (entry.reason == CONFLICT and not written_by_migration(entry))
    )


def _decided_against(entry: Entry) -> bool:
    absence = absence_of(str(entry.state), entry.reason, entry.detail)
    return entry.reason == SUPERSEDED and absence.verdict is not None
