"""What is asked by night and after a failure: what arrived in staging, what is worth another run, what is verified.

Looks at staging, development and ledger; writes nothing. What Dagster knows of runs is handed in, and what may pass by
now is asked in `steps.waiting`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asset_registry_pipeline.registry.layers import (
    BARRIER_LAYERS,
    COMPOSITE_LAYERS,
    MIGRATED_LAYERS,
    UNFILED,
)
from asset_registry_pipeline.registry.stages import APPLY, BACKUP, INVENTORY, VERIFY
from asset_registry_pipeline.steps.verify import CAN_CHANGE, standing_fingerprint
from asset_registry_pipeline.steps.waiting import may_pass
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.fingerprints import fingerprint
from migration_kit.gates import Gate, Verdict, VerdictStatus, judge

REPORT = ""
"""Among what failed: the report, which has no partition."""
_NOT_BEGUN = "it has not been migrated yet: that is begun by hand"
_TAKEN_BACK = "it was rolled back: migrate it by hand if it is to come back"
_EMPTY = {"documents": 0, "newest": 0, "updates": 0}


@dataclass(frozen=True)
class Begun:
    """Layers that have been published, or tried to be, and those that a rollback took back since."""

    migrated: frozenset[str]
    taken_back: frozenset[str]

    def why_left_alone(self, layer: str) -> str | None:
        """Why nothing but a person's hand migrates a layer; None where it goes on by itself."""
        if layer in self.migrated:
            return None
        return _TAKEN_BACK if layer in self.taken_back else _NOT_BEGUN


@dataclass(frozen=True)
class Due:
    """Layers to be migrated anew, with why; those with a reason that are left alone, with why.

    `fingerprint` stands for what makes them due, and is empty where none is. `looked_at`: those of which staging holds
    what their newest inventory saw, so that they begin with their plan.
    """

    why: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    fingerprint: str
    looked_at: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Again:
    """What is to be run again, with reasons by layer; what failed and is left alone now; whether the report is due."""

    why: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    report: bool

    @property
    def layers(self) -> list[str]:
        """The layers to run again, in the order of the phases."""
        return [layer for layer in MIGRATED_LAYERS if layer in self.why]


@dataclass(frozen=True)
class Verified:
    """The gate before the report; where it is open, what it stands for and the run of the newest verdict."""

    gate: Gate
    fingerprint: str
    newest_run: str


def arrived(registry: Registry) -> Due:
    """What came to staging, left it or was updated there since each layer's newest inventory, told by its mark.

    Only of layers that have been migrated: who only looked, or took a layer back, is not overruled by the night.
    Composites follow where one of their component layers does.
    """
    marks, begun = registry.staging.marks(), begun_layers(registry)
    why: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, str] = {}
    for layer in MIGRATED_LAYERS:
        told = _told(marks.get(layer, _EMPTY), registry.workspace.inventory(layer))
        if told and (because := begun.why_left_alone(layer)):
            left_out[layer] = f"{told}; {because}"
        elif told:
            why[layer] = (told,)
    outside = _outside(registry, marks.get(UNFILED))
    if outside and begun.migrated and not why:
        # Every layer's inventory accounts for them; one is enough.
        why[next(layer for layer in MIGRATED_LAYERS if layer in begun.migrated)] = (outside,)
    with_composites(why, begun)
    stands = fingerprint([[layer, marks.get(layer)] for layer in sorted(why)] + [outside]) if why else ""
    return Due(why, left_out, stands)


def what_to_run_again(
    registry: Registry, failed: Mapping[str, Sequence[str]], busy: Mapping[str, str]
) -> Again:
    """Judges every layer. `failed`: assets whose newest run failed, by layer, in their order; `busy`: in work.

    A layer that nobody has begun has not failed; one that a rollback took back is not brought back by this.
    """
    closed, begun = _closed(registry), begun_layers(registry)
    why: dict[str, tuple[str, ...]] = {}
    left_out: dict[str, str] = {}
    for layer in MIGRATED_LAYERS:
        reasons = (
            *(f"the newest run failed at {asset}" for asset in failed.get(layer, ())[:1]),
            *closed.get(layer, ()),
            *(may_pass(registry, layer) if layer in begun.migrated else ()),
        )
        if reasons and layer in begun.taken_back:
            left_out[layer] = f"{'; '.join(reasons)}; {_TAKEN_BACK}"
        elif reasons:
            why[layer] = reasons
    with_composites(why, begun)
    left_out |= {layer: busy[layer] for layer in why if layer in busy}
    again = {layer: reasons for layer, reasons in why.items() if layer not in busy}
    if failed.get(REPORT) and not again and not left_out and REPORT not in busy:
        again[REPORT] = ("the newest report failed",)
    return Again(again, left_out, report=bool(again) and REPORT not in busy)


def verified(registry: Registry) -> Verified | None:
    """Whether every layer's newest reconciliation passed; None before the first migration."""
    verdicts = registry.ledger.verdicts(VERIFY)
    if not verdicts:
        return None
    gate = registry.ledger.gate(VERIFY, MIGRATED_LAYERS)
    newest = max(verdicts.values(), key=lambda verdict: verdict.at)
    stands = fingerprint(dict(gate.accepted)) if gate.open else ""
    return Verified(gate, stands, newest.run_id)


def _told(now: Mapping[str, int], seen: Mapping[str, Any] | None) -> str:
    """What differs between a layer of staging and its newest inventory; empty where nothing does."""
    if seen is None:
        return f"{_documents(now['documents'])} that no inventory has seen" if now["documents"] else ""
    before = seen.get("mark")
    if before is None:
        return "its newest inventory kept no mark of what it saw"
    if now == before:
        return ""
    more, parts = now["documents"] - before["documents"], []
    if more:
        parts.append(
            f"{_documents(abs(more))} {'more' if more > 0 else 'fewer'} than its newest inventory saw"
        )
    if now["newest"] > before["newest"]:
        parts.append(f"updated until {_time(now['newest'])}")
    return ", ".join(parts) or "other documents than its newest inventory saw"


def _time(milliseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "a time that no calendar has"


def _documents(number: int) -> str:
    return "1 document" if number == 1 else f"{number:,} documents"


def _outside(registry: Registry, now: Mapping[str, int] | None) -> str:
    """Of documents that name no layer of this migration: how many, where no inventory has seen them as they are."""
    inventories = [registry.workspace.inventory(layer) for layer in MIGRATED_LAYERS]
    if any(seen is not None and seen.get("outside") == now for seen in inventories):
        return ""
    return (
        f"{_documents((now or _EMPTY)['documents'])} outside the layers, other than before"
        if any(inventories)
        else ""
    )


def begun_layers(registry: Registry) -> Begun:
    """The layers that may be worked on unattended, and those that a person took back."""
    verdicts = registry.ledger.verdicts(APPLY)
    taken_back = {layer for layer, verdict in verdicts.items() if _is_taken_back(verdict)}
    return Begun(frozenset(verdicts.keys() - taken_back), frozenset(taken_back))


def _is_taken_back(verdict: Verdict) -> bool:
    return verdict.status is VerdictStatus.ROLLED_BACK


def _closed(registry: Registry) -> dict[str, list[str]]:
    """Why gates are closed, or verification is no longer true, of layers that came so far at all."""
    found: dict[str, list[str]] = {}
    for stage in (INVENTORY, BACKUP, APPLY, VERIFY):
        # Publications first: one that arrives between the two reads then closes the gate, never opens it.
        publications = registry.ledger.publications(stage)
        verdicts = {
            layer: verdict
            for layer, verdict in registry.ledger.verdicts(stage).items()
            if layer in MIGRATED_LAYERS and not _is_taken_back(verdict)
        }
        gate = judge(stage, sorted(verdicts), verdicts, publications)
        for closed in gate.closed:
            found.setdefault(closed.partition, []).append(f"{stage}: {closed.why}")
        for layer, accepted in gate.accepted.items() if stage == VERIFY else ():
            if accepted != standing_fingerprint(registry, layer):
                found.setdefault(layer, []).append(f"verify: {CAN_CHANGE} have changed since")
    return found


def with_composites(why: dict[str, tuple[str, ...]], begun: Begun) -> None:
    """Composites hold what their components bring: they follow every layer of these."""
    components = [layer for layer in BARRIER_LAYERS if layer in why]
    for layer in COMPOSITE_LAYERS:
        if components and layer in begun.migrated:
            why[layer] = (*why.get(layer, ()), f"built from {', '.join(components)}")
