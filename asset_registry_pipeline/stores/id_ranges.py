"""Ranges of `_id`, by which a large collection is cut for several workers; what is done with them is not said here."""

from dataclasses import dataclass
from typing import Any

from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo.cursor import Cursor


@dataclass(frozen=True)
class IdRange:
    """All `_id`s from `lower` (included) up to `upper` (not included), in BSON's order over all types."""

    lower: Any = MinKey()  # noqa: RUF009 - immutable
    upper: Any = MaxKey()  # noqa: RUF009 - immutable

    def bounding(self, cursor: Cursor[Any]) -> Cursor[Any]:
        """The cursor, kept within the range.

        By index bounds, not by `$gte`: that compares only values of one type, and `_id`s may be of any.
        """
        if self == WHOLE:
            return cursor
        return cursor.hint([("_id", 1)]).min([("_id", self.lower)]).max([("_id", self.upper)])


WHOLE = IdRange()
"""Every `_id`."""
