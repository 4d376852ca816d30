"""What the reports tell of, read in one state of the database: totals by SQL, items streamed. SQL and nothing else.

The queries stand in `report_queries`. What a report looks like is the matter of `media.reports` and the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from functools import cache
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from migration_kit.postgres import connect, transient_errors
from migration_kit.suites import Rule, Suite
from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.media.report_rows import (
    Check,
    Failure,
    LeftBackup,
    PlannedItem,
    Quarantined,
    Unmapped,
    Upload,
    UploadTotals,
    Verdict,
)
from nabo_pipeline.media.statistics import (
    SAVED_BINS,
    SIMILARITY_BINS,
    SIMILARITY_FROM,
    Bin,
    Compression,
    Done,
    Group,
    saved_histogram,
    similarity_histogram,
)
from nabo_pipeline.stores.report_checks import TABLES_STAND, failures_query, questions, totals_query
from nabo_pipeline.suites.validation import SUITES

if TYPE_CHECKING:
    import psycopg

CHUNK = 2_000
"""Rows that are held at a time."""

T = TypeVar("T")

_INVENTORY = f"""
    select {", ".join(field.name for field in fields(InventoryItem))} from nabo_migration.inventory
    where category = %(category)s order by key collate "C"
"""  # noqa: S608 - constants
_UPLOAD_TOTALS = """
    with uploads as ({uploads})
    select count(*) filter (where success) as successful, count(*) filter (where not success) as failed,
        coalesce(sum(source_bytes) filter (where success), 0)::bigint as source_bytes,
        coalesce(sum(bytes) filter (where success), 0)::bigint as bytes,
        coalesce(avg(bytes::float8 / nullif(source_bytes, 0)) filter (where success), 0)::float8 as average_ratio,
        count(distinct service) as services
    from uploads
"""
# Of a service's stylist the old id stands in the target only: the mapping of people is not read for a report.
_UPLOADS = """
    with uploads as ({uploads})
    select uploads.*, u.raw_user_meta_data ->> 'original_id' as old_owner
    from uploads left join auth.users u on u.id = case when %(category)s = 'service' then uploads.owner::uuid end
    order by item collate "C"
"""
_VERDICTS = """
    select distinct on (partition) partition as category, status, to_json(at) #>> '{}' as at, run_id
    from nabo_migration.verdicts where stage = 'verify' order by partition, id desc
"""
_COMPRESSION = """
    with done as ({done})
    select category, source_type, verdict, count(*) as files, sum(source_bytes)::bigint as source_bytes,
        sum(bytes)::bigint as bytes
    from done group by category, source_type, verdict order by category, source_type, verdict
"""
# Bin 0 holds what lies below the first bound, the last but one also what lies on the upper bound.
_SAVED = """
    with done as ({done})
    select least(width_bucket(saved, 0, 100, %(bins)s), %(bins)s) as number, count(*) as files
    from done group by number order by number
"""
_SIMILARITY = """
    with done as ({done})
    select case when similarity is null or similarity >= 1 then null
        else width_bucket(similarity, %(lowest)s, 1, %(bins)s) end as number, count(*) as files
    from done group by number order by number
"""
_WORST = """
    with done as ({done}) select * from done where similarity < 1 and category = any(%(shown)s)
    order by similarity, item collate "C" limit %(limit)s
"""
_LARGEST_SAVING = """
    with done as ({done}) select * from done where saved > 0 and category = any(%(shown)s)
    order by saved desc, item collate "C" limit %(limit)s
"""
# By a hash of the name: the same ledger gives the same pictures, and no order of names or dates shows through.
_AT_RANDOM = """
    with done as ({done}) select * from done where category = any(%(shown)s)
    order by md5(item), item collate "C" limit %(limit)s
"""


@contextmanager
def report_source(conninfo: str, *, writing: str) -> Iterator[ReportSource]:
    """What a report is written from. Who writes the same one waits here: the last to write it has seen the most."""
    with closing(connect(conninfo)) as waiting, transient_errors("reports"):
        # On a connection of its own: the state that is read must be that of after the waiting.
        waiting.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"nabo report {writing}"])
        with closing(ReportSource(conninfo)) as source:
            yield source


class ReportSource:
    """One state of everything, from the first question until `close`, whoever writes meanwhile."""

    def __init__(self, conninfo: str) -> None:
        import psycopg

        self._connection: psycopg.Connection[Any] = connect(conninfo)
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        self._names = count()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def scanned_at(self) -> str | None:
        """When the newest inventory was made (ISO 8601), None before the first."""
        ((at,),) = self._all("select max(scanned_at) from nabo_migration.listings")
        return at.isoformat() if at else None

    def listed(self) -> set[str]:
        """The categories that have an inventory."""
        return {name for (name,) in self._all("select category from nabo_migration.listings")}

    def planned(self) -> set[str]:
        """The categories that have a plan."""
        return {name for (name,) in self._all("select partition from nabo_migration.plans")}

    def inventory_totals(self) -> list[Group]:
        """The inventory by category and reason."""
        return self._groups("inventory_totals")

    def inventory(self) -> Iterator[InventoryItem]:
        """Every file of the newest inventories, category by category, in the order of the keys."""
        for category in CATEGORIES:
            yield from self._stream(_INVENTORY, InventoryItem, category=category)

    def plan_totals(self) -> list[Group]:
        """The plan by category, action and reason."""
        return self._groups("plan_totals")

    def plan(self) -> Iterator[PlannedItem]:
        """What will be done with every file, category by category, in the order of the paths."""
        for category in CATEGORIES:
            yield from self._stream(_text("plan_items"), PlannedItem, category=category)

    def unmapped(self, category: str, reason: str) -> Iterator[Unmapped]:
        """Old ids that were not found in a mapping."""
        yield from self._stream(_text("unmapped"), Unmapped, category=category, reason=reason)

    def upload_totals(self, category: str) -> UploadTotals:
        """What `uploads` adds up to."""
        return self._rows(_UPLOAD_TOTALS, UploadTotals, category=category)[0]

    def uploads(self, category: str) -> Iterator[Upload]:
        """Every file that was to be uploaded, in the order of the paths."""
        yield from self._stream(_UPLOADS, Upload, category=category)

    def record_totals(self) -> dict[str, int]:
        """Rows of `public.media` by media type."""
        query = "with records as ({records}) select media_type, count(*) from records group by 1 order by 1"
        return dict(self._all(query))

    def records(self) -> Iterator[dict[str, Any]]:
        """Every row of `public.media` that this migration wrote, in the order of the sources."""
        yield from self._stream('{records} order by o.item collate "C"', dict)

    def outcomes(self) -> list[Group]:
        """The files of the present plan by category, state and reason."""
        return self._groups("outcomes")

    def quarantined(self) -> Iterator[Quarantined]:
        """Files that someone has to look at, by category and reason."""
        yield from self._stream(_text("quarantined"), Quarantined)

    def left_backup(self) -> Iterator[LeftBackup]:
        """Files that have left the backup since they were migrated."""
        yield from self._stream('{left_backup} order by o.item collate "C"', LeftBackup)

    def left_backup_count(self) -> int:
        """How many have left the backup since they were migrated."""
        ((files_,),) = self._all("with gone as ({left_backup}) select count(*) from gone")
        return int(files_)

    def verdicts(self) -> list[Verdict]:
        """The newest validation of each category."""
        return self._rows(_VERDICTS, Verdict)

    def checks(self) -> list[Check]:
        """What the newest validation of each category asked, and how many failed."""
        return [
            Check(category, asked[number].rule.name, asked[number].rule.severity, checked, failed)
            for suite in self._suites()
            for asked in [questions(suite)]
            for category, number, checked, failed in self._all(totals_query(suite))
        ]

    def failures(self) -> Iterator[Failure]:
        """All that failed the newest validation of its category, and what that warned of."""
        for suite in self._suites():
            rules = [one.rule for one in questions(suite)]

            def failure(
                category: str, subject: str, numbers: list[int], rules: Sequence[Rule] = rules
            ) -> Failure:
                broken = [rules[number] for number in numbers]
                severity = "critical" if any(one.severity == "critical" for one in broken) else "warning"
                return Failure(category, subject, severity, [one.name for one in broken])

            yield from self._stream(failures_query(suite), failure)

    def _suites(self) -> Sequence[Suite]:
        ((stand,),) = self._all(TABLES_STAND)
        return SUITES if stand else ()

    def compression(self) -> list[Compression]:
        """Bytes before and after, by category, type and verdict."""
        return self._rows(_COMPRESSION, Compression)

    def saved_histogram(self) -> list[Bin]:
        """Migrated files by the percentage of bytes saved, in steps of five percent; first those that grew."""
        return saved_histogram(dict(self._all(_SAVED, bins=SAVED_BINS)))

    def similarity_histogram(self) -> tuple[int, list[Bin]]:
        """(files without a changed pixel, the others by similarity in steps of 0.005; first those below 0.9)."""
        found = dict(self._all(_SIMILARITY, lowest=SIMILARITY_FROM, bins=SIMILARITY_BINS))
        return int(found.get(None, 0)), similarity_histogram(found)

    def worst(self, shown: Sequence[str], limit: int) -> list[Done]:
        """The pictures least similar to their source, of the categories that may be shown."""
        return self._rows(_WORST, Done, shown=list(shown), limit=limit)

    def largest_saving(self, shown: Sequence[str], limit: int) -> list[Done]:
        """The pictures that lost most of their bytes."""
        return self._rows(_LARGEST_SAVING, Done, shown=list(shown), limit=limit)

    def at_random(self, shown: Sequence[str], limit: int) -> list[Done]:
        """Some pictures; the same ledger gives the same ones."""
        return self._rows(_AT_RANDOM, Done, shown=list(shown), limit=limit)

    def _groups(self, name: str) -> list[Group]:
        return self._rows(_text(name), Group)

    def _all(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with transient_errors("reports"):
            return self._connection.execute(_filled(query), values).fetchall()

    def _rows(self, query: str, kind: type[T], **values: Any) -> list[T]:
        from psycopg.rows import kwargs_row

        with transient_errors("reports"), self._connection.cursor(row_factory=kwargs_row(kind)) as cursor:
            return cursor.execute(_filled(query), values).fetchall()

    def _stream(self, query: str, kind: Callable[..., T], **values: Any) -> Iterator[T]:
        from psycopg.rows import kwargs_row

        name = f"report_{next(self._names)}"
        with (
            transient_errors("reports"),
            self._connection.cursor(name, row_factory=kwargs_row(kind)) as cursor,
        ):
            cursor.itersize = CHUNK
            cursor.execute(_filled(query), values)
            yield from cursor


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath("report_queries", f"{name}.sql").read_text(encoding="utf-8")


@cache
def _filled(query: str) -> bytes:
    """The query with the texts of the files that it names in braces."""
    for name in ("uploads", "records", "left_backup", "done"):
        query = query.replace(f"{{{name}}}", _text(name))
    return query.encode()
