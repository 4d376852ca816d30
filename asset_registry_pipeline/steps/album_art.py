"""One song's cover: fetched, looked at, made smaller, put into the bucket; or why it cannot be had, for a curator.

Which picture is a song's is settled in `enrichment`. Keys are made of the content and of the time of the song's words,
never of the run's clock: a second run finds the same objects under the same addresses.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asset_registry_pipeline.steps.renditions import Rendition, Unfit, make_renditions
from asset_registry_pipeline.stores.album_art import CoverStore, KeyTakenError, StoredObject
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.pictures.isolation import IsolatedWorkers

Fetch = Callable[[str], bytes]
"""What stands at a URL; raises PermanentError or TransientError. The guarded one is `lookups.fetching`."""

PREFIX = "album-art"
UNKNOWN_TIME = "undated"
_MARK_LENGTH = 24
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ATTEMPTS = 2
_QUALITIES = ("High", "Medium", "Low")
_HIGH_SIDE, _MEDIUM_SIDE = 500, 300
"""Pixels of the longer side from which little or nothing has to be enlarged."""


@dataclass(frozen=True)
class Picture:
    """The picture that is to be a song's cover: where it stands, who named it, and the quality that was promised."""

    url: str
    source: str
    quality: str = "High"


@dataclass(frozen=True)
class Cover:
    """A cover that is in the bucket: the object of the contract, and all its objects as they were read back."""

    album_art: dict[str, Any]
    objects: tuple[StoredObject, ...]


@dataclass(frozen=True)
class Failure:
    """Why there is no cover, in words for a curator; `again`: another run may have more luck with the same picture."""

    why: str
    again: bool


def cover_of(
    picture: Picture,
    *,
    item: str,
    words_at: datetime | None,
    covers: CoverStore,
    workers: IsolatedWorkers,
    fetch: Fetch,
) -> Cover | Failure:
    """Bring a song's cover into the bucket. `item`: the ledger's key of the song; `words_at`: the time of its words.

    What is wrong with the picture or with where it stands is a Failure.

    Raises:
        PermanentError: the bucket refuses, which concerns all songs.
        TransientError: the bucket does not answer.
    """
    try:
        data = retrying(attempts=_ATTEMPTS)(fetch, picture.url)
    except PermanentError as error:
        return Failure(error.reason, again=False)
    except TransientError as error:
        return Failure(f"it could not be fetched: {error.reason}", again=True)
    made = workers.run_or_reason(make_renditions, data)
    if isinstance(made, str):
        return Failure(made, again=False)
    if isinstance(made, Unfit):
        return Failure(made.why, again=False)
    folder = folder_of(item, words_at)
    try:
        objects = tuple(covers.put(key, one.data, one.mime) for key, one in _keys(folder, made))
    except KeyTakenError as error:
        return Failure(str(error), again=False)
    original = made[0]
    return Cover(
        {
            "url": covers.url(objects[0].key),
            "sourceUrl": picture.url,
            "source": picture.source,
            "quality": quality_of(original, promised=picture.quality),
            # By the store's clock, so that a second run tells the same.
            "uploadedAt": covers.stored_at(objects[0].key),
            "contentType": original.mime,
            "size": len(original.data),
            "dimensions": {"width": original.width, "height": original.height},
        },
        objects,
    )


def folder_of(item: str, words_at: datetime | None) -> str:
    """`album-art/[year]/[month]/[asset-id]`; an id that no address can hold is told by its hash."""
    when = f"{words_at:%Y/%m}" if words_at is not None else UNKNOWN_TIME
    name = item if _SAFE.fullmatch(item) else hashlib.sha256(item.encode()).hexdigest()[:32]
    return f"{PREFIX}/{when}/{name}"


def quality_of(original: Rendition, *, promised: str) -> str:
    """What was promised, or less where the picture has fewer pixels than that."""
    side = max(original.width, original.height)
    seen = "High" if side >= _HIGH_SIDE else "Medium" if side >= _MEDIUM_SIDE else "Low"
    return max(promised, seen, key=_QUALITIES.index)


def _keys(folder: str, made: Sequence[Rendition]) -> list[tuple[str, Rendition]]:
    """All sizes under one mark, the hash of them all: the address of one leads to the others.

    Another version of the codecs makes other bytes, and so another mark: nothing is ever to be overwritten.
    """
    digest = hashlib.sha256()
    for one in made:
        digest.update(hashlib.sha256(one.data).digest())
    mark = digest.hexdigest()[:_MARK_LENGTH]
    return [(f"{folder}/{mark}-{one.file_name}", one) for one in made]
