"""The report: progress per layer, the accounting of a batch, findings and problems; asked anew, never assumed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asset_registry_pipeline.registry.kinds import KINDS
from asset_registry_pipeline.registry.layers import LAYER_NAMES, MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.registry.outcomes import account
from asset_registry_pipeline.steps.verify import ledger_fingerprint
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.gates import VerdictStatus
from migration_kit.ledger import Entry

APPLY, VERIFY = "apply", "verify"
"""The gated stages, as the ledger's verdicts and publications name them."""
_PROBLEMS = (State.QUARANTINED, State.HELD, State.EXCLUDED)


@dataclass(frozen=True)
class MigrationReport:
    """A batch's result. `unverified` names each layer that is not verified, and why; empty means verified."""

    accounting: Accounting
    layers: Mapping[str, Accounting]
    progress: tuple[Mapping[str, Any], ...]
    findings: tuple[Mapping[str, Any], ...]
    all_findings: tuple[Mapping[str, Any], ...]
    problems: tuple[Entry, ...]
    unverified: Mapping[str, str]
    seconds: float

    @property
    def verified(self) -> bool:
        """Whether every layer is verified as it stands now."""
        return not self.unverified


def compile_report(registry: Registry, *, batch: str) -> MigrationReport:
    """Put together what the ledger says of all layers.

    Raises:
        PermanentError: a document of the source has no outcome, or the source is empty.
    """
    began = registry.workspace.begin_batch(batch)
    layers, problems, unverified = {}, [], _unverified(registry)
    for layer in (*MIGRATED_LAYERS, UNFILED):
        items = {seen.item: seen.source_hash for seen in registry.workspace.snapshot([layer])}
        entries = [entry for entry in registry.ledger.entries(partition=layer) if entry.item in items]
        layers[layer] = account(items, entries, batch=batch)
        if layer in MIGRATED_LAYERS and any(entry.source_hash != items[entry.item] for entry in entries):
            unverified.setdefault(layer, "staging has changed since it was verified")
        problems += [entry for entry in entries if entry.state in _PROBLEMS]
    total = sum(layers.values(), Accounting(0))
    require_balanced(total, where="all layers of the registry")
    findings = tuple(registry.workspace.findings())
    return MigrationReport(
        accounting=total,
        layers={layer: each for layer, each in layers.items() if each.source or layer != UNFILED},
        progress=tuple(_progress(registry, layer, layers[layer], unverified) for layer in MIGRATED_LAYERS),
        findings=tuple(_summed(findings)),
        all_findings=findings,
        problems=tuple(problems),
        unverified=unverified,
        seconds=(datetime.now(UTC) - began).total_seconds(),
    )


def _unverified(registry: Registry) -> dict[str, str]:
    gate = registry.ledger.gate(VERIFY, MIGRATED_LAYERS)
    unverified = {closed.partition: closed.why for closed in gate.closed}
    for layer, accepted in gate.accepted.items():
        if accepted != ledger_fingerprint(registry, layer):
            unverified[layer] = "outcomes have changed since it was verified"
    return unverified


def _progress(
    registry: Registry, layer: str, accounting: Accounting, unverified: Mapping[str, str]
) -> dict[str, Any]:
    """A layer in the plan's form."""
    verdict = registry.ledger.verdicts(APPLY).get(layer)
    done = accounting.migrated + accounting.already_present
    if verdict is not None and verdict.status is VerdictStatus.FAILED:
        status = "failed"
    elif layer not in unverified:
        status = "completed"
    else:
        status = "in-progress" if accounting.accounted else "pending"
    return {
        "layer": layer,
        "name": LAYER_NAMES[layer],
        "totalAssets": accounting.source,
        "migratedAssets": done,
        "failedAssets": sum(accounting.quarantined.values()),
        "status": status,
    }


def _summed(findings: tuple[Mapping[str, Any], ...]) -> list[dict[str, Any]]:
    counts = Counter(finding["kind"] for finding in findings)
    examples: dict[str, str] = {}
    for finding in findings:
        examples.setdefault(finding["kind"], f"{finding['item']} {finding['detail']}".strip())
    return [
        {
            "kind": kind,
            "effect": str(KINDS[kind][0]),
            "count": count,
            "meaning": KINDS[kind][1],
            "example": examples[kind],
        }
        for kind, count in sorted(counts.items(), key=lambda entry: (KINDS[entry[0]][0], -entry[1]))
    ]
