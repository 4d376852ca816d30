"""The inventory: what staging holds of one layer, what is wrong with it, and how it compares to the expectation.

Range by range of `_id`, in chunks; what documents have in common is found afterwards, in what was kept of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from asset_registry_pipeline.registry.documents import SourceDocument, masked, name_of_type
from asset_registry_pipeline.registry.findings import Finding, inspect
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.registry.outcomes import written_by_migration, written_mark
from asset_registry_pipeline.steps.directory import references_of
from asset_registry_pipeline.steps.needing import Needed, add_needed, count_needed
from asset_registry_pipeline.steps.sources import chunks, require_documents, told
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from asset_registry_pipeline.stores.snapshot import as_found, as_row
from migration_kit.accounting import State
from migration_kit.fingerprints import SetDigest
from migration_kit.ledger import Entry

ENVIRONMENT = "environment"
"""The layer under which findings about the surroundings are kept."""
OTHER_FIELDS = "(other fields)"
_MOST_FIELDS, _MOST_SHAPES = 200, 1_000
_LETTERS_OF_AN_ID = 24


@dataclass
class Tally:
    """What looking at a range or a layer adds up to; `kinds` counts documents, each once a kind.

    `needed`: of composites, what they refer to.
    """

    documents: int = 0
    bytes: int = 0
    written: int = 0
    digest: SetDigest = field(default_factory=SetDigest)
    census: dict[str, Counter[str]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    needed: Needed = field(default_factory=dict)

    def update(self, other: "Tally") -> None:
        """Take in what another range adds up to."""
        for name in ("documents", "bytes", "written"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.digest.update(other.digest)
        self.kinds.update(other.kinds)
        add_needed(self.needed, [other.needed])
        for name, types in other.census.items():
            self.count(name, types)

    def count(self, name: str, types: Mapping[str, int]) -> None:
        """Count types of a field; of a collection with ever new fields not every one gets a line."""
        known = name if name in self.census or len(self.census) < _MOST_FIELDS else OTHER_FIELDS
        self.census.setdefault(known, Counter()).update(types)


@dataclass(frozen=True)
class Inventory:
    """What one layer holds: numbers, types per field (`census`), kinds of findings, and the hash of its documents.

    `left`: documents that this migration has brought to development and that staging no longer has.
    """

    layer: str
    documents: int
    bytes: int
    expected: int | None
    within_tolerance: bool
    fingerprint: str
    taxonomy: str
    census: Mapping[str, Mapping[str, int]]
    kinds: Mapping[str, int]
    around: tuple[Finding, ...]
    unfiled: int
    left: int
    written: int


def take(registry: Registry, layer: str, *, run_id: str, batch: str) -> Inventory:
    """Look at a layer of staging and keep what was seen in the migration's own collections.

    Raises:
        PermanentError: the layer is empty.
    """
    registry.ledger.install()
    registry.workspace.install()
    registry.workspace.begin_batch(batch)
    # First of all: what arrives while the layer is read makes a later mark another one.
    marks = {each: registry.staging.mark(each) for each in (layer, UNFILED)}
    require_documents(registry, layer)
    tally = Tally()
    for each in spread(registry, layer, look, afresh=True):
        tally.update(each)
    tally.kinds.update(registry.workspace.mark_across(layer))
    within = registry.profile.as_expected(layer, tally.documents)
    expected = registry.profile.expected.get(layer)
    around = _around(registry, layer, None if within else f"{tally.documents} documents, {expected} expected")
    unfiled = _record_unfiled(registry, run_id=run_id, batch=batch)
    fingerprint = tally.digest.hexdigest()
    registry.workspace.save_inventory(
        layer,
        {
            "fingerprint": fingerprint,
            "around": as_found(around),
            "mark": marks.get(layer),
            "outside": marks.get(UNFILED),
            "documents": tally.documents,
            "expected": expected,
            "taxonomy": registry.taxonomy.pinned,
            "profile": registry.profile.name,
        },
    )
    if layer in COMPOSITE_LAYERS and registry.curation.blocks_mark() != fingerprint:
        registry.curation.save_blocks(fingerprint, tally.needed)
    return Inventory(
        layer=layer,
        documents=tally.documents,
        bytes=tally.bytes,
        expected=expected,
        within_tolerance=within,
        fingerprint=fingerprint,
        taxonomy=registry.taxonomy.pinned,
        census={name: dict(types.most_common()) for name, types in tally.census.items()},
        kinds=dict((tally.kinds + Counter(finding.kind for finding in around)).most_common()),
        around=around,
        unfiled=unfiled,
        left=sum(1 for _ in registry.workspace.left(layer)),
        written=tally.written,
    )


def usable_rows(registry: Registry, layer: str) -> Iterator[tuple[str, str, bool]]:
    """Of each document of the newest inventory its item and label, and whether nothing found quarantines it."""
    for seen in registry.workspace.snapshot(layer):
        yield seen.item, seen.label, not seen.grave


def look(registry: Registry, layer: str, within: IdRange) -> Tally:
    """Look at a range of a layer, and keep a row for each document."""
    tally = Tally()
    tally.written = registry.workspace.save_snapshot(
        layer,
        _rows(registry, layer, within, tally),
        within,
        before_removal=partial(_note_those_that_left, registry),
    )
    return tally


def _rows(registry: Registry, layer: str, within: IdRange, tally: Tally) -> Iterator[dict[str, Any]]:
    shapes: Counter[tuple[tuple[str, type], ...]] = Counter()
    for chunk in chunks(registry.staging.read(layer, within)):
        known = _addresses_named(registry, chunk) if layer in COMPOSITE_LAYERS else {}
        for source in chunk:
            row = as_row(source, inspect(source, registry.taxonomy), _set_key(registry, source, known))
            if layer in COMPOSITE_LAYERS:
                count_needed(source, references_of(source), tally.needed)
            tally.documents += 1
            tally.bytes += source.size
            tally.digest.add(told(source.item, source.source_hash))
            tally.kinds.update([one["kind"] for one in row.get("found", ())])
            if source.body is None:
                tally.count("(unreadable)", {"document": 1})
            else:
                shapes[tuple(zip(source.body, map(type, source.body.values()), strict=True))] += 1
            yield row
        if len(shapes) > _MOST_SHAPES:
            _count_shapes(shapes, tally)
    _count_shapes(shapes, tally)


def _count_shapes(shapes: Counter[tuple[tuple[str, type], ...]], tally: Tally) -> None:
    """Most documents have the same fields with the same types: counted as a whole first, field by field at the end."""
    for shape, documents in shapes.items():
        for name, kind in shape:
            tally.count(name, {name_of_type(kind): documents})
    shapes.clear()


def _set_key(registry: Registry, source: SourceDocument, known: Mapping[str, str]) -> str | None:
    """What a composite is made of, in one spelling and one order, whatever order and form it says it in."""
    if source.layer not in COMPOSITE_LAYERS:
        return None
    keys = [reference.key for reference in references_of(source)]
    return (
        " ".join(sorted([known.get(key) or registry.taxonomy.address_of(key) or key for key in keys])) or None
    )


def _addresses_named(registry: Registry, chunk: Sequence[SourceDocument]) -> Mapping[str, str]:
    """The addresses of the components that some composites refer to by `_id`."""
    keys = {
        reference.key
        for source in chunk
        for reference in references_of(source)
        if len(reference.key) == _LETTERS_OF_AN_ID and reference.layer is None
    }
    return registry.staging.addresses_of(keys) if keys else {}


def _note_those_that_left(registry: Registry, items: Sequence[str]) -> None:
    """Keep what is known of documents that are gone, where this migration has brought them to development."""
    migrated = [entry.item for entry in registry.ledger.entries(items=items) if written_by_migration(entry)]
    seen = registry.workspace.snapshot_of(migrated)
    # What only stands in another layer now has not left.
    there = registry.staging.items_among(None, [one.identifier for one in seen.values()])
    registry.workspace.note_left([one for one in seen.values() if one.item not in there])


def _around(registry: Registry, layer: str, counts_off: str | None) -> tuple[Finding, ...]:
    """What is to be told of the surroundings: the layer's number of documents, names of databases."""
    found = [
        Finding(f"database-{number}", ENVIRONMENT, "legacy_database_name", "", text)
        for number, text in enumerate(registry.warnings)
    ]
    if counts_off:
        found.append(Finding(f"layer-{layer}", ENVIRONMENT, "counts_off_the_expectation", "", counts_off))
    return tuple(found)


def _record_unfiled(registry: Registry, *, run_id: str, batch: str) -> int:
    """Account for documents that name no layer of this migration; every layer's run does it, with one result."""
    counted: Counter[str] = Counter()

    def rows() -> Iterator[dict[str, Any]]:
        for chunk in chunks(registry.staging.read(UNFILED)):
            findings = [_outside(source) for source in chunk]
            known = {
                entry.item: entry
                for entry in registry.ledger.entries(items=[source.item for source in chunk])
            }
            registry.ledger.record(
                _unfiled_entry(source, finding, known.get(source.item), run_id, batch)
                for source, finding in zip(chunk, findings, strict=True)
            )
            counted["documents"] += len(chunk)
            yield from (as_row(source, [finding]) for source, finding in zip(chunk, findings, strict=True))

    registry.workspace.save_snapshot(UNFILED, rows(), before_removal=partial(_note_those_that_left, registry))
    return counted["documents"]


def _unfiled_entry(
    source: SourceDocument, finding: Finding, before: Entry | None, run_id: str, batch: str
) -> Entry:
    """The record of a document of no layer. What was written of it before its layer was broken has to stay known."""
    return Entry(
        item=source.item,
        partition=UNFILED,
        state=State.QUARANTINED,
        reason=finding.reason,
        source_hash=source.source_hash,
        target_hash=before.target_hash if before else None,
        detail={"why": masked(finding.detail), "label": source.label[:200], **written_mark(before)},
        run_id=run_id,
        batch_id=batch,
    )


def _outside(document: SourceDocument) -> Finding:
    layer = (document.body or {}).get("layer")
    detail = f"its layer is {str(layer)[:40]!r}, one of {', '.join(MIGRATED_LAYERS)} expected"
    return Finding(document.item, UNFILED, "outside_the_layers", "layer", document.unreadable or detail)
