"""A layer's work cut into ranges of `_id` and spread over processes; what the work is does not belong here.

A small layer is worked off here, in one range: a process costs more to start than it would save.
"""

import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from itertools import pairwise
from multiprocessing import get_context
from typing import TypeVar

from asset_registry_pipeline.stores.connections import Registry, opened
from asset_registry_pipeline.stores.id_ranges import WHOLE, IdRange
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.environment import positive_number
from migration_kit.failures import PermanentError, TransientError
from migration_kit.workers import bounded_map, item_executor

RANGE_DOCUMENTS = 2_500
SPREAD_FROM = 4_000
"""Documents of a layer from which on its ranges go to worker processes."""
LIGHT_RANGES = 16
"""Ranges from which on light work goes there, too."""

_WHERE_WORK_IS = tuple(
    f"asset_registry_pipeline.steps.{name}"
    for name in ("inventory", "plan", "prerequisites", "publishing", "verify")
)

R = TypeVar("R")
_process = ExitStack()


def spread(
    registry: Registry,
    layer: str,
    function: Callable[[Registry, str, IdRange], R],
    *,
    afresh: bool = False,
    light: bool = False,
) -> Iterator[R]:
    """Call `function(registry, layer, range)` for ranges that cover the layer; results as they come.

    In worker processes (REGISTRY_WORKERS of them, by default one a core) the registry is one of the process's own, the
    function has to be a module's (or a `partial` of one), and what it takes and returns picklable and small. The first
    error ends it. `afresh`: see `cut`. `light`: the work takes some microseconds a document, and pays for the processes
    only in many ranges.

    Raises:
        PermanentError: a worker found another profile or taxonomy than the registry has.
        TransientError: a worker process died.
    """
    ranges = cut(registry, layer, afresh=afresh)
    workers = positive_number("REGISTRY_WORKERS", registry.settings.workers, default=os.cpu_count() or 1)
    if len(ranges) < (LIGHT_RANGES if light else 2) or workers == 1:
        for each in ranges:
            with reference_counting():
                result = function(registry, layer, each)
            yield result
        return
    # What every worker needs is imported once, in the process that they are all forked from: it takes each of them
    # seven times as long to import it as to be forked and to connect.
    get_context("forkserver").set_forkserver_preload(["__main__", __name__, *_WHERE_WORK_IS])
    work = partial(_in_worker, registry.settings, _goes_by(registry), layer, function)
    try:
        with item_executor("process", workers) as executor:
            for _, future in bounded_map(executor, work, ranges, window=2 * workers):
                yield future.result()
    except BrokenExecutor as died:
        raise TransientError(
            "a worker process was ended from outside, as the system does where memory is short",
            item=f"layer {layer}",
            remedy="Set REGISTRY_WORKERS to fewer if it comes again; a new run takes up what is left",
        ) from died


def cut(registry: Registry, layer: str, *, afresh: bool = False) -> list[IdRange]:
    """Ranges of about RANGE_DOCUMENTS documents each that together cover every `_id`, whatever has come since.

    By what the newest inventory saw: to count a layer in staging, which has no index for that, all its documents are
    looked at. `afresh`: by staging itself all the same.
    """
    inventory = None if afresh else registry.workspace.inventory(layer)
    documents = inventory["documents"] if inventory else registry.staging.count(layer, most=SPREAD_FROM)
    if documents < SPREAD_FROM:
        return [WHOLE]
    marks = [*registry.workspace.marks_between(layer, RANGE_DOCUMENTS)] if inventory else []
    edges = [WHOLE.lower, *(marks or registry.staging.marks_between(layer, RANGE_DOCUMENTS)), WHOLE.upper]
    return [IdRange(lower, upper) for lower, upper in pairwise(edges)]


def _in_worker(
    settings: Settings,
    goes_by: tuple[str, str],
    layer: str,
    function: Callable[[Registry, str, IdRange], R],
    within: IdRange,
) -> R:
    registry = _own_registry(settings)
    # Each process reads them for itself: one layer's documents are never made by two of them.
    if _goes_by(registry) != goes_by:
        raise PermanentError(
            "the profile or the taxonomy was changed while it was worked on",
            item=f"layer {layer}",
            remedy="Materialise it again; after another taxonomy take the inventory first",
        )
    with reference_counting():
        return function(registry, layer, within)


def _goes_by(registry: Registry) -> tuple[str, str]:
    return registry.profile.digest, registry.taxonomy.pinned


@contextmanager
def reference_counting() -> Iterator[None]:
    """For a range of documents Python's search for cycles is put off: documents are trees, which need none.

    It would go through all that the process has loaded, again and again: up to half of the time of a range.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


@lru_cache(maxsize=1)
def _own_registry(settings: Settings) -> Registry:
    """This process's connections: opened with its first range, closed when it ends."""
    return _process.enter_context(opened(settings))
