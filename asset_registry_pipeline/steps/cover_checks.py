"""Whether the covers that songs show are in the bucket as they were recorded: every object, byte by byte."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.steps.album_art import PREFIX
from asset_registry_pipeline.stores.album_art import CoverStore, StoredObject
from asset_registry_pipeline.stores.connections import Registry

UNCHECKED = "it cannot be looked at: ALBUM_ART_BUCKET is not set"
UNRECORDED = "nothing is recorded of it"


def cover_faults(registry: Registry, arts: Iterable[Any], covers: CoverStore | None) -> dict[str, str]:
    """What is wrong with the covers of some `albumArt` values, by the address of each; what is not ours is left out.

    Raises:
        PermanentError: the bucket refuses.
        TransientError: the database or the bucket does not answer.
    """
    urls = list(dict.fromkeys(filter(None, map(url_of, arts))))
    recorded = registry.cover_records.among(urls)
    faults = {}
    for url in urls:
        if url in recorded:
            wrong = UNCHECKED if covers is None else _wrong_with(recorded[url], covers)
        else:
            wrong = UNRECORDED if covers is not None and url.startswith(covers.url(f"{PREFIX}/")) else None
        if wrong is not None:
            faults[url] = wrong
    return faults


def url_of(art: Any) -> str | None:
    """The address in an `albumArt` value; None where it has none."""
    url = art.get("url") if isinstance(art, Mapping) else None
    return url if is_text(url) else None


def _wrong_with(objects: Iterable[StoredObject], covers: CoverStore) -> str | None:
    told = []
    for one in objects:
        found = covers.read(one.key)
        if found is None:
            told.append(f"{one.key} is missing")
        elif hashlib.sha256(found).hexdigest() != one.sha256:
            told.append(f"{one.key} has other bytes than were written")
    return "; ".join(told) or None
