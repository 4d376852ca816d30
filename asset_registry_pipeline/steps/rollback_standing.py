"""What stands of the documents that this migration wrote: their `_id`s, who refers to them, what became of them.

Looks and writes nothing. What follows from it is decided in `registry.rollback`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bson.objectid import ObjectId

from asset_registry_pipeline.registry.composites import UnreadableReferenceError, read_components, read_name
from asset_registry_pipeline.registry.rollback import DocumentIs, PreimageIs, Referring, Standing
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.preimages import Preimage
from migration_kit.ledger import Entry

CHUNK_BYTES = 8 * 1024 * 1024
_OBJECT_ID_DIGITS = 24


def identifiers_of(registry: Registry, items: Sequence[str]) -> dict[str, Any]:
    """The `_id`s that ledger keys stand for, as far as they are known: of ObjectIds always."""
    found: dict[str, Any] = {item: ObjectId(item) for item in items if _is_object_id(item)}
    for look in (_staged_identifiers, _seen_identifiers, _left_identifiers):
        if unknown := [item for item in items if item not in found]:
            found |= look(registry, unknown)
    return found


def in_chunks(
    entries: Iterable[Entry], heads: Mapping[str, Mapping[str, Any]], *, documents: int
) -> Iterator[list[Entry]]:
    """Chunks of at most so many documents and of about 8 MB: as many as are held in memory at once."""
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        more = int(heads.get(entry.item, {}).get("bytes", 0))
        if chunk and (len(chunk) >= documents or size + more > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += more
    if chunk:
        yield chunk


def standing(
    entry: Entry,
    existing: Mapping[str, bytes],
    preimages: Mapping[str, Preimage],
    identifiers: Mapping[str, Any],
    referring: Referring | None,
) -> Standing:
    """What became of a document that the ledger says was written; `existing`: documents of development by item."""
    raw, before = existing.get(entry.item), preimages.get(entry.item)
    if entry.item not in identifiers:
        document = DocumentIs.UNKNOWN
    elif raw is None:
        document = DocumentIs.GONE
    else:
        same = codec.content_hash(raw) == entry.target_hash
        document = DocumentIs.AS_WRITTEN if same else DocumentIs.CHANGED
    if before is None:
        preimage = PreimageIs.ABSENT
    else:
        whole = codec.content_hash(before.raw) == before.source_hash
        sound = whole and before.target_hash == entry.target_hash
        preimage = PreimageIs.SOUND if sound else PreimageIs.BROKEN
    return Standing(document, preimage, referring)


def referring_composites(registry: Registry, heads: Mapping[str, Mapping[str, Any]]) -> dict[str, Referring]:
    """Which of these documents the composites in development refer to, by item."""
    items = {
        key: item
        for item, head in heads.items()
        for key in (head.get("nna_address"), head.get("name"), item)
        if is_text(key)
    }
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for composite in registry.rollback.composites():
        for item in {items[key] for key in _keys(composite) if key in items}:
            counts[item] += 1
            examples.setdefault(item, str(composite.get("name")).split(":")[0])
    return {item: Referring(count, examples[item]) for item, count in counts.items()}


def _keys(composite: Mapping[str, Any]) -> Iterator[str]:
    """Every key that a composite in development may refer to a component by."""
    listed, name = composite.get("components"), composite.get("name")
    try:
        references = read_components(listed) if isinstance(listed, list) else ()
    except UnreadableReferenceError:
        references = ()
    for reference in references or (read_name(name)[1] if is_text(name) else ()):
        yield from reference.keys


def _staged_identifiers(registry: Registry, items: Sequence[str]) -> dict[str, Any]:
    return {one.item: one.identifier for one in registry.workspace.staged(items)}


def _seen_identifiers(registry: Registry, items: Sequence[str]) -> dict[str, Any]:
    return {item: one.identifier for item, one in registry.workspace.snapshot_of(items).items()}


def _left_identifiers(registry: Registry, items: Sequence[str]) -> dict[str, Any]:
    return registry.rollback.identifiers_left(items)


def _is_object_id(item: str) -> bool:
    """Whether a ledger key is that of an ObjectId: those of other types carry their type's name."""
    return len(item) == _OBJECT_ID_DIGITS and ObjectId.is_valid(item)
