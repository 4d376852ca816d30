"""Taking in decisions that were recorded elsewhere: words are added or, on a changed source, replaced; never lost.

The one way for the file that a run is given and for text that somebody hands in at the desk.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.decisions_csv import RefusedRow
from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.checking import unstorable
from asset_registry_pipeline.steps.curation.recording import (
    CHUNK,
    Recording,
    in_transaction,
    store,
)
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores.audit import entry
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.decisions import Recorded
from migration_kit.chunks import chunked

ADDED, REPLACED, UNCHANGED = "added", "replaced", "unchanged"


@dataclass(frozen=True)
class Importer:
    """Who imports, when; with a `dry_run` it is only told what would be done."""

    actor: Actor
    now: datetime
    dry_run: bool = False


@dataclass(frozen=True)
class Imported:
    """What an import did with rows about one layer or all; `refused` tells which row and why, `taken` of the others."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    refused: tuple[Mapping[str, str], ...] = ()
    taken: tuple[tuple[str, str], ...] = ()


def take_in(
    registry: Registry,
    decisions: Sequence[Decision],
    bad_rows: Iterable[RefusedRow],
    layers: Sequence[str],
    by: Importer,
) -> Imported:
    """Store the decisions about some layers. Rows that cannot be used are told, and stop no other."""
    refused = [{"name": row.name, "why": f"line {row.line}: {row.why}"} for row in bad_rows]
    refused += [
        {"name": decision.name, "why": f"layer {decision.layer!r} has no decisions"}
        for decision in decisions
        if decision.layer not in BARRIER_LAYERS
    ]
    taken: list[tuple[str, str]] = []
    for layer in layers:
        about = [decision for decision in decisions if decision.layer == layer]
        # One look at staging serves all rows.
        hashes = _hashes(registry, layer, about)
        for chunk in chunked(about, CHUNK):
            for decision, outcome in _take_in_chunk(registry, chunk, hashes, by):
                if outcome in (ADDED, REPLACED, UNCHANGED):
                    taken.append((decision.name, outcome))
                else:
                    refused.append({"name": decision.name, "why": outcome})
    # What stands in the wrong column may be somebody's address.
    told = tuple({name: masked(text) for name, text in row.items()} for row in refused)
    outcomes = Counter(outcome for _, outcome in taken)
    return Imported(outcomes[ADDED], outcomes[REPLACED], outcomes[UNCHANGED], told, tuple(taken))


def _hashes(registry: Registry, layer: str, about: Sequence[Decision]) -> dict[str, str]:
    """The hashes of the documents that decisions are about, by their keys; without decisions nothing is read."""
    wanted = {decision.key for decision in about}
    if not wanted:
        return {}
    sources = ((decision_key(source), source.source_hash) for source in registry.staging.read(layer))
    return {key: source_hash for key, source_hash in sources if key in wanted}


def _take_in_chunk(
    registry: Registry,
    chunk: Sequence[Decision],
    hashes: Mapping[str, str],
    by: Importer,
) -> list[tuple[Decision, str]]:
    wrong = {decision.key: why for decision in chunk if (why := unstorable(decision))}
    about = [one for one in chunk if one.key in hashes and one.key not in wrong]
    judged: dict[str, str] = {}

    def once(session: Any) -> None:
        recorded = registry.decisions.recorded([one.key for one in about], session)
        judged.update({one.key: _judge(one, recorded.get(one.key), hashes[one.key]) for one in about})
        taken = [one for one in about if judged[one.key] in (ADDED, REPLACED)]
        if taken and not by.dry_run:
            recordings = [Recording(one, recorded.get(one.key)) for one in taken]
            store(registry, recordings, by.actor, by.now, session, looked_at_now=False)
            told = dict(Counter(judged[one.key] for one in taken))
            registry.audit.add([_told(by, taken[0].layer, told)], session)

    if about:
        in_transaction(registry, once)
    absent = "no such asset in staging"
    return [(one, wrong.get(one.key) or judged.get(one.key, absent)) for one in chunk]


def _told(by: Importer, layer: str, counts: Mapping[str, int]) -> dict[str, Any]:
    return entry(by.now, by.actor.name, str(by.actor.role), "imported", layer=layer, key=None, **counts)


def _judge(decision: Decision, before: Recorded | None, current: str) -> str:
    """What becomes of a decision: `added`, `replaced`, `unchanged`, or why it is not taken."""
    if before is None:
        return ADDED
    if before.withdrawn:
        return _judge_after_withdrawal(decision, before)
    standing = before.decision
    if standing == decision or any(one.decision == decision for one in before.history):
        # One that another has replaced since was taken in before; it does not come back.
        return UNCHANGED
    if standing.source_hash == current:
        return f"decided already at {standing.decided_at:%Y-%m-%d %H:%M} in other words; those stand"
    if decision.source_hash != current:
        return "decided on another version of staging than the present one; ask the curator again"
    return REPLACED


def _judge_after_withdrawal(decision: Decision, before: Recorded) -> str:
    """A decision that was taken back does not come back by a file that still holds it."""
    at = before.withdrawn_at
    if at is not None and decision.decided_at > at:
        return ADDED
    return f"what was decided was taken back at {at:%Y-%m-%d %H:%M}, and this is from before; decide it anew"
