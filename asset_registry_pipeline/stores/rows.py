"""Rows of the migration's own collections, kept as a layer of staging is read: interval by interval of `_id`.

What a collection holds between the first `_id` of one chunk and of the next is compared with the chunk: new rows are
inserted, different ones replaced, those that are gone removed. Nothing layer-sized is held, and a layer that has not
changed writes nothing. What stands in the rows does not belong here.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import bson
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.id_ranges import WHOLE, IdRange
from migration_kit.mongo import transient_errors

CHUNK_ROWS, _CHUNK_BYTES = 1_000, 8 * 1024 * 1024
UNPLACED = "unplaced"
"""The mark of a row whose document's `_id` cannot be read; it stands at the place of the one before it."""
DIGEST = "digest"
ACROSS = "across"
"""The field for what documents have in common, which is found only when all rows of a layer are there."""
DOCUMENT = "document"
"""The field for the bytes of a document that a row is about, in the last place; the row tells their hash besides."""
_DIGEST_BYTES = 16
_DIGEST_ELEMENT = b"\x05" + DIGEST.encode() + b"\x00" + struct.pack("<iB", _DIGEST_BYTES, 0)
DOCUMENT_ELEMENT = b"\x03" + DOCUMENT.encode() + b"\x00"
"""The bytes that stand before such a document's own."""
_DUPLICATE_KEY = 11000

_Row = tuple[str, RawBSONDocument, bytes]  # the item, the row, the hash of all that it says


def keep(
    collection: Collection[Any],
    layer: str,
    rows: Iterable[dict[str, Any]],
    within: IdRange = WHOLE,
    *,
    before_removal: Callable[[Sequence[str]], None] | None = None,
) -> int:
    """Make the layer's rows within the range these ones; returns how many were written or removed.

    Each row has `_id`, `layer` and `identifier`, and is used up; they come in the order of their identifiers. What
    stands in `DOCUMENT`, if anything, are bytes, whose hash is another field of the row. `before_removal` is told
    of the rows that are gone, while they are still there. What stands in `ACROSS` stays where a row is replaced.
    """
    written = 0
    with transient_errors("development"):
        for chunk, interval in _intervals(rows, within):
            written += _keep_chunk(collection, layer, chunk, interval, before_removal)
    return written


def identifier_of(row: Mapping[str, Any]) -> Any:
    """The `_id` of the document that a row tells of; None where it cannot be read."""
    if UNPLACED in row:
        return None
    if "identifier" in row:
        return row["identifier"]
    # A row of an earlier version says it by the ledger's key alone.
    return ObjectId(row["_id"]) if ObjectId.is_valid(row["_id"]) else None


def _intervals(rows: Iterable[dict[str, Any]], within: IdRange) -> Iterator[tuple[list[_Row], IdRange]]:
    """Rows in chunks, each with the interval of identifiers that it fills; together they fill the range."""
    chunk: list[_Row] = []
    size, lower, place = 0, within.lower, within.lower
    for row in rows:
        placed = UNPLACED not in row
        place = row["identifier"] if placed else place
        # No interval can begin at the end of all; the one document there may be belongs to the chunk before.
        begins = placed and place != WHOLE.upper
        if chunk and begins and (len(chunk) >= CHUNK_ROWS or size > _CHUNK_BYTES):
            yield chunk, IdRange(lower, place)
            chunk, size, lower = [], 0, place
        encoded = _encoded(row if placed else {**row, "identifier": place})
        chunk.append((row["_id"], *encoded))
        size += len(encoded[0].raw)
    yield chunk, IdRange(lower, within.upper)


def _encoded(row: dict[str, Any]) -> tuple[RawBSONDocument, bytes]:
    """The row with the hash of what it says behind it, encoded only once.

    A document's bytes come last, as they are: most of a row is neither encoded nor hashed again.
    """
    document = row.pop(DOCUMENT, None)
    raw = bson.encode(row, codec_options=codec.OPTIONS)
    digest = hashlib.blake2b(raw, digest_size=_DIGEST_BYTES).digest()
    parts = [raw[4:-1], _DIGEST_ELEMENT, digest, b"\x00"]
    if document is not None:
        parts[3:3] = (DOCUMENT_ELEMENT, document)
    body = b"".join(parts)
    return RawBSONDocument(struct.pack("<i", len(body) + 4) + body), digest


def _keep_chunk(
    collection: Collection[Any],
    layer: str,
    chunk: Sequence[_Row],
    interval: IdRange,
    before_removal: Callable[[Sequence[str]], None] | None,
) -> int:
    found = collection.find({"layer": layer}, {DIGEST: 1, ACROSS: 1})
    known, marks = {}, {}
    for row in interval.bounding_rows(found, layer):
        known[row["_id"]] = row.get(DIGEST)
        if ACROSS in row:
            marks[row["_id"]] = row[ACROSS]
    new = [row for item, row, _ in chunk if item not in known]
    different = [
        _marked(row, marks.get(item)) for item, row, digest in chunk if known.pop(item, digest) != digest
    ]
    if known and before_removal is not None:
        before_removal(list(known))
    writes: list[Any] = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in different]
    # Only as it was seen: another layer may have taken the row over meanwhile.
    writes += [DeleteOne({"_id": item, "layer": layer, DIGEST: digest}) for item, digest in known.items()]
    return _insert(collection, new) + _write(collection, writes)


def _marked(row: RawBSONDocument, mark: Mapping[str, Any] | None) -> RawBSONDocument:
    """The row with what is kept of documents together: it holds until all rows are there to be compared again."""
    if mark is None:
        return row
    return RawBSONDocument(
        bson.encode({**codec.decode(bytes(row.raw)), ACROSS: mark}, codec_options=codec.OPTIONS)
    )


def _insert(collection: Collection[Any], rows: Sequence[RawBSONDocument]) -> int:
    if not rows:
        return 0
    try:
        collection.insert_many(rows, ordered=False)
        return len(rows)
    except BulkWriteError as error:
        failed = error.details["writeErrors"]
        if any(one["code"] != _DUPLICATE_KEY for one in failed):
            raise
        # Another run wrote the row just now, or its document stood in another layer before: it is replaced there.
        again: list[Any] = [
            ReplaceOne({"_id": rows[one["index"]]["_id"]}, rows[one["index"]], upsert=True) for one in failed
        ]
        return int(error.details["nInserted"]) + _write(collection, again)


def _write(collection: Collection[Any], writes: Sequence[Any]) -> int:
    if not writes:
        return 0
    result = collection.bulk_write(list(writes), ordered=False)
    return result.modified_count + result.upserted_count + result.deleted_count
