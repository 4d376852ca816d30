"""Reconciliation: what development should hold, computed anew from staging, against what it does hold.

Nothing that apply staged is read here; the ledger is read as a claim to be checked. Document by document, in ranges of
`_id`: rows are streamed, and what remains in memory are numbers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from asset_registry_pipeline.registry.documents import PHASE_2B_FIELDS, SourceDocument
from asset_registry_pipeline.registry.layers import (
    BARRIER_LAYERS,
    COMPOSITE_LAYERS,
    REFERABLE_LAYERS,
    SONG_LAYERS,
)
from asset_registry_pipeline.registry.outcomes import IN_DEVELOPMENT, ended, written_by_migration
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.steps import comparing, text_index
from asset_registry_pipeline.steps.comparing import Expected, Held, Row
from asset_registry_pipeline.steps.cover_checks import cover_faults, url_of
from asset_registry_pipeline.steps.expecting import Expectation, Surroundings, open_expectation, surroundings
from asset_registry_pipeline.steps.sources import chunks, other_parts, require_documents
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.album_art import open_covers
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from asset_registry_pipeline.stores.indexes import TEXT, WANTED_INDEXES
from migration_kit.accounting import Accounting, State
from migration_kit.chunks import chunked
from migration_kit.fingerprints import fingerprint
from migration_kit.ledger import Entry
from migration_kit.mongo import transient_errors

INDEX_COLUMNS = ("index", "problem")
CAN_CHANGE = "outcomes, decisions, profile or taxonomy"
"""What a reconciliation stands for, in words."""
_CHUNK_DOCUMENTS = 500


@dataclass
class Tally:
    """What the rows of a layer, or of a range of it, add up to; complete when the last row has been taken.

    `there`: documents of the layer that development holds under the `_id` of one in staging. `foreign`: those it holds
    beside them that are not from this migration. `left`: those that this migration brought and that have left staging.
    `text_index`: where that index stands, once the indexes were asked for.
    """

    documents: int = 0
    outcomes: Counter[tuple[State, str | None]] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    populated: Counter[str] = field(default_factory=Counter)
    there: int = 0
    foreign: int = 0
    left: int = 0
    text_index: str = ""

    def add(self, other: "Tally") -> None:
        """Take in what another range adds up to."""
        for name in ("documents", "there", "foreign", "left"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("outcomes", "present", "populated"):
            getattr(self, name).update(getattr(other, name))

    @property
    def accounting(self) -> Accounting:
        """Where the documents of the layer ended, as the ledger says."""
        counts = ((state, reason, n) for (state, reason), n in self.outcomes.items())
        return Accounting.from_counts(self.documents, counts)

    @property
    def in_development(self) -> int:
        """Documents that the ledger says are in development."""
        return sum(n for (state, _), n in self.outcomes.items() if state in IN_DEVELOPMENT)

    @property
    def fields(self) -> dict[str, dict[str, int]]:
        """For each Phase 2B field how many documents have it, and in how many it holds something."""
        return {
            field: {"present": self.present[field], "populated": self.populated[field]}
            for field in PHASE_2B_FIELDS
        }


def rows(registry: Registry, layer: str, tally: Tally, *, batch: str) -> Iterator[Row]:
    """A row for each document of a layer, in the order of `comparing.COLUMNS`; `tally` learns what they add up to.

    Raises:
        PermanentError: the layer is empty.
    """
    require_documents(registry, layer)
    compare = partial(compare_range, around=surroundings(registry, layer), batch=batch)
    for found, part in spread(registry, layer, compare):
        tally.add(part)
        yield from found
    yield from _beside(registry, layer, tally)


def index_rows(registry: Registry, layer: str, tally: Tally) -> list[tuple[str, str]]:
    """The wanted indexes, each with its problem or `none`; `tally` learns where the one for texts stands.

    That one is not asked for while composites are still to bring it.
    """
    tally.text_index = text_index.settled(registry, layer)
    asked = [one for one in WANTED_INDEXES if one != TEXT or tally.text_index == text_index.THERE]
    missing = registry.development.missing_indexes()
    return [(index.name, missing.get(index.name, "none")) for index in asked]


def standing_fingerprint(registry: Registry, layer: str) -> str:
    """Hash of what a reconciliation stands for: a layer's outcomes, and the decisions and choices that they come from.

    For composites with their components' outcomes.
    """
    compared = (layer, *BARRIER_LAYERS) if layer in COMPOSITE_LAYERS else (layer,)
    with transient_errors("development"):
        outcomes = [registry.ledger.digest(each) for each in compared]
    return fingerprint([outcomes, other_parts(registry, layer)])


@dataclass(frozen=True, slots=True)
class _Compared:
    """A document with all that is known of it; `raw` is what development holds of it."""

    source: SourceDocument
    expected: Expected
    entry: Entry | None
    raw: bytes | None

    @property
    def held(self) -> Held | None:
        """What development holds of it, decoded."""
        return None if self.raw is None else Held(codec.content_hash(self.raw), codec.decoded(self.raw))


def compare_range(
    registry: Registry, layer: str, within: IdRange, *, around: Surroundings, batch: str
) -> tuple[list[Row], Tally]:
    """The rows of a range of a layer, and what they add up to."""
    found: list[Row] = []
    tally = Tally()
    expectation = open_expectation(registry, layer, around)
    for chunk in chunks(registry.staging.read(layer, within)):
        compared = _look_up(registry, expectation, chunk)
        for one in compared:
            tally.documents += 1
            if one.entry is not None:
                tally.outcomes[ended(one.entry.state, one.entry.batch_id, batch), one.entry.reason] += 1
        found += _rows_of(registry, layer, compared, tally)
    return found, tally


def _look_up(
    registry: Registry, expectation: Expectation, chunk: Sequence[SourceDocument]
) -> list[_Compared]:
    readable = [document for document in chunk if not codec.is_unreadable(document.item)]
    with transient_errors("development"):
        entries = {entry.item: entry for entry in registry.ledger.entries(items=[one.item for one in chunk])}
        raws = registry.development.arrived(document.identifier for document in readable)
    return [
        _Compared(document, expected, entries.get(document.item), raws.get(document.item))
        for document, expected in zip(chunk, expectation.of(chunk), strict=True)
    ]


def _rows_of(registry: Registry, layer: str, compared: Sequence[_Compared], tally: Tally) -> Iterator[Row]:
    """The rows of a chunk: of what is equal at once, of the others question by question."""
    others = []
    faults = _cover_faults(registry, layer, compared)
    for one in compared:
        document = one.expected.document
        # Equal bytes answer every question about content, and nothing is decoded or hashed for it.
        if (
            document is not None
            and one.raw == one.expected.raw
            and comparing.recorded_as(one.entry, one.source, one.expected.target_hash)
        ):
            _count_fields(tally, layer, document)
            yield comparing.equal_row(one.source, one.entry, document, _cover(document, faults))
        else:
            others.append((one, one.held))
    for _, held in others:
        if held is not None and held.body is not None:
            _count_fields(tally, layer, held.body)
    dangling = _dangling(registry, layer, [held.body for _, held in others if held is not None and held.body])
    for one, held in others:
        yield comparing.row(
            one.source,
            one.expected,
            one.entry,
            held,
            profile=registry.profile,
            dangling=dangling,
            cover=_cover(held.body, faults) if held is not None else None,
        )


def _cover_faults(registry: Registry, layer: str, compared: Sequence[_Compared]) -> Mapping[str, str]:
    """What is wrong with the objects of songs' covers, by the covers' addresses."""
    if layer not in SONG_LAYERS:
        return {}
    bodies = [one.held.body for one in compared if one.held is not None]
    arts = [art for body in bodies if body is not None and (art := body.get("albumArt")) is not None]
    return cover_faults(registry, arts, open_covers(registry.settings)) if arts else {}


def _cover(body: Mapping[str, Any] | None, faults: Mapping[str, str]) -> str | None:
    url = url_of((body or {}).get("albumArt"))
    return faults.get(url) if url is not None else None


def _count_fields(tally: Tally, layer: str, body: Mapping[str, Any]) -> None:
    tally.there += body.get("layer") == layer
    for name in PHASE_2B_FIELDS:
        if name in body:
            tally.present[name] += 1
            value = body[name]
            # Numbers and booleans are something; what is empty, or null, is not.
            tally.populated[name] += bool(value) or value == 0


def _dangling(registry: Registry, layer: str, bodies: Sequence[Mapping[str, Any]]) -> comparing.Dangling:
    """Which of some addresses no document in development has, looked up for all documents at once."""
    if layer not in COMPOSITE_LAYERS or not bodies:
        return list
    asked = sorted({address for body in bodies for address in comparing.references(body)})
    known = set()
    for raw in registry.development.having("nna_address", asked, sorted(REFERABLE_LAYERS)):
        known.add((codec.decoded(raw) or {}).get("nna_address"))
    return lambda addresses: [address for address in addresses if address not in known]


def _beside(registry: Registry, layer: str, tally: Tally) -> Iterator[Row]:
    """What development holds of the layer beside staging's documents: looked for only where there is more of it."""
    if registry.development.count(layer) <= tally.there:
        return
    for chunk in chunked(registry.development.having("layer", [layer], [layer]), _CHUNK_DOCUMENTS):
        found = {codec.item_of(raw): raw for raw in chunk}
        # Not strict: what cannot be read to the end may be one of staging's all the same.
        bodies = [codec.decoded(raw, strict=False) or {} for raw in chunk]
        known = registry.staging.items_among(layer, [body["_id"] for body in bodies if body])
        unknown = [item for item in found if item not in known]
        entries = {entry.item: entry for entry in registry.ledger.entries(items=unknown)}
        staged = registry.workspace.staged_hashes([item for item in unknown if item not in entries])
        for item in unknown:
            entry = entries.get(item)
            if entry is not None:
                ours = entry.state in IN_DEVELOPMENT or written_by_migration(entry)
                # One that staging has in another layer by now is compared with that one.
                tally.left += ours and entry.partition == layer
                tally.foreign += not ours
            elif staged.get(item) == codec.content_hash(found[item]):
                name = (codec.decoded(found[item]) or {}).get("name")
                yield comparing.unexplained_row(item, name if is_text(name) else item)
            else:
                tally.foreign += 1
