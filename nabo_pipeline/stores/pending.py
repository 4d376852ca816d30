"""What of a plan is still to be carried over or to get its row: settled in the database, handed out in chunks.

However many files a category has, only a chunk of them is ever in memory. The statements stand in `pending.sql`;
what is done with a file is the steps' matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from migration_kit.accounting import State
from migration_kit.ledger import Entry
from migration_kit.postgres import transient_errors
from nabo_pipeline.media.plans import PlanItem
from nabo_pipeline.stores.outcomes import take_turn
from nabo_pipeline.stores.session import session_kept
from nabo_pipeline.stores.statements import statement

if TYPE_CHECKING:
    import psycopg

TAKEN_AWAY = "Taken away in the app since it was migrated"

CHUNK = 500
"""Files of the plan that are in memory at once, beside those on their way."""

_PLAN_COLUMNS = tuple(field.name for field in fields(PlanItem))
_ENTRY_COLUMNS = (
    "item", "partition", "state", "reason", "source_hash", "target_hash", "detail", "run_id", "batch_id",
)  # fmt: skip
_IN_PLACE = (
    "o.detail ->> 'bucket' = p.bucket and regexp_replace(o.detail ->> 'path', '\\.[^.]*$', '') = p.stem"
)
# Never for a person whom the present plan does not name: the mapping was corrected since the picture was sent.
_MAY_HAVE_ROW = f"""(o.state in ('migrated', 'already_present') or o.detail ? 'was')
  and (o.detail ? 'row' or not exists (
      select 1 from nabo_migration.plan_items p
      where p.item = o.item and p.action = 'migrate'
        and not ({_IN_PLACE} and o.detail ->> 'owner' is not distinct from p.owner)))"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Pending:
    """A file to be carried: its plan row, its ledger entry, and whether another file is its owner's avatar by now."""

    item: PlanItem
    known: Entry | None
    taken: bool


@dataclass(frozen=True)
class Queued:
    """How many files are to be carried: those that go first, and those that stand in for one of them."""

    first: int
    alternates: int


@dataclass(frozen=True)
class Totals:
    """What stands in Storage by one verdict of compression: files, bytes in the backup, bytes in Storage."""

    verdict: str
    files: int
    source_bytes: int
    bytes: int


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Makes the ledger's indexes for the apply stage where they are missing; ledger and plan must be installed."""
    with transient_errors("ledger"), connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('nabo_migration'))")
        connection.execute(_statement("prepare"))


def anything_to_carry(connection: psycopg.Connection[Any], category: str) -> bool:
    """Whether the plan means to migrate anything of this category, or anything of it was migrated."""
    row = _ask(connection, "anything_to_carry", category=category).fetchone()
    return bool(row and row[0])


def settle_decided(connection: psycopg.Connection[Any], category: str, run: str, batch: str) -> int:
    """Records what the plan itself decided (excluded, quarantined); returns how many entries were written."""
    with transient_errors("ledger"), connection.transaction():
        take_turn(connection, category)
        return _ask(connection, "settle_decided", category=category, run=run, batch=batch).rowcount


def settle_taken_away(connection: psycopg.Connection[Any], category: str, run: str, batch: str) -> int:
    """Records of which pictures neither row nor object stands any more; returns how many. Needs `bucket_listing`."""
    with transient_errors("ledger"), connection.transaction():
        take_turn(connection, category)
        values = {"category": category, "run": run, "batch": batch, "reason": TAKEN_AWAY}
        return _ask(connection, "settle_taken_away", **values).rowcount


def queue(connection: psycopg.Connection[Any], category: str) -> Queued:
    """Sets aside what is done by ledger and `bucket_listing`, and queues the rest on this connection; tells how many.

    `stores.bucket_listing.stage_listing` must have been called on the same connection.
    """
    _ask(connection, "make_pending")
    _ask(connection, "fill_pending", category=category)
    row = _ask(connection, "count_pending").fetchone()
    return Queued(*row) if row else Queued(0, 0)


def pending_chunks(connection: psycopg.Connection[Any], *, alternates: bool) -> Iterator[list[Pending]]:
    """What was queued, in the order of the paths, each chunk with the ledger as it is when the chunk is drawn."""
    after, width = 0, 1 + len(_PLAN_COLUMNS)
    while True:
        rows = _ask(connection, "pending_chunk", after=after, alternates=alternates, chunk=CHUNK).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield [Pending(PlanItem(*row[1:width]), _entry(row[width:-1]), row[-1]) for row in rows]


def transfer_totals(connection: psycopg.Connection[Any], category: str) -> list[Totals]:
    """Files and bytes of a category's verified objects, by the verdict of compression."""
    return [Totals(*row) for row in _ask(connection, "transfer_totals", category=category)]


def rows_known(connection: psycopg.Connection[Any], category: str) -> int:
    """How many pictures of a category have their row by the ledger."""
    row = _ask(connection, "rows_known", category=category).fetchone()
    return int(row[0]) if row else 0


def galleries_without_rows(
    connection: psycopg.Connection[Any], category: str, *, pictures: int
) -> Iterator[list[list[Entry]]]:
    """The galleries in which a picture lacks its row, whole, in batches of about `pictures` pictures.

    A service is never torn apart: its order and its preview are decided over all of its pictures.
    """
    _ask(connection, "make_galleries")
    _ask(connection, "fill_galleries", category=category)
    batch: list[str] = []
    size = 0
    for gallery, count in _galleries(connection):
        batch.append(gallery)
        size += count
        if size >= pictures:
            yield _entries_of(connection, category, batch)
            batch, size = [], 0
    if batch:
        yield _entries_of(connection, category, batch)


def _galleries(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, int]]:
    after = 0
    while rows := _ask(connection, "galleries_after", after=after, chunk=CHUNK).fetchall():
        after = rows[-1][0]
        yield from ((gallery, count) for _, gallery, count in rows)


def _entries_of(connection: psycopg.Connection[Any], category: str, names: list[str]) -> list[list[Entry]]:
    galleries: dict[str, list[Entry]] = {name: [] for name in names}
    for row in _ask(connection, "gallery_entries", category=category, galleries=names):
        entry = _entry(row)
        if entry is not None:
            galleries[str(entry.detail.get("service") or entry.item)].append(entry)
    return [gallery for gallery in galleries.values() if gallery]


def _entry(row: tuple[Any, ...]) -> Entry | None:
    told = dict(zip(_ENTRY_COLUMNS, row, strict=True))
    return Entry(**(told | {"state": State(told["state"])})) if told["item"] is not None else None


def _ask(connection: psycopg.Connection[Any], name: str, **values: Any) -> psycopg.Cursor[Any]:
    with transient_errors("ledger"), session_kept("ledger"):
        return connection.execute(_statement(name), values or None)


def _statement(name: str) -> bytes:
    columns = ", ".join(f"p.{column}" for column in _PLAN_COLUMNS)
    return statement(
        "pending.sql", name, plan_columns=columns, in_place=_IN_PLACE, may_have_row=_MAY_HAVE_ROW
    )
