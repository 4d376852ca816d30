"""What composites wait for: layers that have not passed, components that are not in development, and who needs them.

Looks and writes nothing. Whether a composite goes is decided by its plan alone, with the same directory.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from asset_registry_pipeline.registry.composites import (
    Reference,
    read_components,
    resolve,
    structural_breach,
)
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, COMPOSITE_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.profiles import ALL_COMPONENTS
from asset_registry_pipeline.registry.stages import APPLY
from asset_registry_pipeline.steps.directory import open_components, references_of
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.gates import Gate
from migration_kit.tally import Tally

_COMPOSITES = COMPOSITE_LAYERS[0]
_CHUNK = 1_000
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
    """What composites need. `tally`: composites by what they miss, for as long as `looking` lasts.

    `version`: the hash of development's components as they were looked at.
    """

    gate: Gate
    barrier: str
    numbers: Numbers
    version: str
    tally: Tally = field(repr=False)

    @property
    def refused(self) -> bool:
        """Whether composites may not go at all, because a layer has not passed."""
        return self.barrier == ALL_COMPONENTS and not self.gate.open


@contextmanager
def looking(registry: Registry) -> Iterator[Prerequisites]:
    """Go through staging's composites once and see which of them have all their components in development."""
    gate = registry.ledger.gate(APPLY, BARRIER_LAYERS)
    version = registry.development.fingerprint(sorted(REFERABLE_LAYERS))
    numbers = Numbers()
    with Tally() as tally:
        look = partial(_look_at_range, version=version)
        for found, missing in spread(registry, _COMPOSITES, look):
            numbers += found
            tally.add(missing)
        yield Prerequisites(gate, registry.profile.barrier, numbers, version, tally)


def blockers(registry: Registry, seen: Prerequisites) -> Iterator[Blocker]:
    """What blocks composites, that which blocks most of them first, streamed."""
    for chunk in chunked(seen.tally.most_first(), _CHUNK):
        keys = [key for key, _ in chunk]
        directory = open_components(registry, seen.version).leading_to(_by(key) for key in keys)
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
    components = open_components(registry, registry.development.fingerprint(sorted(REFERABLE_LAYERS)))
    entries = registry.ledger.entries(partition=_COMPOSITES, states=_WAITING_STATES)
    for chunk in chunked((entry for entry in entries if entry.detail.get("missing")), _CHUNK):
        wanted = {
            entry.item: read_components(one["reference"] for one in entry.detail["missing"])
            for entry in chunk
        }
        directory = components.leading_to(chain.from_iterable(wanted.values()))
        for item, references in wanted.items():
            if not resolve(references, directory.find).missing:
                yield item


def _by(key: str) -> Reference:
    return Reference((key,), key)


def _look_at_range(
    registry: Registry, layer: str, within: IdRange, *, version: str
) -> tuple[Numbers, dict[str, int]]:
    components = open_components(registry, version)
    complete = waiting = unusable = 0
    missing: Counter[str] = Counter()
    for chunk in chunked(registry.staging.read(layer, within), _CHUNK):
        composites = [references_of(source) for source in chunk]
        directory = components.leading_to(chain.from_iterable(composites))
        for references in composites:
            resolution = resolve(references, directory.find)
            if structural_breach(references, resolution.components):
                unusable += 1
            elif resolution.missing:
                waiting += 1
                missing.update({reference.key for reference in resolution.missing})
            else:
                complete += 1
    return Numbers(complete, waiting, unusable), dict(missing)
