"""This migration's own tables: the newest inventory and plan of each category (schema `nabo_migration`).

Outcomes, plans' fingerprints, verdicts and publications are the kit's ledger's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.inventory import InventoryItem, Totals
from nabo_pipeline.media.plans import PlanItem

if TYPE_CHECKING:
    import psycopg

SCHEMA = "nabo_migration"
ROWS_A_FETCH = 2_000
"""Rows of a stream that are in memory at once."""
T = TypeVar("T")


@dataclass(frozen=True)
class Listing:
    """What an inventory listed: its own category, and the whole backup at that time."""

    category: str
    fingerprint: str
    files: int
    bytes: int
    whole_fingerprint: str
    whole_files: int
    whole_bytes: int
    chats_migrated: bool
    scanned_at: datetime | None = None

    @property
    def totals(self) -> Totals:
        """Objects and bytes of the category."""
        return Totals(self.files, self.bytes)

    @property
    def whole(self) -> Totals:
        """Objects and bytes of the whole backup."""
        return Totals(self.whole_files, self.whole_bytes)


_LISTING_COLUMNS = tuple(field.name for field in fields(Listing) if field.name != "scanned_at")
_INVENTORY_COLUMNS = tuple(field.name for field in fields(InventoryItem))
PLAN_COLUMNS = tuple(field.name for field in fields(PlanItem))


class StateStore:
    """Inventories and plans. One connection, closed by `close`; each stream has another of its own.

    A stream shows one moment: what is written meanwhile, on whatever connection, does not appear in it.
    """

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.connection: psycopg.Connection[Any] = connect(conninfo, autocommit=True)

    def install(self) -> None:
        """Makes schema and tables where they are missing; two runs may do so at once."""
        script = files(__package__).joinpath("state.sql").read_text(encoding="utf-8")
        with self.connection.transaction():
            self.connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [SCHEMA])
            self.connection.execute(script.encode())

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def listing(self, category: str) -> Listing | None:
        """What the newest inventory of a category listed, None before the first."""
        return self.listings().get(category)

    def listings(self) -> dict[str, Listing]:
        """The newest listing of every category that has one."""
        query = f"select {', '.join(_LISTING_COLUMNS)}, scanned_at from {SCHEMA}.listings"  # noqa: S608 - constants
        with transient_errors("inventory"):
            rows = self.connection.execute(query.encode()).fetchall()
        return {row[0]: Listing(*row) for row in rows}

    def inventory(self, category: str) -> Iterator[InventoryItem]:
        """The category's inventory, streamed in the order of the keys (by bytes, as Python sorts)."""
        # The database's own collation would order letters otherwise.
        query = (
            f"select {', '.join(_INVENTORY_COLUMNS)} from {SCHEMA}.inventory"  # noqa: S608 - constants
            ' where category = %(category)s order by key collate "C"'
        )
        return self.stream(query, {"category": category}, InventoryItem)

    def plan_items(self, category: str, *, action: str | None = None) -> Iterator[PlanItem]:
        """The category's plan, or its rows of one action, streamed in the order of the paths (by bytes)."""
        query = (
            f"select {', '.join(PLAN_COLUMNS)} from {SCHEMA}.plan_items"  # noqa: S608 - constants
            " where category = %(category)s and (%(action)s::text is null or action = %(action)s)"
            ' order by item collate "C"'
        )
        return self.stream(query, {"category": category, "action": action}, PlanItem)

    def stream(self, query: str, values: Mapping[str, Any], kind: Callable[..., T]) -> Generator[T]:
        """The query's rows, each as `kind` makes it of its columns, by a cursor on the server."""
        with (
            transient_errors("nabo_migration"),
            closing(connect(self.conninfo)) as connection,
            connection.cursor("rows") as cursor,
        ):
            cursor.itersize = ROWS_A_FETCH
            for row in cursor.execute(query.encode(), values):
                yield kind(*row)


def save_listing(connection: psycopg.Connection[Any], listing: Listing) -> int:
    """Keeps what an inventory listed, in the caller's transaction; returns 0 if it says nothing new."""
    values = [getattr(listing, column) for column in _LISTING_COLUMNS]
    update = ", ".join(f"{column} = excluded.{column}" for column in _LISTING_COLUMNS[1:])
    kept, wanted = (
        ", ".join(f"{side}.{column}" for column in _LISTING_COLUMNS[1:]) for side in ("kept", "excluded")
    )
    query = (
        f"insert into {SCHEMA}.listings as kept ({', '.join(_LISTING_COLUMNS)})"  # noqa: S608 - constants
        f" values ({', '.join(['%s'] * len(values))}) on conflict (category) do update set {update},"
        f" scanned_at = now() where ({kept}) is distinct from ({wanted})"
    )
    return connection.execute(query.encode(), values).rowcount
