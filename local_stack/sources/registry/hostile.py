"""Bad input for the registry's migration: every type in every field, broken references, keys, sizes and bytes.

Apart from the counts of `fill`: tests put it beside a filled staging database and look at what becomes of each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import bson
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from local_stack.sources.registry import taxonomy
from local_stack.sources.registry.documents import Document, document

VALUES: Mapping[str, Any] = {
    "null": None, "empty text": "", "blank text": " \n\t", "text": "some text", "emoji": "\U0001f468\u200d\U0001f469",
    "500 characters": "a b " * 125, "501 characters": "a b " * 125 + "c", "bool": True, "int32": 7,
    "int64": Int64(2**40), "double": 1.5, "nan": float("nan"), "infinity": float("-inf"),
    "decimal": Decimal128("1.10"),
    "date": datetime(2025, 5, 5, tzinfo=UTC), "date out of range": DatetimeMS(2**60), "object id": ObjectId("5" * 24),
    "binary": Binary(b"\x00\xff", 128), "uuid": Binary(UUID(int=5).bytes, 4), "regex": Regex("a+", "i"),
    "code": Code("return 1"), "code with scope": Code("x", {"x": 1}), "timestamp": Timestamp(1, 1),
    "min key": MinKey(), "max key": MaxKey(), "reference": DBRef("assets", 1), "object": {"a": {"b": 1}},
    "empty object": {}, "list": ["a", 1, None], "empty list": [],
}  # fmt: skip
FIELDS = (
    "layer", "category", "subcategory", "name", "nna_address", "gcpStorageUrl", "source", "tags", "description",
    "trainingData", "rights", "components", "registeredBy", "createdAt", "updatedAt", "__v", "creatorDescription",
    "albumArt", "aiMetadata",
)  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """One bad document: its `_id`, and what is wrong with it."""

    id: Any
    what: str


def insert(environment: Mapping[str, str]) -> tuple[Hostile, ...]:
    """Put every bad document into staging; what they are, in the order they were put there."""
    from pymongo import MongoClient

    made = list(_documents())
    with MongoClient[dict[str, Any]](environment["REGISTRY_STAGING_URI"]) as client:
        assets = client[environment["REGISTRY_STAGING_DB"]]["assets"]
        assets.insert_many([document for document, _ in made])
    return tuple(Hostile(_id_of(document), what) for document, what in made)


def _id_of(document: Any) -> Any:
    if isinstance(document, RawBSONDocument):
        return bson.decode(document.raw, bson.CodecOptions(unicode_decode_error_handler="replace"))["_id"]
    return document["_id"]


def _documents() -> Iterator[tuple[Any, str]]:
    factory = _Factory()
    for field in FIELDS:
        for kind, value in VALUES.items():
            yield factory.star() | {field: value}, f"{kind} in {field}"
    for field in FIELDS[:16]:
        yield {key: value for key, value in factory.star().items() if key != field}, f"no {field}"
    for kind, value in VALUES.items():
        if not isinstance(value, list | Regex):
            yield {**factory.star(), "_id": {"of": kind} if value is None else value}, f"{kind} as _id"
    yield from _texts_and_keys(factory)
    yield from _sizes_and_bytes(factory)
    yield from _composites(factory)


class _Factory:
    """Clean stars and composites with names that `fill` does not use, to be spoiled one by one."""

    def __init__(self) -> None:
        self._made = 0
        self._random = Random("hostile")

    def star(self) -> Document:
        return self._document("S", ("POP", "Pop", "001", "HPM", "Pop_Hipster_Male_Stars", "007"))

    def composite(self, listed: list[Any]) -> Document:
        made = self._document("C", taxonomy.places("C")[0])
        return made | {"name": f"{made['name']}:{':'.join(map(str, listed))}", "components": listed}

    def _document(self, layer: str, place: tuple[str, ...]) -> Document:
        self._made += 1
        return document(
            99, layer, self._made, place=place, sequence=f"{20_000 + self._made}", random=self._random,
            text="A calm performer who sings about rain.",
        )  # fmt: skip


def _texts_and_keys(factory: _Factory) -> Iterator[tuple[Any, str]]:
    yield factory.star() | {"description": "<script>alert(1)</script> sings."}, "HTML in description"
    yield factory.star() | {"description": '=HYPERLINK("http://x.invalid")'}, "a formula in description"
    yield factory.star() | {"trainingData": '{"a":1,"a":2}'}, "a key twice in trainingData"
    yield factory.star() | {"trainingData": '{"a":NaN}'}, "NaN in trainingData"
    yield factory.star() | {"trainingData": '{"a":123456789012345678901234567890}'}, "a number over 64 bits"
    yield factory.star() | {"trainingData": '{"a":"\\ud800"}'}, "a lone surrogate in trainingData"
    yield factory.star() | {"trainingData": '{"a\\u0000b":1}'}, "a NUL in a key of trainingData"
    yield factory.star() | {"trainingData": '{"a":' * 5000 + "1" + "}" * 5000}, "JSON nested 5,000 deep"
    yield factory.star() | {"trainingData": {"$where": 1, "a.b": {"$set": 2}}}, "keys with $ and . inside"
    yield factory.star() | {"a.b": 1}, "a key with ."
    yield factory.star() | {"$where": 1}, "a key with $"
    yield factory.star() | {"": 1}, "an empty key"
    yield factory.star() | {"musicMetadata": 5}, "a number in musicMetadata"
    yield factory.star() | {"friendlyName": {"deep": [{"er": 1}]}}, "a field nobody knows"
    yield {"_id": ObjectId("6" * 24), "layer": "S", "title": "?", "parts": [{"x": 1}]}, "another shape"
    yield {"_id": ObjectId("7" * 24)}, "nothing but an _id"
    same = factory.star()
    yield same, "the first of three with one _id"
    yield factory.star() | {"_id": str(same["_id"])}, "the same _id as a text"
    yield factory.star() | {"_id": Binary(same["_id"].binary)}, "the same _id as bytes"
    yield factory.star() | {"language": "klingon"}, "an unknown language"
    yield factory.star() | {"language": 5}, "a language that is a number"
    yield (
        factory.star() | {"aiMetadata": dict(zip(map(str, range(9)), '{"bpm":90', strict=True))},
        "half a map",
    )
    yield factory.star() | {"aiMetadata": dict(zip(map(str, range(10)), '{"bpm":90}', strict=True))}, "a map"
    yield factory.star() | {"creatorDescription": "S.POP.HPM.001"}, "an HFN as creatorDescription"
    twin = factory.star()
    yield twin, "the first of two with one name"
    yield factory.star() | {"name": twin["name"]}, "the second of two with one name"
    yield factory.star() | {"nna_address": "2.001.007.020999"}, "a numeric address"
    yield factory.star() | {"name": "S.POP.HPM.001\n"}, "a name with a newline"


def _sizes_and_bytes(factory: _Factory) -> Iterator[tuple[Any, str]]:
    deep: Any = 1
    for _ in range(120):
        deep = {"a": deep}
    yield factory.star() | {"trainingData": deep}, "nested 120 deep"
    big = factory.star()
    big["trainingData"] = {"filler": "x" * (16 * 1024 * 1024 - 2000 - len(bson.encode(big)))}
    yield big, "almost 16 MB"
    yield factory.star() | {"trainingData": {"filler": "x" * (6 * 1024 * 1024)}}, "6 MB"
    yield (
        RawBSONDocument(bson.encode(factory.star()).replace(b"calm", b"c\xff\xfem")),
        "text that is no UTF-8",
    )
    # The deprecated types: a reader turns them into others, so they cannot be kept byte for byte.
    yield _with_element(factory.star(), b"\x0esymbol\x00" + struct.pack("<i", 4) + b"abc\x00"), "a symbol"
    yield _with_element(factory.star(), b"\x06undefined\x00"), "an undefined value"
    pointer = b"\x0cpointer\x00" + struct.pack("<i", 2) + b"a\x00" + b"\x01" * 12
    yield _with_element(factory.star(), pointer), "a DBPointer"
    yield _with_element(factory.star(), b"\x10__v\x00" + struct.pack("<i", 9)), "a key twice"


def _with_element(document: Document, element: bytes) -> RawBSONDocument:
    body = bson.encode(document)[4:-1] + element
    return RawBSONDocument(struct.pack("<i", len(body) + 5) + body + b"\x00")


def _composites(factory: _Factory) -> Iterator[tuple[Any, str]]:
    yield factory.composite(["S.001.007.77777", "L.006.005.77777"]), "dangling references"
    first, second = factory.composite([]), factory.composite([])
    yield first | {"components": [second["nna_address"], "S.001.002.004"]}, "a cycle, first half"
    yield second | {"components": [first["nna_address"], "S.001.002.004"]}, "a cycle, second half"
    itself = factory.composite([])
    yield itself | {"components": [itself["nna_address"], "S.001.002.004"]}, "a composite of itself"
    yield factory.composite(["T.001.001.001", "S.001.002.004"]), "a reference to layer T"
    for kind, value in VALUES.items():
        listed = ["S.001.002.004", value]
        yield factory.composite([]) | {"components": listed}, f"{kind} among the references"
    yield factory.composite([]), "a composite of nothing"
    yield factory.composite([f"S.001.002.{number:03d}" for number in range(11)]), "eleven components"
    yield factory.composite([]) | {"components": [5, None]}, "references that are numbers"
    yield factory.composite([]) | {"components": [{"x": 1}, {"y": 2}]}, "references without a key"
    yield factory.composite([]) | {"components": [["S.001.002.004"]]}, "a list in a list"
