"""Ranges of `_id`, by which a large collection is cut for several workers; what is done with them is not said here."""

from dataclasses import dataclass
from typing import Any, TypeVar

from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo.cursor import Cursor

_C = TypeVar("_C", bound=Cursor[Any])

LAYER_INDEX = (("layer", 1), ("identifier", 1))
"""The index of the migration's own rows, which are kept in the order of the `_id`s that they tell of."""
_ROWS_A_BATCH = 1_000


@dataclass(frozen=True)
class IdRange:
    """All `_id`s from `lower` (included) up to `upper` (not included), in BSON's order over all types.

    A `lower` of MinKey and an `upper` of MaxKey are no bounds at all: an `_id` may be one of them.
    """

    lower: Any = MinKey()  # noqa: RUF009 - immutable
    upper: Any = MaxKey()  # noqa: RUF009 - immutable

    @property
    def leaves_out_the_end(self) -> bool:
        """Whether a bounded cursor lacks the document whose `_id` is MaxKey: to the server an index ends before it."""
        return bool(self.upper == WHOLE.upper and self.lower != WHOLE.lower)

    def bounding(self, cursor: _C) -> _C:
        """The cursor, kept within the range.

        By index bounds, not by `$gte`: that compares only values of one type, and `_id`s may be of any.
        """
        if self == WHOLE:
            return cursor
        cursor = cursor.hint([("_id", 1)])
        if self.lower != WHOLE.lower:
            cursor = cursor.min([("_id", self.lower)])
        return cursor if self.upper == WHOLE.upper else cursor.max([("_id", self.upper)])

    def bounding_rows(self, cursor: _C, layer: str) -> _C:
        """The cursor over rows of a layer, kept within the range of `identifier` and in its order."""
        # Left to itself a server fills each batch with 16 MB, of which short rows make many times as much here.
        cursor = cursor.sort(list(LAYER_INDEX)).batch_size(_ROWS_A_BATCH)
        if self == WHOLE:
            return cursor
        lower: Any = [("layer", layer), ("identifier", self.lower)]
        upper: Any = [("layer", layer), ("identifier", self.upper)]
        if self.upper == WHOLE.upper:
            # The first text after the layer's own: a bound that leaves none of its rows out.
            upper = [("layer", f"{layer}\0"), ("identifier", MinKey())]
        return cursor.hint(list(LAYER_INDEX)).min(lower).max(upper)


WHOLE = IdRange()
"""Every `_id`."""
