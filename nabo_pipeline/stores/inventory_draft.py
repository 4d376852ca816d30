"""A category's inventory while it is made: staged chunk by chunk in the database, then published at once.

What the rows say is `media.inventory`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from migration_kit.failures import PermanentError
from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.inventory import InventoryItem, StoredObject
from nabo_pipeline.stores.staging import copy_rows, publishing, replace_category
from nabo_pipeline.stores.state import SCHEMA, Listing, save_listing

if TYPE_CHECKING:
    import psycopg

_COLUMNS = tuple(field.name for field in fields(InventoryItem))
# Not `astuple`: that copies every value deeply, at ten times the cost.
_row = attrgetter(*_COLUMNS)
_KNOWN = f"select key, size, version, mime from {SCHEMA}.inventory where key = any(%s)"  # noqa: S608 - constants


class InventoryDraft:
    """The staged rows of one category. They are gone with the connection, whatever becomes of the run."""

    def __init__(self, connection: psycopg.Connection[Any], category: str) -> None:
        self._connection = connection
        self._category = category

    def known_types(self, found: Sequence[StoredObject]) -> dict[str, str]:
        """Key -> type of those objects that the last inventory saw with the same size and version mark."""
        wanted = {one.key: (one.size, one.version) for one in found}
        with transient_errors("inventory"):
            rows = self._connection.execute(_KNOWN.encode(), [list(wanted)]).fetchall()
        return {key: mime for key, size, version, mime in rows if wanted[key] == (size, version)}

    def stage(self, items: Sequence[InventoryItem]) -> None:
        """Appends rows."""
        copy_rows(self._connection, "staged", _COLUMNS, map(_row, items))

    def publish(self, listing: Listing) -> int:
        """The staged rows become the category's inventory, with its listing; returns the rows written or deleted.

        Raises PermanentError if the store listed a key twice.
        """
        from psycopg.errors import UniqueViolation

        with publishing(self._connection, f"inventory of {self._category}"):
            try:
                self._connection.execute("create unique index on staged (key)")
            except UniqueViolation as error:
                raise PermanentError(
                    f"the backup lists a key twice: {error.diag.message_detail}",
                    item=f"category {self._category}",
                    remedy="Make sure that nothing writes to the backup, then run the inventory again.",
                ) from error
            changed = replace_category(self._connection, "staged", "inventory", _COLUMNS, self._category)
            return changed + save_listing(self._connection, listing)


@contextmanager
def drafted_inventory(conninfo: str, category: str) -> Iterator[InventoryDraft]:
    """An empty draft, on a connection of its own: there is no long transaction while heads are read."""
    with transient_errors("inventory"), closing(connect(conninfo, autocommit=True)) as connection:
        connection.execute(f"create temp table staged (like {SCHEMA}.inventory including defaults)".encode())
        yield InventoryDraft(connection, category)
