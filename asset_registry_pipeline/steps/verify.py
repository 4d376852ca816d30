"""Reconciliation: what development should hold, computed anew from staging, against what it does hold.

Nothing that apply staged is read here; the ledger is read as a claim to be checked.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asset_registry_pipeline.registry.addresses import is_mfa
from asset_registry_pipeline.registry.documents import PHASE_2B_FIELDS, SourceDocument
from asset_registry_pipeline.registry.layers import (
    BARRIER_LAYERS,
    COMPOSITE_LAYERS,
    REFERABLE_LAYERS,
    SONG_LAYERS,
)
from asset_registry_pipeline.registry.outcomes import (
    FOUND_BY_PUBLISHING,
    PRESENT_REASONS,
    SUPERSEDED,
    account,
)
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.steps.frames import REQUIRED_2B, changed_fields
from asset_registry_pipeline.steps.plan import outcomes
from asset_registry_pipeline.steps.sources import read_layer
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.workspace import Candidate
from migration_kit.accounting import Accounting, State
from migration_kit.fingerprints import combine
from migration_kit.ledger import Entry
from migration_kit.mongo import transient_errors

if TYPE_CHECKING:
    import pandas as pd

_IN_DEVELOPMENT = (State.MIGRATED, State.ALREADY_PRESENT)


@dataclass(frozen=True)
class Reconciliation:
    """A layer compared: a row for each document, fields present and populated, the accounting, the indexes."""

    rows: tuple[Mapping[str, Any], ...]
    fields: Mapping[str, Mapping[str, int]]
    accounting: Accounting
    missing_indexes: Mapping[str, str]
    foreign: int
    fingerprint: str

    def frame(self) -> "pd.DataFrame":
        """The rows as the suite judges them."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def index_frame(self) -> "pd.DataFrame":
        """The wanted indexes, each with its problem or `none`."""
        import pandas as pd

        from asset_registry_pipeline.stores.development import WANTED_INDEXES

        return pd.DataFrame(
            [
                {"index": index.name, "problem": self.missing_indexes.get(index.name, "none")}
                for index in WANTED_INDEXES
            ]
        )


def reconcile(registry: Registry, layer: str, *, batch: str) -> Reconciliation:
    """Compare a layer of staging with development, document by document."""
    # First of all: what is recorded while the layer is compared makes this reconciliation a stale one.
    fingerprint = ledger_fingerprint(registry, layer)
    source = read_layer(registry, layer)
    expected = {candidate.item: candidate for candidate in outcomes(registry, source)}
    entries = {entry.item: entry for entry in registry.ledger.entries(partition=layer)}
    identifiers = [document.identifier for document in source.documents if document.body is not None]
    with transient_errors("development"):
        existing = registry.development.existing(identifiers)
    addresses = (
        {document.get("nna_address") for document in registry.development.read(sorted(REFERABLE_LAYERS))}
        if layer in COMPOSITE_LAYERS
        else set()
    )
    rows = []
    for document in source.documents:
        found = existing.get(document.item)
        rows.append(
            {
                "item": document.item,
                "label": document.label,
                **_compare(
                    document, expected[document.item], entries.get(document.item), found, registry.profile
                ),
                "references": _references_resolve(found, addresses) if layer in COMPOSITE_LAYERS else True,
            }
        )
    items = {document.item for document in source.documents}
    present = {codec.item_key(document["_id"]) for document in registry.development.read([layer])}
    return Reconciliation(
        rows=tuple(rows),
        fields=_fields(existing),
        accounting=account(items, entries.values(), batch=batch),
        missing_indexes=registry.development.missing_indexes(),
        foreign=len(present - items),
        fingerprint=fingerprint,
    )


def ledger_fingerprint(registry: Registry, layer: str) -> str:
    """Hash of a layer's outcomes, for composites with their components': a reconciliation stands for these alone."""
    compared = (layer, *BARRIER_LAYERS) if layer in COMPOSITE_LAYERS else (layer,)
    return combine(
        f"{entry.item} {entry.state} {entry.reason} {entry.source_hash} {entry.target_hash}"
        for each in compared
        for entry in registry.ledger.entries(partition=each)
    )


def _compare(
    document: SourceDocument, expected: Candidate, entry: Entry | None, found: bytes | None, profile: Profile
) -> dict[str, Any]:
    """The questions about one document; those about content only where the ledger says it was migrated."""
    claims = entry is not None and entry.state in _IN_DEVELOPMENT
    may_be_there = claims or (entry is not None and entry.reason in PRESENT_REASONS)
    answers: dict[str, Any] = {
        "source_unchanged": entry is None or entry.source_hash == document.source_hash,
        "accounted": entry is not None,
        "outcome": entry is None or claims or _still_due(expected, entry),
        "presence": (found is not None) if claims else (found is None or may_be_there),
        "content": True,
        "untouched": True,
        "fields_present": True,
        "words_length": None,
    }
    if claims and found is not None:
        body = codec.decode(found)
        words = body.get("creatorDescription")
        answers["content"] = expected.target_hash == codec.content_hash(found)
        answers["untouched"] = not changed_fields(document, body, profile)
        answers["fields_present"] = all(field in body for field in _required(document.layer))
        answers["words_length"] = float(len(words)) if is_text(words) else None
    return answers


def _still_due(expected: Candidate, entry: Entry) -> bool:
    """Whether a document that did not get into development would not get there now, and for the same reason."""
    ready = expected.disposition is Disposition.READY
    if entry.reason in FOUND_BY_PUBLISHING:
        return ready
    if entry.reason == SUPERSEDED:
        return not ready
    return (str(entry.state), entry.reason) == (str(expected.disposition), expected.reason)


def _required(layer: str) -> tuple[str, ...]:
    if layer in SONG_LAYERS:
        return (*REQUIRED_2B, "musicMetadata")
    return (*REQUIRED_2B, "componentAnalysis") if layer in COMPOSITE_LAYERS else REQUIRED_2B


def _references_resolve(found: bytes | None, addresses: set[Any]) -> bool:
    if found is None:
        return True
    listed = codec.decode(found).get("components")
    if not isinstance(listed, list):
        return False
    # What a profile keeps in another form is checked when the content is computed anew.
    return all(reference in addresses for reference in listed if is_mfa(reference))


def _fields(existing: Mapping[str, bytes]) -> dict[str, dict[str, int]]:
    """For each Phase 2B field how many documents have it, and in how many it holds something."""
    present: Counter[str] = Counter()
    populated: Counter[str] = Counter()
    for raw in existing.values():
        body = codec.decode(raw)
        for field in PHASE_2B_FIELDS:
            present[field] += field in body
            populated[field] += body.get(field) not in (None, "", {}, [])
    return {field: {"present": present[field], "populated": populated[field]} for field in PHASE_2B_FIELDS}
