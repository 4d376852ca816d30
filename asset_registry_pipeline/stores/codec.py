"""BSON bytes to documents and back, losing nothing silently; no queries.

A document that would not come back byte for byte (deprecated types, a key twice) counts as unreadable: it could not be
copied faithfully.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.registry.documents import MAXIMUM_SIZE, SourceDocument
from migration_kit.failures import PermanentError

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument,
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
_LENIENT: CodecOptions[dict[str, Any]] = OPTIONS.with_options(unicode_decode_error_handler="replace")
# A time without a zone is UTC to BSON, and decoding it costs half as much.
_ZONELESS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


_LONGEST_KEY = 200
_UNREADABLE = "unreadable:"


def item_key(identifier: object) -> str:
    """The ledger's key of an `_id`: the hex of an ObjectId; other types carry their name, as `int:5`."""
    if isinstance(identifier, ObjectId):
        return str(identifier)
    # Through bytes and back: a raw document, or a reference in one, must have the key of the decoded one.
    identifier = decode(bson.encode({"_id": identifier}, codec_options=OPTIONS))["_id"]
    shown = repr(identifier)
    if len(shown) > _LONGEST_KEY:
        shown = hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{type(identifier).__name__}:{shown}"


def item_of(raw: bytes) -> str:
    """The ledger's key of a document, from its bytes. Never raises: without a readable `_id` it is one of the hash."""
    # An ObjectId in the first place, as nearly always: its twelve bytes follow type and key.
    if raw[4:9] == b"\x07_id\x00":
        return raw[9:21].hex()
    return _lenient_key(raw, content_hash(raw))[0]


def read_source(raw: bytes, layer: str, *, faithful: bool = False) -> SourceDocument:
    """A staging document from its bytes. Never raises: what cannot be read says so.

    `faithful`: these very bytes were found before to come back as they are, which is not tried again.
    """
    digest = content_hash(raw)
    try:
        body = bson.decode(raw, codec_options=_ZONELESS)
        faithful = faithful or bson.encode(body, codec_options=_ZONELESS) == raw
    except (BSONError, ValueError, OverflowError, RecursionError) as error:
        item, identifier = _lenient_key(raw, digest)
        return SourceDocument(item, layer, digest, len(raw), None, str(error)[:300], identifier)
    if not faithful:
        why = "it holds a deprecated BSON type or a key twice, so it cannot be copied byte for byte"
        item, identifier = _lenient_key(raw, digest)
        return SourceDocument(item, layer, digest, len(raw), None, why, identifier)
    identifier = body.get("_id")
    return SourceDocument(item_key(identifier), layer, digest, len(raw), body, identifier=identifier)


def decode(raw: bytes) -> dict[str, Any]:
    """A document from its bytes.

    Raises:
        bson.errors.BSONError, ValueError: the bytes are no BSON or no UTF-8.
    """
    return bson.decode(raw, codec_options=OPTIONS)


def decoded(raw: bytes, *, strict: bool = True) -> dict[str, Any] | None:
    """A document from its bytes, None where they cannot be decoded; not strict, texts may be no UTF-8."""
    try:
        return bson.decode(raw, codec_options=OPTIONS if strict else _LENIENT)
    except (BSONError, ValueError, OverflowError, RecursionError):
        return None


def encode(document: Mapping[str, Any]) -> bytes:
    """The bytes of a document.

    Raises:
        PermanentError: BSON cannot hold it, or it is too large to be staged.
    """
    remedy = "Correct the document in staging"
    try:
        raw = bson.encode(document, codec_options=OPTIONS)
    except (BSONError, ValueError, OverflowError, RecursionError) as error:
        raise PermanentError(f"it cannot be stored: {str(error)[:200]!r}", remedy=remedy) from error
    size = len(raw)
    if size > MAXIMUM_SIZE // 2:
        # A staged row holds the `_id` once more.
        size += len(bson.encode({"_id": document.get("_id")}, codec_options=OPTIONS))
    if size > MAXIMUM_SIZE:
        raise PermanentError(f"it has {size:,} bytes, {MAXIMUM_SIZE:,} at most", remedy=remedy)
    return raw


def content_hash(raw: bytes) -> str:
    """SHA-256 (64 hex digits) of a document's bytes: equal hashes mean equal content, field order included."""
    return hashlib.sha256(raw).hexdigest()


def differing_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The first 20 fields, by name, in which two documents differ: absent in one, or of other bytes."""
    return sorted(
        field
        for field in {*one, *other}
        if field not in one or field not in other or not same_bytes(one[field], other[field])
    )[:20]


def same_bytes(one: Any, other: Any) -> bool:
    """Whether two values that BSON can hold are stored as the same bytes, however large they are."""
    return bson.encode({"": one}, codec_options=OPTIONS) == bson.encode({"": other}, codec_options=OPTIONS)


def is_unreadable(item: str) -> bool:
    """Whether this is the key of a document whose `_id` cannot be read."""
    return item.startswith(_UNREADABLE)


def _lenient_key(raw: bytes, digest: str) -> tuple[str, Any]:
    """Item and `_id` of a document that cannot be decoded; the `_id` is None where not even that can be read."""
    try:
        identifier = bson.decode(raw, codec_options=_LENIENT)["_id"]
        # Text that is no UTF-8 is read with other letters in it: then this is the `_id` of no document, or of another.
        if raw.startswith(bson.encode({"_id": identifier}, codec_options=OPTIONS)[4:-1], 4):
            return item_key(identifier), identifier
    except (BSONError, ValueError, OverflowError, RecursionError, KeyError):
        pass
    return f"{_UNREADABLE}{digest}", None
