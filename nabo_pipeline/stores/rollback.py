"""SQL of the rollback: what became of our rows, taking them away, and the history of what was taken back.

What may go is decided in `media.rollback`; objects are taken away in the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from migration_kit.ledger import Entry
from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.records import media_id
from nabo_pipeline.media.rollback import RowIs
from nabo_pipeline.stores.state import SCHEMA

if TYPE_CHECKING:
    import psycopg

LOCK_TIMEOUT = "15s"
"""The app's own writers are not kept waiting behind a lock that does not come."""

# Every column of public.media: those that this migration leaves empty must be empty still.
_WRITTEN = "(m.created_at, m.file_path, m.media_type::text, m.owner_id, m.service_id, m.chat_message_id, \
m.is_preview_image, m.application_id, m.review_id, m.booking_note_id)"
_EXPECTED = "(w.created_at, w.file_path, w.media_type, w.owner_id, w.service_id, w.chat_message_id, \
w.is_preview_image, null, null, null)"
_ROWS = f"""
    with wanted as (
        select * from jsonb_to_recordset(%(wanted)s::jsonb) as w(
            item text, id uuid, recorded boolean, created_at timestamptz, file_path text, media_type text,
            owner_id uuid, service_id uuid, chat_message_id uuid, is_preview_image boolean)
    ), others as (
        select distinct m.file_path from public.media m join wanted w on w.file_path = m.file_path and w.id <> m.id
    )
    select w.item, w.id::text,
        case when m.id is null then case when w.recorded then 'gone' else 'never written' end
             when not w.recorded then 'not recorded'
             when {_WRITTEN} is not distinct from {_EXPECTED} then 'as written'
             else 'changed' end,
        o.file_path is not null
    from wanted w
    left join public.media m on m.id = w.id
    left join others o on o.file_path = w.file_path
"""  # noqa: S608 - constants
_REFERRING = """
    select c.conrelid::regclass::text, quote_ident(a.attname)
    from pg_constraint c
    join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid = 'public.media'::regclass and cardinality(c.conkey) = 1
"""
# An item that a lost run had begun keeps what that run did; its row may have been written again in between.
_BEGIN = f"""
    insert into {SCHEMA}.rolled_back as kept (item, partition, run_id, row_done, object_done, outcome)
    select o.item, o.partition, %(run)s, d.row_done, d.object_done, to_jsonb(o)
    from {SCHEMA}.outcomes o
    join unnest(%(items)s::text[], %(rows)s::text[], %(objects)s::text[]) as d(item, row_done, object_done)
        on d.item = o.item
    order by o.item
    on conflict (item) where finished_at is null do update set
        run_id = excluded.run_id,
        row_done = case when kept.row_done = 'removed' then kept.row_done else excluded.row_done end,
        object_done = case when kept.object_done = 'removed' then kept.object_done else excluded.object_done end,
        outcome = case when excluded.row_done = 'removed' then excluded.outcome else kept.outcome end
"""  # noqa: S608 - constants
_FINISH = f"""
    with gone as (delete from {SCHEMA}.outcomes where item = any(%(items)s::text[]))
    update {SCHEMA}.rolled_back set finished_at = now()
    where item = any(%(items)s::text[]) and finished_at is null
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class FoundRow:
    """What became of the row of an item."""

    id: str
    row: RowIs
    shown_by_others: bool
    referring_table: str | None


class RollbackStore:
    """Rows, outcomes and history on one connection, which the caller closes."""

    def __init__(self, conninfo: str) -> None:
        self.connection: psycopg.Connection[Any] = connect(conninfo, autocommit=True)
        self._referring: list[tuple[str, str]] = []

    def install(self) -> None:
        """Makes the history where it is missing, and looks up which tables refer to `public.media`."""
        script = files(__package__).joinpath("rolled_back.sql").read_text(encoding="utf-8")
        with transient_errors("rollback"), self.connection.transaction():
            self.connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [SCHEMA])
            self.connection.execute(script.encode())
        self._referring = self.connection.execute(_REFERRING).fetchall()

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction. Raises TransientError where a lock does not come in time."""
        with transient_errors("rollback"), self.connection.transaction():
            self.connection.execute("select set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
            yield

    def rows(self, entries: Sequence[Entry], *, lock: bool) -> dict[str, FoundRow]:
        """What became of the row of each entry, by item; with `lock` kept as it is until the transaction ends."""
        from psycopg.types.json import Jsonb

        wanted = [_wanted(entry) for entry in entries]
        ids = sorted(one["id"] for one in wanted)
        if lock:
            # Also keeps others from beginning to refer to them: a foreign key locks the row that it names.
            self.connection.execute(
                "select 1 from public.media where id = any(%s::uuid[]) order by id for update", [ids]
            )
        found = self.connection.execute(_ROWS.encode(), {"wanted": Jsonb(wanted)}).fetchall()
        referring = self._who_refers(ids)
        return {
            item: FoundRow(row, RowIs(stands), shown, referring.get(row))
            for item, row, stands, shown in found
        }

    def _who_refers(self, ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for table, column in self._referring:
            # Both names come quoted from PostgreSQL's own catalogue.
            query = f"select distinct {column}::text from {table} where {column} = any(%s::uuid[])"  # noqa: S608
            found |= {row: table for (row,) in self.connection.execute(query.encode(), [ids])}
        return found

    def begin(self, entries: Sequence[Entry], done: Mapping[str, tuple[str, str]], run_id: str) -> None:
        """Takes the rows of entries away, in the caller's transaction: media, ledger and history in one.

        `done`: item -> what is done with its row and its object. Afterwards the ledger says what it said before the
        rows were written, so that a run that is lost here leaves a state that rollback and migration both take up.
        """
        items = [entry.item for entry in entries]
        told = [done[item] for item in items]
        gone = [
            str(_wanted(entry)["id"])
            for entry, (row, _) in zip(entries, told, strict=True)
            if row == "removed"
        ]
        values = {"run": run_id, "items": items, "rows": [row for row, _ in told]}
        self.connection.execute(_BEGIN.encode(), values | {"objects": [one for _, one in told]})
        self.connection.execute("delete from public.media where id = any(%s::uuid[])", [gone])
        self.connection.execute(
            f"update {SCHEMA}.outcomes set detail = detail - 'row', updated_at = now()"  # noqa: S608 - constants
            " where item = any(%s::text[]) and detail ? 'row'",
            [items],
        )

    def shown(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of the paths that a row shows; writers of `public.media` are kept out until the transaction ends.

        Only so no row can begin to point at an object while that is taken away. Readers are not kept out.
        """
        self.connection.execute("lock table public.media in share mode")
        query = "select distinct file_path from public.media where file_path = any(%s::text[])"
        return frozenset(path for (path,) in self.connection.execute(query, [list(paths)]))

    def finish(self, items: Sequence[str]) -> None:
        """Forgets the outcomes of what is gone, in the caller's transaction; the history keeps them."""
        self.connection.execute(_FINISH.encode(), {"items": list(items)})


def _wanted(entry: Entry) -> dict[str, Any]:
    detail = entry.detail
    row = detail.get("row")
    return {
        "item": entry.item,
        "id": row["id"] if row else media_id(detail["bucket"], detail["path"]),
        "recorded": row is not None,
        "created_at": row["created_at"] if row else None,
        "is_preview_image": row["is_preview_image"] if row else None,
        "file_path": detail["path"],
        "media_type": detail["media_type"],
        "owner_id": detail["owner"],
        "service_id": detail["service"],
        "chat_message_id": detail["chat_message"],
    }
