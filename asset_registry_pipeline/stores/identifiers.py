"""From a document's key, as ledger and API write it, back to its `_id`; the other way is the codec's."""

import ast
from typing import Any

from bson.errors import BSONError
from bson.int64 import Int64
from bson.objectid import ObjectId

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.workspace import Workspace

_LONGEST = 300


class UnknownKeyError(ValueError):
    """A text that is the key of no `_id`, as far as anybody knows."""


def identifier_of(item: str, workspace: Workspace) -> Any:
    """The `_id` whose key this is.

    Of an ObjectId its hex; of texts and numbers what `codec.item_key` writes (`int:5`, `str:'name'`); of other types as
    far as the newest inventory has seen one in staging.

    Raises:
        UnknownKeyError: it is the key of no `_id`.
    """
    if len(item) > _LONGEST or not item.isprintable():
        raise UnknownKeyError
    if ObjectId.is_valid(item) and str(ObjectId(item)) == item:
        return ObjectId(item)
    kind, _, written = item.partition(":")
    try:
        value = ast.literal_eval(written)
        value = Int64(value) if kind == "Int64" else value
        if codec.item_key(value) == item:
            return value
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError, BSONError):
        pass  # of another type, or nobody's key
    seen = workspace.snapshot_of([item]).get(item)
    if seen is None:
        raise UnknownKeyError
    return seen.identifier
