"""The registry's own reading side over development: searching its assets. Writing them is `Development`'s.

Which asset may be changed, and what of it anybody is shown, is not decided here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import ExecutionTimeout, OperationFailure

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.development import ASSETS
from migration_kit.failures import TransientError
from migration_kit.mongo import raw_documents, transient_errors

SUMMARY = (
    "layer", "category", "subcategory", "name", "nna_address", "gcpStorageUrl", "tags", "description",
    "creatorDescription", "albumArt", "createdAt", "updatedAt",
)  # fmt: skip
"""The fields of an asset that a search shows, besides its `_id`."""
LONGEST_SEARCH_SECONDS = 5
_SEARCHED = ("name", "description", "tags", "creatorDescription")
_NO_TEXT_INDEX, _NOT_SET = 27, (None, "")
_MOST_WORDS = 20
_WORD = re.compile(r"\w[\w.'-]*")


@dataclass(frozen=True)
class Search:
    """What is looked for: all that is given has to hold. `text`: some of its words; `tags`: all of them."""

    text: str = ""
    layer: str | None = None
    category: str | None = None
    subcategory: str | None = None
    tags: Sequence[str] = ()
    has_album_art: bool | None = None


@dataclass(frozen=True)
class Found:
    """A page of what was found, as bytes of the fields in `SUMMARY`; `by_index`: by the text index, best first."""

    raws: tuple[bytes, ...]
    total: int
    by_index: bool


class Assets:
    """Development's collection `assets`, to be searched."""

    def __init__(self, database: Database[Any]) -> None:
        self._assets = database.get_collection(ASSETS, codec_options=codec.RAW)

    def search(self, search: Search, *, skip: int, limit: int) -> Found:
        """A page of the assets that are looked for.

        Until the text index has been made, which a first publishing does at its end, words are looked for in the
        documents themselves, without their other forms ("dancing" does not find "dance").

        Raises:
            TransientError: it takes too long, or the server is lost.
        """
        wanted = _filters(search)
        try:
            with transient_errors("development"):
                if search.text.strip():
                    try:
                        return self._found(
                            wanted | {"$text": {"$search": search.text}}, skip, limit, by_index=True
                        )
                    except OperationFailure as error:
                        if error.code != _NO_TEXT_INDEX:
                            raise
                    wanted = wanted | _words(search.text)
                return self._found(wanted, skip, limit, by_index=False)
        except ExecutionTimeout as error:
            raise TransientError(
                f"the search takes longer than {LONGEST_SEARCH_SECONDS} seconds",
                item="development",
                remedy="Narrow it by layer, category or tags",
            ) from error

    def _found(self, wanted: Mapping[str, Any], skip: int, limit: int, *, by_index: bool) -> Found:
        longest = LONGEST_SEARCH_SECONDS * 1000
        total = self._assets.count_documents(wanted, maxTimeMS=longest)
        fields: dict[str, Any] = dict.fromkeys(SUMMARY, 1)
        order: list[tuple[str, Any]] = [("_id", 1)]
        if by_index:
            order = [("score", {"$meta": "textScore"}), *order]
        cursor = self._assets.find_raw_batches(
            wanted, fields, sort=order, skip=skip, limit=limit, max_time_ms=longest, allow_disk_use=True
        )
        return Found(tuple(raw_documents(cursor)), total, by_index)


def _filters(search: Search) -> dict[str, Any]:
    chosen = {"layer": search.layer, "category": search.category, "subcategory": search.subcategory}
    wanted: dict[str, Any] = {field: value for field, value in chosen.items() if value is not None}
    if search.tags:
        wanted["tags"] = {"$all": [*search.tags]}
    if search.has_album_art is not None:
        wanted["albumArt"] = {"$nin" if search.has_album_art else "$in": [*_NOT_SET]}
    return wanted


def _words(text: str) -> dict[str, Any]:
    words = dict.fromkeys(_WORD.findall(text)[:_MOST_WORDS])
    if not words:
        return {"_id": {"$in": []}}
    pattern = {"$regex": "|".join(map(re.escape, words)), "$options": "i"}
    return {"$or": [{field: pattern} for field in _SEARCHED]}
