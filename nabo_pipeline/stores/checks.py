"""What validation found, staged beside the ledger: readings come in by COPY, everything else is compared by SQL.

Reading objects, and deciding whose an unexplained one is, happen elsewhere. One connection holds the temporary tables;
the check tables are real, so that the suites and the person on call can ask them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from migration_kit.chunks import chunked
from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.reconciliation import Reading, Unexplained
from nabo_pipeline.media.records import media_id
from nabo_pipeline.stores.staging import copy_rows
from nabo_pipeline.stores.state import ROWS_A_FETCH, SCHEMA

if TYPE_CHECKING:
    import psycopg

TABLES = ("picture_checks", "gallery_checks", "avatar_checks", "objects_of_others")
_COLUMNS = tuple(field.name for field in fields(Reading))

_AVATARS = f"""
    insert into {SCHEMA}.avatar_checks (category, owner, avatars)
    select %(category)s, r.owner::text, count(m.id)
    from (select distinct owner from readings where media_type = 'avatar' and owner is not null) r
    left join public.media m on m.owner_id = r.owner and m.media_type = 'avatar'
    group by r.owner
"""  # noqa: S608 - constants
# This migration's ids are of version 5, the app's own of version 4: what else could be ours is computed only of those.
_ROWS_THAT_MAY_BE_OURS = f"""
    select m.id::text, m.file_path from public.media m
    where substr(m.id::text, 15, 1) = '5'
      and not exists (select 1 from readings r where r.row_id = m.id)
      and not exists (
          select 1 from {SCHEMA}.outcomes o
          where o.partition = %(category)s and o.detail -> 'row' ->> 'id' = m.id::text)
"""  # noqa: S608 - constants
_STRAY_CHECKS = f"""
    insert into {SCHEMA}.picture_checks (category, subject, in_ledger)
    select %(category)s, 'row ' || id || ' (' || path || ')', false from stray_rows
"""  # noqa: S608 - constants
# Explained: what was read; what the ledger knows of files that it quarantined; what a row shows that is not ours.
_UNEXPLAINED = f"""
    insert into unexplained (path, in_our_folder, has_our_row)
    select b.path, f.folder is not null, s.path is not null
    from bucket_listing b
    left join (select distinct split_part(path, '/', 1) as folder from readings) f
        on f.folder = split_part(b.path, '/', 1)
    left join (select distinct path from stray_rows) s on s.path = b.path
    where not exists (select 1 from readings r where r.path = b.path)
      and not exists (
          select 1 from {SCHEMA}.outcomes o
          where o.partition = %(category)s and o.detail ->> 'path' = b.path)
      and not exists (
          select 1 from public.media m
          where m.file_path = b.path and not exists (select 1 from stray_rows own where own.id = m.id))
"""  # noqa: S608 - constants
_BROKEN = f"""
    select subject, array_remove(array[
        case when not in_ledger then 'in_ledger' end,
        case when not object_found then 'object_found' end,
        case when not object_equals_ledger then 'object_equals_ledger' end,
        case when not object_decodes then 'object_decodes' end,
        case when not content_type_fits then 'content_type_fits' end,
        case when not row_found then 'row_found' end,
        case when not row_equals_ledger then 'row_equals_ledger' end,
        case when not row_is_only_one then 'row_is_only_one' end,
        case when not parents_exist then 'parents_exist' end,
        case when not owner_fits then 'owner_fits' end], null) as broken
    from {SCHEMA}.picture_checks
    where category = %(category)s
      and not (in_ledger and coalesce(object_found, true) and coalesce(object_equals_ledger, true)
               and coalesce(object_decodes, true) and coalesce(content_type_fits, true)
               and coalesce(row_found, true) and coalesce(row_equals_ledger, true)
               and coalesce(row_is_only_one, true) and coalesce(parents_exist, true) and coalesce(owner_fits, true))
    union all
    select 'service ' || service, array_remove(array[
        case when previews <> 1 then previews || ' previews' end,
        case when not preview_comes_first then 'preview_comes_first' end,
        case when not created_at_increases then 'created_at_increases' end], null)
    from {SCHEMA}.gallery_checks
    where category = %(category)s and not (previews = 1 and preview_comes_first and created_at_increases)
    union all
    select 'owner ' || owner, array[avatars || ' avatars']
    from {SCHEMA}.avatar_checks where category = %(category)s and avatars <> 1
    union all
    select 'object ' || object, array['of others, since ' || coalesce(created_at::text, 'an unknown time')]
    from {SCHEMA}.objects_of_others where category = %(category)s
    order by 1
"""  # noqa: S608 - constants


class CheckStore:
    """The checks of one category at a time, on one connection that `close` closes."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.connection: psycopg.Connection[Any] = connect(conninfo, autocommit=True)

    def install(self) -> None:
        """Makes the check tables where they are missing, and this connection's temporary tables, empty."""
        with transient_errors("checks"), self.connection.transaction():
            self.connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [SCHEMA])
            self.connection.execute(_script("checks.sql"))
            self.connection.execute(_script("checks_readings.sql"))

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def add(self, readings: Iterable[Reading]) -> None:
        """Stages what was read of some objects."""
        copy_rows(self.connection, "readings", _COLUMNS, (astuple(reading) for reading in readings))

    def compare(self, category: str, bucket: str) -> None:
        """Replaces the category's checks: readings, the bucket's listing and `public.media` side by side.

        `bucket_listing` must be staged on this connection. Also finds which objects are left to be asked about.
        """
        values = {"category": category}
        with transient_errors("checks"), self.connection.transaction():
            self.connection.execute("analyze readings")
            self._clear(category)
            for query in (
                _script("checks_pictures.sql"), _script("checks_galleries.sql"), _AVATARS.encode(),
            ):  # fmt: skip
                self.connection.execute(query, values)
            self.find_unexplained(category, bucket)
            self.connection.execute(_STRAY_CHECKS.encode(), values)

    def find_unexplained(self, category: str, bucket: str) -> None:
        """Finds rows of ours that the ledger does not know, and objects that nothing explains; changes no check."""
        with transient_errors("checks"), self.connection.transaction():
            self._find_stray_rows(category, bucket)
            self.connection.execute(_UNEXPLAINED.encode(), {"category": category})

    def stray_rows(self) -> list[tuple[str, str]]:
        """(id, path) of rows of ours that the ledger does not know."""
        return self.connection.execute("select id::text, path from stray_rows order by path").fetchall()

    def clear(self, category: str) -> None:
        """Takes the category's checks away: there is nothing to check."""
        with transient_errors("checks"), self.connection.transaction():
            self._clear(category)

    def _clear(self, category: str) -> None:
        for table in TABLES:
            self.connection.execute(
                f"delete from {SCHEMA}.{table} where category = %s".encode(),  # noqa: S608 - constants
                [category],
            )

    def _find_stray_rows(self, category: str, bucket: str) -> None:
        with self.connection.cursor("candidates") as cursor:
            cursor.itersize = ROWS_A_FETCH
            found = cursor.execute(_ROWS_THAT_MAY_BE_OURS.encode(), {"category": category})
            ours = ((row, path) for row, path in found if row == media_id(bucket, path))
            for chunk in chunked(ours, ROWS_A_FETCH):
                self.connection.execute(
                    "insert into stray_rows (id, path) select * from unnest(%s::uuid[], %s::text[])",
                    [[row for row, _ in chunk], [path for _, path in chunk]],
                )

    def unexplained(self) -> Iterator[Unexplained]:
        """Objects that nothing explains so far, streamed; others may be written on this connection meanwhile."""
        last = ""
        while True:
            rows = self.connection.execute(
                "select path, in_our_folder, has_our_row from unexplained where path > %s order by path limit %s",
                [last, ROWS_A_FETCH],
            ).fetchall()
            yield from (Unexplained(*row) for row in rows)
            if len(rows) < ROWS_A_FETCH:
                return
            last = rows[-1][0]

    def add_stray_objects(self, category: str, objects: Sequence[tuple[str, str]]) -> None:
        """Checks that fail: (path, why it is no stranger's) of objects that the ledger does not know."""
        with transient_errors("checks"):
            self.connection.execute(
                f"insert into {SCHEMA}.picture_checks (category, subject, in_ledger)"  # noqa: S608 - constants
                " select %s, 'object ' || path || ' (' || why || ')', false"
                " from unnest(%s::text[], %s::text[]) as o(path, why)",
                [category, [path for path, _ in objects], [why for _, why in objects]],
            )

    def add_objects_of_others(self, category: str, objects: Sequence[tuple[str, datetime | None]]) -> None:
        """Notes objects (path, time of creation) that are not this migration's and that no row shows."""
        with transient_errors("checks"):
            self.connection.execute(
                f"insert into {SCHEMA}.objects_of_others (category, object, created_at, explained)"  # noqa: S608
                " select %s, path, at, false from unnest(%s::text[], %s::timestamptz[]) as o(path, at)",
                [category, [path for path, _ in objects], [at for _, at in objects]],
            )

    def numbers(self, category: str) -> Mapping[str, int]:
        """How many rows each check table has of a category."""
        told = {}
        for table in TABLES:
            row = self.connection.execute(
                f"select count(*) from {SCHEMA}.{table} where category = %s".encode(),  # noqa: S608 - constants
                [category],
            ).fetchone()
            told[table] = int(row[0]) if row else 0
        return told

    def broken(self, category: str) -> Generator[dict[str, object]]:
        """Everything that broke a rule, and objects of others, streamed: subject, and what is wrong with it."""
        with (
            transient_errors("checks"),
            self.connection.transaction(),
            self.connection.cursor("broken") as cursor,
        ):
            cursor.itersize = ROWS_A_FETCH
            for subject, broken in cursor.execute(_BROKEN.encode(), {"category": category}):
                yield {"subject": subject, "broken": broken}


def _script(name: str) -> bytes:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").encode()
