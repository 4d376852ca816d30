"""The inventory: what staging holds of one layer, what is wrong with it, and how it compares to the expectation."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_registry_pipeline.registry.documents import SourceDocument, masked, type_name
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.kinds import Effect
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.registry.outcomes import written_mark
from asset_registry_pipeline.steps.sources import documents_fingerprint, found_in, read_layer
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.snapshot import as_found, as_row
from migration_kit.accounting import State
from migration_kit.ledger import Entry

if TYPE_CHECKING:
    import pandas as pd

ENVIRONMENT = "environment"
"""The layer under which findings about the surroundings are kept."""


@dataclass(frozen=True)
class Inventory:
    """What one layer holds: numbers, types per field (`census`), findings, and the hash of its documents.

    `usable`: of each document, by item and label, whether nothing was found that quarantines it.
    """

    layer: str
    documents: int
    bytes: int
    expected: int
    within_tolerance: bool
    fingerprint: str
    taxonomy: str
    census: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]
    usable: tuple[tuple[str, str, bool], ...]
    unfiled: int
    written: int

    def frame(self) -> "pd.DataFrame":
        """One row for each document, for the suite to judge."""
        import pandas as pd

        return pd.DataFrame(list(self.usable), columns=["item", "label", "usable"])

    @property
    def kinds(self) -> dict[str, int]:
        """How many findings of each kind, most first."""
        return dict(Counter(finding.kind for finding in self.findings).most_common())


def take(registry: Registry, layer: str, *, run_id: str, batch: str) -> Inventory:
    """Look at a layer of staging and keep what was seen in the migration's own collections.

    Raises:
        PermanentError: the layer is empty.
    """
    registry.ledger.install()
    registry.workspace.install()
    registry.workspace.begin_batch(batch)
    # First of all: what arrives while the layer is read makes a later mark another one.
    marks = registry.staging.marks()
    source = read_layer(registry, layer)
    expected = registry.profile.expected[layer]
    by_item = found_in(registry, source.documents)
    found = [finding for each in by_item.values() for finding in each]
    within = abs(len(source.documents) - expected) <= registry.profile.tolerance * expected
    written = registry.workspace.save_snapshot(
        layer, (as_row(document, by_item[document.item]) for document in source.documents)
    )
    around = [] if within else [_counts_off(layer, len(source.documents), expected)]
    around += [
        Finding(f"database-{number}", ENVIRONMENT, "legacy_database_name", "", text)
        for number, text in enumerate(registry.warnings)
    ]
    unfiled = _record_unfiled(registry, run_id=run_id, batch=batch)
    fingerprint = documents_fingerprint(source.documents)
    registry.workspace.save_inventory(
        layer,
        {
            "fingerprint": fingerprint,
            "around": as_found(around),
            "mark": marks.get(layer),
            "outside": marks.get(UNFILED),
            "documents": len(source.documents),
            "expected": expected,
            "taxonomy": registry.taxonomy.pinned,
            "profile": registry.profile.name,
        },
    )
    return Inventory(
        layer=layer,
        documents=len(source.documents),
        bytes=sum(document.size for document in source.documents),
        expected=expected,
        within_tolerance=within,
        fingerprint=fingerprint,
        taxonomy=registry.taxonomy.pinned,
        census=census(source.documents),
        findings=(*found, *around),
        usable=tuple(
            (
                document.item,
                document.label,
                all(finding.effect is not Effect.QUARANTINE for finding in by_item.get(document.item, ())),
            )
            for document in source.documents
        ),
        unfiled=unfiled,
        written=written,
    )


def census(documents: Iterable[SourceDocument]) -> dict[str, dict[str, int]]:
    """How many documents have which type in each field; documents that cannot be read count by themselves."""
    counts: dict[str, Counter[str]] = {}
    for document in documents:
        if document.body is None:
            counts.setdefault("(unreadable)", Counter())["document"] += 1
            continue
        for field, value in document.body.items():
            counts.setdefault(field, Counter())[type_name(value)] += 1
    return {field: dict(types.most_common()) for field, types in counts.items()}


def _counts_off(layer: str, documents: int, expected: int) -> Finding:
    detail = f"{documents} documents, {expected} expected"
    return Finding(f"layer-{layer}", ENVIRONMENT, "counts_off_the_expectation", "", detail)


def _record_unfiled(registry: Registry, *, run_id: str, batch: str) -> int:
    """Account for documents that name no layer of this migration; every layer's run does it, with one result."""
    documents = tuple(registry.staging.read(UNFILED))
    found = [_outside(document) for document in documents]
    registry.workspace.save_snapshot(
        UNFILED, (as_row(document, [finding]) for document, finding in zip(documents, found, strict=True))
    )
    entries = []
    for document, finding in zip(documents, found, strict=True):
        # One that was migrated before its layer was broken: what was written of it has to stay known.
        before = registry.ledger.entry(document.item)
        entries.append(
            Entry(
                item=finding.item,
                partition=UNFILED,
                state=State.QUARANTINED,
                reason=finding.reason,
                source_hash=document.source_hash,
                target_hash=before.target_hash if before else None,
                detail={"why": masked(finding.detail), "label": document.label[:200], **written_mark(before)},
                run_id=run_id,
                batch_id=batch,
            )
        )
    registry.ledger.record(entries)
    return len(documents)


def _outside(document: SourceDocument) -> Finding:
    layer = (document.body or {}).get("layer")
    detail = f"its layer is {str(layer)[:40]!r}, one of {', '.join(MIGRATED_LAYERS)} expected"
    return Finding(document.item, UNFILED, "outside_the_layers", "layer", document.unreadable or detail)
