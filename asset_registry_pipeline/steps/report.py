"""The report: progress per layer, the accounting of a batch, findings and problems; asked anew, never assumed.

Numbers are kept in memory, what there may be very many of is streamed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.late_findings import found_by_outcome
from asset_registry_pipeline.registry.layers import LAYER_NAMES, MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.registry.stages import VERIFY
from asset_registry_pipeline.steps import accounting
from asset_registry_pipeline.steps.verify import CAN_CHANGE, standing_fingerprint
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress, Status
from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.chunks import chunked
from migration_kit.ledger import CHUNK, Entry
from migration_kit.mongo import transient_errors


@dataclass(frozen=True)
class MigrationReport:
    """A batch's result. `unverified` names each layer that is not verified, and why; empty means verified.

    `left`: by layer, how many documents that were migrated have left staging since.
    """

    accounting: Accounting
    layers: Mapping[str, Accounting]
    progress: tuple[Progress, ...]
    findings: tuple[Mapping[str, Any], ...]
    unverified: Mapping[str, str]
    left: Mapping[str, int]
    expected: int
    within_tolerance: bool
    seconds: float

    @property
    def verified(self) -> bool:
        """Whether every layer is verified as it stands now."""
        return not self.unverified

    @property
    def by_layer(self) -> list[dict[str, Any]]:
        """A row for each layer: how far it is, where its assets are, and whether that is verified."""
        return [
            {
                "layer": one.layer,
                "name": LAYER_NAMES[one.layer],
                "status": str(one.status),
                "assets": one.total,
                "in_development": one.migrated,
                "held": sum(self.layers[one.layer].held.values()),
                "excluded": sum(self.layers[one.layer].excluded.values()),
                "quarantined": one.failed,
                "left_staging": self.left.get(one.layer, 0),
                "verified": self.unverified.get(one.layer, "yes"),
            }
            for one in self.progress
        ]

    @property
    def in_development(self) -> int:
        """Documents of this migration that are in development."""
        return _in_development(self.accounting)


def compile_report(registry: Registry, *, batch: str) -> MigrationReport:
    """Put together what the ledger says of all layers.

    Raises:
        PermanentError: a document of the source has no outcome, or the source is empty.
    """
    began = registry.workspace.begin_batch(batch)
    unverified = _unverified(registry)
    layers = {
        layer: accounting.account_layer(registry, layer, batch=batch) for layer in (*MIGRATED_LAYERS, UNFILED)
    }
    total = sum(layers.values(), Accounting(0))
    require_balanced(total, where="all layers of the registry")
    profile = registry.profile
    return MigrationReport(
        accounting=total,
        layers={layer: each for layer, each in layers.items() if each.source or layer != UNFILED},
        progress=tuple(_progress(registry, layer, layers[layer]) for layer in MIGRATED_LAYERS),
        findings=tuple(_summed(registry)),
        unverified=unverified,
        left={layer: n for layer in MIGRATED_LAYERS if (n := sum(1 for _ in registry.workspace.left(layer)))},
        expected=sum(profile.expected.values()) or total.source,
        within_tolerance=profile.as_expected(MIGRATED_LAYERS, _in_development(total)),
        seconds=(datetime.now(UTC) - began).total_seconds(),
    )


def problems(registry: Registry) -> Iterator[Entry]:
    """What is not in development of all layers, streamed layer by layer."""
    return chain.from_iterable(accounting.problems(registry, layer) for layer in (*MIGRATED_LAYERS, UNFILED))


def conflicts(registry: Registry) -> Iterator[dict[str, Any]]:
    """What was ready and met something else in development, with the fields that differ; streamed."""
    for layer in MIGRATED_LAYERS:
        for entry in accounting.conflicts(registry, layer):
            fields = ", ".join(entry.detail.get("fields", ()))
            yield {**_named(entry), "differs_in": fields or entry.detail.get("by") or entry.detail.get("why")}


def waiting(registry: Registry) -> Iterator[dict[str, Any]]:
    """What is held, with what each document waits for; streamed."""
    for layer in MIGRATED_LAYERS:
        for entry in accounting.problems(registry, layer):
            if entry.state is State.HELD:
                yield {**_named(entry), "waits_for": _waits_for(entry)}


def left(registry: Registry) -> Iterator[dict[str, Any]]:
    """What was migrated and has left staging since; streamed."""
    for layer in MIGRATED_LAYERS:
        for row in registry.workspace.left(layer):
            yield {"layer": layer, "label": row.get("label"), "item": row["_id"]}


def findings(registry: Registry) -> Iterator[dict[str, Any]]:
    """All that inventories, planning and publishing found, one row for each document and kind; streamed."""
    yield from registry.workspace.findings()
    for finding in _late_findings(registry):
        row = {"_id": f"{finding.item}/{finding.kind}", **finding._asdict(), "effect": str(finding.effect)}
        yield {**row, "detail": masked(finding.detail)}


def _named(entry: Entry) -> dict[str, Any]:
    return {
        "layer": entry.partition,
        "label": entry.detail.get("label", entry.item),
        "item": entry.item,
        "reason": entry.reason,
    }


def _waits_for(entry: Entry) -> str:
    """What has to come or to be decided, as far as the outcome tells of it beside its reason."""
    if missing := entry.detail.get("missing"):
        return ", ".join(f"{one['reference']} ({one['why']})" for one in missing)
    if review := entry.detail.get("review"):
        return "; ".join(KINDS[kind][1] if kind in KINDS else str(kind) for kind in review)
    return str(entry.detail.get("why") or entry.reason or "")


def _unverified(registry: Registry) -> dict[str, str]:
    """Each layer whose newest reconciliation did not pass, or stands for something else than is there now."""
    gate = registry.ledger.gate(VERIFY, MIGRATED_LAYERS)
    unverified = {closed.partition: closed.why for closed in gate.closed}
    for layer, accepted in gate.accepted.items():
        if accepted != standing_fingerprint(registry, layer):
            unverified[layer] = f"{CAN_CHANGE} have changed since it was verified"
        elif _staging_changed(registry, layer):
            unverified[layer] = "staging has changed since it was verified"
    return unverified


def _staging_changed(registry: Registry, layer: str) -> bool:
    """Whether the newest inventory saw a document as another one than its outcome is of."""
    for chunk in chunked(registry.workspace.snapshot(layer), CHUNK):
        seen = {one.item: one.source_hash for one in chunk}
        with transient_errors("development"):
            if any(entry.source_hash != seen[entry.item] for entry in registry.ledger.entries(items=[*seen])):
                return True
    return False


def _in_development(counted: Accounting) -> int:
    return counted.migrated + counted.already_present


def _progress(registry: Registry, layer: str, counted: Accounting) -> Progress:
    """How far a layer is, with its numbers as they are counted now."""
    known = registry.progress.of(layer)
    return Progress(
        layer,
        total=counted.source,
        migrated=_in_development(counted),
        failed=sum(counted.quarantined.values()),
        status=known.status if known is not None else Status.PENDING,
        current=known.current if known is not None else None,
    )


def _late_findings(registry: Registry) -> Iterator[Finding]:
    """What only planning and publishing could find, streamed."""
    for entry in problems(registry):
        yield from found_by_outcome(entry.item, entry.partition, entry.reason, entry.detail)


def _summed(registry: Registry) -> Iterator[dict[str, Any]]:
    """Each kind that was found, the gravest first: how often, what it means, and an example."""
    counted = registry.workspace.findings_by_kind()
    for finding in _late_findings(registry):
        count, example = counted.get(finding.kind, (0, f"{finding.item} {finding.detail}".strip()))
        counted[finding.kind] = count + 1, example
    gravity = [*Effect]
    for kind, (count, example) in sorted(
        counted.items(), key=lambda entry: (-gravity.index(KINDS[entry[0]][0]), -entry[1][0])
    ):
        effect, meaning = KINDS[kind]
        yield {
            "kind": kind,
            "effect": str(effect),
            "count": count,
            "meaning": meaning,
            "example": example,
        }
