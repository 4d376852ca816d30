"""This migration's own tables: the newest inventory and plan of each category (schema `nabo_migration`).

Outcomes, plans' fingerprints, verdicts and publications are the kit's ledger's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.inventory import InventoryItem, Totals
from nabo_pipeline.media.plans import PlanItem

if TYPE_CHECKING:
    import psycopg

SCHEMA = "nabo_migration"
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
_PLAN_COLUMNS = tuple(field.name for field in fields(PlanItem))


class StateStore:
    """Inventories and plans. One connection, closed by `close`."""

    def __init__(self, conninfo: str) -> None:
        self._connection = connect(conninfo, autocommit=True)

    def install(self) -> None:
        """Makes schema and tables where they are missing; two runs may do so at once."""
        script = files(__package__).joinpath("state.sql").read_text(encoding="utf-8")
        with self._connection.transaction():
            self._connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [SCHEMA])
            self._connection.execute(script.encode())

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def save_inventory(self, listing: Listing, items: Iterable[InventoryItem]) -> int:
        """Makes `items` the category's inventory, in one transaction; returns the rows written or deleted.

        Rows that say the same already are not touched.
        """
        with transient_errors("inventory"), self._connection.transaction():
            rows = (astuple(item) for item in items)
            changed = _replace(self._connection, "inventory", _INVENTORY_COLUMNS, rows, listing.category)
            changed += _upsert_listing(self._connection, listing)
        return changed

    def listing(self, category: str) -> Listing | None:
        """What the newest inventory of a category listed, None before the first."""
        return self.listings().get(category)

    def listings(self) -> dict[str, Listing]:
        """The newest listing of every category that has one."""
        query = f"select {', '.join(_LISTING_COLUMNS)}, scanned_at from {SCHEMA}.listings"  # noqa: S608 - constants
        with transient_errors("inventory"):
            rows = self._connection.execute(query.encode()).fetchall()
        return {row[0]: Listing(*row) for row in rows}

    def inventory(self, category: str) -> list[InventoryItem]:
        """The category's inventory, in the order of the keys."""
        return self._rows("inventory", "key", _INVENTORY_COLUMNS, category, InventoryItem)

    def save_plan_items(self, category: str, items: Iterable[PlanItem]) -> int:
        """Makes `items` the category's plan; returns the rows written or deleted."""
        columns = (*_PLAN_COLUMNS, "category")
        with transient_errors("plan"), self._connection.transaction():
            rows = ((*astuple(item), category) for item in items)
            return _replace(self._connection, "plan_items", columns, rows, category)

    def plan_items(self, category: str) -> list[PlanItem]:
        """The category's plan, in the order of the paths."""
        return self._rows("plan_items", "item", _PLAN_COLUMNS, category, PlanItem)

    def unmatched(self, category: str) -> list[str]:
        """The files that not all of inventory, plan and ledger know, each with those that lack it."""
        query = f"""
            select coalesce(i.key, p.item, o.item) as file, i.key is null, p.item is null, o.item is null
            from (select key from {SCHEMA}.inventory where category = %(category)s) i
            full join (select item from {SCHEMA}.plan_items where category = %(category)s) p on p.item = i.key
            full join (select item from {SCHEMA}.outcomes where partition = %(category)s) o
                on o.item = coalesce(i.key, p.item)
            where i.key is null or p.item is null or o.item is null
            order by coalesce(i.key, p.item, o.item) collate "C"
        """  # noqa: S608 - constants
        with transient_errors("accounting"):
            rows = self._connection.execute(query.encode(), {"category": category}).fetchall()
        names = ("inventory", "plan", "ledger")
        return [
            f"{file} (not in {', '.join(name for name, absent in zip(names, lacks, strict=True) if absent)})"
            for file, *lacks in rows
        ]

    def _rows(self, table: str, key: str, columns: tuple[str, ...], category: str, kind: type[T]) -> list[T]:
        # By bytes, as Python sorts: the database's collation would order letters otherwise.
        query = f'select {", ".join(columns)} from {SCHEMA}.{table} where category = %s order by {key} collate "C"'  # noqa: S608 - constants
        with transient_errors(table):
            return [kind(*row) for row in self._connection.execute(query.encode(), [category])]


def _replace(
    connection: psycopg.Connection[Any],
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    category: str,
) -> int:
    """The rows of a category become `rows`: what differs is written, what is gone is deleted, the rest stays.

    The first of the columns is the table's key.
    """
    key = columns[0]
    named = ", ".join(columns)
    others = [column for column in columns if column != key]
    update = ", ".join(f"{column} = excluded.{column}" for column in others)
    kept, wanted = (", ".join(f"{side}.{column}" for column in others) for side in ("kept", "excluded"))
    target = f"{SCHEMA}.{table}"
    connection.execute(f"create temp table staged (like {target}) on commit drop".encode())
    with connection.cursor() as cursor:
        with cursor.copy(f"copy staged ({named}) from stdin".encode()) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"insert into {target} as kept ({named}) select {named} from staged order by {key}"  # noqa: S608
            f" on conflict ({key}) do update set {update} where ({kept}) is distinct from ({wanted})".encode()
        )
        changed = cursor.rowcount
        cursor.execute(
            f"delete from {target} where category = %s and {key} not in (select {key} from staged)".encode(),  # noqa: S608
            [category],
        )
        return changed + cursor.rowcount


def _upsert_listing(connection: psycopg.Connection[Any], listing: Listing) -> int:
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
