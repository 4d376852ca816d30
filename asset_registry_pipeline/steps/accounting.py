"""The accounting of a layer, read back from the ledger for what the newest inventory saw; nothing is written."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from asset_registry_pipeline.registry.layers import UNFILED
from asset_registry_pipeline.registry.outcomes import FOUND_BY_PUBLISHING, IN_DEVELOPMENT, ended
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import WHOLE, IdRange
from migration_kit.accounting import Accounting, State
from migration_kit.chunks import chunked
from migration_kit.ledger import CHUNK, Entry
from migration_kit.mongo import transient_errors

Ended = Counter[tuple[State, str | None]]
"""Documents by the state and reason they ended with."""
_PROBLEMS = tuple(state for state in State if state not in IN_DEVELOPMENT)


def account_layer(registry: Registry, layer: str, *, batch: str | None = None) -> Accounting:
    """How many documents of the newest inventory ended where; records of documents that have left do not count.

    With `batch` it is what that batch did: what an earlier one migrated counts as already present.
    """
    work = partial(account_range, batch=batch)
    # What is of no layer is nowhere cut into ranges: it is little.
    parts = [work(registry, layer, WHOLE)] if layer == UNFILED else spread(registry, layer, work, light=True)
    documents = 0
    counts: Ended = Counter()
    for more, found in parts:
        documents += more
        counts.update(found)
    return Accounting.from_counts(documents, ((state, reason, n) for (state, reason), n in counts.items()))


def account_range(registry: Registry, layer: str, within: IdRange, *, batch: str | None) -> tuple[int, Ended]:
    """The same of a range: its documents, and how many ended where."""
    documents = 0
    counts: Ended = Counter()
    for chunk in chunked(registry.workspace.snapshot_items(layer, within), CHUNK):
        documents += len(chunk)
        with transient_errors("development"):
            for _, state, reason, by in registry.ledger.states(layer, chunk):
                counts[ended(state, by, batch), reason] += 1
    return documents, counts


def conflicts(registry: Registry, layer: str) -> Iterator[Entry]:
    """The queue of what was ready and could not be published; a later run takes up what has been repaired."""
    return (one for one in problems(registry, layer) if one.reason in FOUND_BY_PUBLISHING)


def problems(registry: Registry, layer: str) -> Iterator[Entry]:
    """The records of documents of the newest inventory that are not in development, streamed."""
    with transient_errors("development"):
        for chunk in chunked(registry.ledger.entries(partition=layer, states=_PROBLEMS), CHUNK):
            seen = registry.workspace.snapshot_of([entry.item for entry in chunk])
            yield from (entry for entry in chunk if entry.item in seen and seen[entry.item].layer == layer)
