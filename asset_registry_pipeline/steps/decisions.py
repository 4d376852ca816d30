"""Importing recorded decisions: curators' words are added or, on a changed source, replaced; never lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.files import load_decisions

_ATTEMPTS = 3


@dataclass(frozen=True)
class Imported:
    """What an import did with the file's rows about one layer; `refused` tells which row and why."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    refused: tuple[Mapping[str, str], ...] = ()


def import_decisions(registry: Registry, layer: str) -> Imported:
    """Import the file's decisions about a layer. Rows that cannot be used are told, and stop no other.

    Raises:
        PermanentError: the file cannot be read at all.
    """
    decisions, bad_rows = load_decisions(registry.decisions_path)
    refused = [{"name": row.name, "why": f"line {row.line}: {row.why}"} for row in bad_rows]
    about = [decision for decision in decisions if decision.layer == layer]
    refused += [
        {"name": decision.name, "why": f"layer {decision.layer!r} has no decisions"}
        for decision in decisions
        if decision.layer not in BARRIER_LAYERS
    ]
    outcomes = {"added": 0, "replaced": 0, "unchanged": 0}
    # One look at staging serves all rows.
    hashes = _hashes(registry, layer, about)
    standing = registry.decisions.among(list(hashes))
    new = [decision for decision in about if decision.key in hashes and decision.key not in standing]
    added = registry.decisions.add(new)
    for decision in about:
        current = hashes.get(decision.key)
        if current is None:
            outcome = "no such asset in staging"
        elif decision.key in added:
            outcome = "added"
        else:
            outcome = _settle(registry, decision, standing, current)
        if outcome in outcomes:
            outcomes[outcome] += 1
        else:
            refused.append({"name": decision.name, "why": outcome})
    # What stands in the wrong column may be somebody's address.
    told = tuple({name: masked(text) for name, text in row.items()} for row in refused)
    return Imported(**outcomes, refused=told)


def _hashes(registry: Registry, layer: str, about: Sequence[Decision]) -> dict[str, str]:
    """The hashes of the documents that decisions are about, by their keys; without decisions nothing is read."""
    wanted = {decision.key for decision in about}
    if not wanted:
        return {}
    sources = ((decision_key(source), source.source_hash) for source in registry.staging.read(layer))
    return {key: source_hash for key, source_hash in sources if key in wanted}


def _settle(registry: Registry, decision: Decision, known: Mapping[str, Decision], current: str) -> str:
    """Store one decision; `added`, `replaced`, `unchanged`, or why it was not taken."""
    standing = known.get(decision.key)
    for _ in range(_ATTEMPTS):
        if standing is None:
            if registry.decisions.add([decision]):
                return "added"
        elif standing == decision:
            return "unchanged"
        elif standing.source_hash == current:
            return f"decided already at {standing.decided_at:%Y-%m-%d %H:%M} in other words; those stand"
        elif decision.source_hash != current:
            return "decided on another version of staging than the present one; ask the curator again"
        elif registry.decisions.replace(standing, decision):
            return "replaced"
        # Someone else was quicker: look again at what stands now.
        standing = registry.decisions.among([decision.key]).get(decision.key)
    return "another writer kept changing this decision; run the import again"
