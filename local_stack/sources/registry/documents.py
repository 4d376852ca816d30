"""Components and songs of the synthetic staging database: exact keys, real forms of dirt, the same for each seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bson import ObjectId

from local_stack.sources.registry import taxonomy, texts

BUCKET_URL = "https://storage.googleapis.com/nna_registry_assets_stg"
TRAINING_DATA = '{"prompts":[],"images":[],"videos":[]}'
RIGHTS = '{"source":"Original","rights_split":"100%"}'
_EXTENSIONS = {"S": "png", "L": "png", "M": "mp4", "W": "mp4", "C": "mp4", "G": "mp3"}
_LONG_SHARE = {"S": 0.8, "L": 0.2}
_EPOCH = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)

Document = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A document, and what the curator does with it: approve, edit, reject, or nothing (`undecided`)."""

    document: Document
    verdict: str | None = None
    undecided: bool = False
    dirt: tuple[str, ...] = field(default=())


def document_id(seed: int, layer: str, index: int, created: datetime) -> ObjectId:
    """The `_id` that a document has under a seed: as real ones, it grows with the time it was made."""
    chance = hashlib.sha256(f"{seed}/{layer}/{index}".encode()).digest()
    return ObjectId(int(created.timestamp()).to_bytes(4, "big") + chance[:8])


def document(
    seed: int, layer: str, index: int, *, place: tuple[str, ...], sequence: str, random: Random, text: str
) -> Document:
    """A clean staging document with exactly the keys that staging has, in their order."""
    category, category_name, number, sub, sub_name, subnumber = place
    name = f"{layer}.{category}.{sub}.{sequence}"
    extension = "wav" if layer == "G" and index % 7 == 3 else _EXTENSIONS[layer]
    created = _EPOCH + timedelta(
        minutes=37 * index, seconds=random.randrange(3600), milliseconds=index % 1000
    )
    return {
        "_id": document_id(seed, layer, index, created),
        "layer": layer,
        "category": category_name,
        "subcategory": sub_name,
        "name": name,
        "nna_address": f"{layer}.{number}.{subnumber}.{sequence}",
        "gcpStorageUrl": f"{BUCKET_URL}/{layer}/{category}/{sub}/{name}.{extension}",
        "source": random.choice(("ReViz", "ReViz", "Clearity", "API")),
        "tags": texts.tags(random, layer, index),
        "description": text,
        "trainingData": TRAINING_DATA,
        "rights": RIGHTS,
        "components": [] if index % 11 == 5 else [""],
        "registeredBy": f"curator{random.randrange(1, 6):02d}@example.invalid",
        "createdAt": created,
        "updatedAt": created + timedelta(days=random.randrange(60)),
        "__v": random.randrange(3),
    }


def components(seed: int, layer: str, count: int, *, dirt: bool) -> Iterator[Made]:
    """The components of a layer; with ten and more, each kind of dirt of `_DIRT` is in one of the last."""
    random = Random(f"{seed}/{layer}")
    places = taxonomy.places(layer)
    sequences: dict[str, int] = {}
    for index in range(count):
        place = places[random.randrange(len(places))]
        key = f"{place[0]}.{place[3]}"
        sequences[key] = sequences.get(key, 0) + 1
        text = texts.description(random, layer, long=random.random() < _LONG_SHARE.get(layer, 0))
        clean = document(
            seed, layer, index, place=place, sequence=f"{sequences[key]:03d}", random=random, text=text
        )
        from_end = count - 1 - index
        soil = _DIRT[from_end] if dirt and count >= len(_DIRT) and from_end < len(_DIRT) else None
        yield soil(clean) if soil else Made(clean)


def songs(seed: int, count: int, *, dirt: bool) -> Iterator[Made]:
    """The songs: the first ones have the real lines, the last three are broken, undecided and rejected."""
    random = Random(f"{seed}/G")
    places = [place for place in taxonomy.places("G") if place[3] != "BAS"]
    hip_hop = next(place for place in places if (place[0], place[3]) == ("HIP", "MOD"))
    sequences: dict[str, int] = {}
    for index in range(count):
        place = hip_hop if index == 0 else places[random.randrange(len(places))]
        key = f"{place[0]}.{place[3]}"
        sequences[key] = sequences.get(key, 0) + 1
        song = document(
            seed, "G", index, place=place, sequence=f"{sequences[key]:03d}", random=random,
            text=texts.song_line(random, index),
        )  # fmt: skip
        from_end = count - 1 - index if dirt else -1
        if from_end == 0:
            broken = song | {"nna_address": "G.undefined.undefined.001"}
            broken["gcpStorageUrl"] = f"{BUCKET_URL}/G/undefined/undefined/{song['name']}.mp3"
            yield Made(broken, dirt=("undefined_in_address", "undefined_in_url"))
        elif from_end == 1:
            yield Made(song, undecided=True)
        else:
            yield Made(song, "reject" if from_end == 2 else "edit")


def _unreadable(document: Document) -> Made:
    """A broken document, of another kind in each layer."""
    layer = document["layer"]
    if layer == "S":
        return Made(document | {"trainingData": "{prompts: [}"}, dirt=("unparseable_json",))
    if layer == "L":
        # Letter, category and sequence are right, the subcategory is another one's.
        letter, category, subcategory, sequence = document["nna_address"].split(".")
        other = "002" if subcategory == "001" else "001"
        return Made(
            document | {"nna_address": f"{letter}.{category}.{other}.9{sequence}"}, dirt=("address_mismatch",)
        )
    if layer == "W":
        name = f"W.ZZZ.QQQ.{document['name'].rsplit('.', 1)[1]}"
        return Made(document | {"name": name}, dirt=("unknown_code",))
    return Made(document | {"rights": "[]"}, dirt=("unparseable_json",))


def _text(text: str, verdict: str | None, *dirt: str) -> Any:
    def soil(document: Document) -> Made:
        # One waits for a curator who has not come, in one layer; the same document is decided in the others.
        undecided = verdict is None and document["layer"] == "S"
        decided = None if undecided else verdict or "edit"
        return Made(document | {"description": text}, decided, undecided, dirt)

    return soil


def _codes(document: Document) -> Made:
    _, category, subcategory, _ = document["name"].split(".")
    return Made(document | {"category": category, "subcategory": subcategory}, dirt=("code_as_category",))


def _undefined_url(document: Document) -> Made:
    url = document["gcpStorageUrl"].replace(f"/{document['name'].split('.')[1]}/", "/undefined/")
    return Made(document | {"gcpStorageUrl": url}, dirt=("undefined_in_url",))


def _absent(document: Document) -> Made:
    kept = {key: value for key, value in document.items() if key not in ("trainingData", "rights")}
    return Made(kept, dirt=("missing_field",))


def _catalogue(document: Document) -> Made:
    return Made(
        document | {"description": f"Asset {document['name']} ({document['layer']}.STG.BAS)"},
        "approve",
        dirt=("placeholder_description",),
    )


_DIRT = (
    _unreadable,
    _text("test", None, "placeholder_description"),
    _text("Test asset", "edit", "placeholder_description"),
    _text("please delete", "reject", "placeholder_description"),
    _text("", "edit", "no_description"),
    _catalogue,
    _codes,
    _undefined_url,
    _absent,
    _text(" \n", "edit", "no_description", "trailing_whitespace"),
)
