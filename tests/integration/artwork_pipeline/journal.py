"""What the writers were told is done, and how it is found again on either side."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

COLUMNS = {
    "pet": ("pet_name", "pet_name"),
    "customer": ("customer_name", "customer_name"),
    "mom": ("original_pet_mom_url", "pet_mom_image_url"),
    "paid picture": ("upscaled_image_url", "upscaled_image_url"),
    "token": ("access_token", "access_token"),
}
"""What a customer can tell of an artwork: the column in the old schema, and in the clean one."""
OLD, CLEAN = 0, 1


@dataclass
class Journal:
    """What was acknowledged, and what may or may not have been done because the answer was lost."""

    values: dict[tuple[uuid.UUID, str], set[Any]] = field(default_factory=dict)
    inserted: set[uuid.UUID] = field(default_factory=set)
    deleted: set[uuid.UUID] = field(default_factory=set)
    may_be_deleted: set[uuid.UUID] = field(default_factory=set)
    orders: dict[str, uuid.UUID] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    acknowledged: int = 0
    tried_again: int = 0

    def lost(self, url: str, old: str | None, clean: str, served: str) -> list[str]:
        """What is not as it was acknowledged, in the tables of these names."""
        found = list(self.wrong)
        with psycopg.connect(url, autocommit=True) as connection:
            for side, table in ((OLD, old), (CLEAN, clean)):
                if table:
                    found += self._lost_in(connection, side, table)
            orders = dict(
                connection.execute(
                    f"SELECT stripe_session_id, a.id FROM orders o LEFT JOIN {served} a ON a.id = o.artwork_id "
                    "WHERE o.artwork_id IS NOT NULL"
                )
            )
        found += [f"order {name} dangles" for name, artwork in orders.items() if artwork is None]
        found += [
            f"order {name} is lost"
            for name, artwork in self.orders.items()
            if artwork not in self.may_be_deleted and orders.get(name) != artwork
        ]
        return found

    def _lost_in(self, connection: psycopg.Connection[Any], side: int, table: str) -> Iterator[str]:
        rows = {
            row[0]: dict(zip(COLUMNS, row[1:], strict=True))
            for row in connection.execute(
                f"SELECT id, {', '.join(names[side] for names in COLUMNS.values())} FROM {table}"
            )
        }
        yield from (f"{row} is in {table}, though deleted" for row in self.deleted if row in rows)
        yield from (
            f"{row} is not in {table}" for row in self.inserted - self.may_be_deleted if row not in rows
        )
        for (row, name), allowed in self.values.items():
            if row in self.may_be_deleted or (row not in rows and side == CLEAN and row not in self.inserted):
                continue  # a row that is set aside has no clean one; the comparison of both sides knows which
            if row not in rows:
                yield f"{row} is not in {table}"
            elif rows[row][name] not in allowed:
                yield f"{row} in {table}: {name} is {rows[row][name]!r}, acknowledged was {allowed}"
