"""A category's plan while it is made: a table of its own, so that it can be validated on PostgreSQL, then published.

What the rows say is `media.plans`'s matter. One run at a time makes the plan of a category; others wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from migration_kit.fingerprints import fingerprint
from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.estimates import WAITING
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.media.plans import DECIDED, SAME_PATH, PlanItem
from nabo_pipeline.stores.staging import copy_rows, publishing, replace_category
from nabo_pipeline.stores.state import PLAN_COLUMNS, SCHEMA
from nabo_pipeline.stores.statements import statement

if TYPE_CHECKING:
    import psycopg

_SCRIPT = "plan_draft.sql"
PUBLISHED = f"{SCHEMA}.plan_items"
# A machine that is lost says no farewell: the server asks after it, so that nobody waits for its plan for hours.
_ALIVE = "set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 6"


@dataclass(frozen=True)
class PlanTotals:
    """A plan in numbers. `files` and `bytes` that are to be migrated without those that only wait for another."""

    items: int
    to_migrate: int
    bytes_to_migrate: int
    files: int
    bytes: int
    estimated_bytes: int
    estimated_seconds: float
    """Of one worker."""


@dataclass(frozen=True)
class PlanGroup:
    """Files that are treated alike, or are kept back for the same reason; sizes in bytes, seconds of one worker."""

    action: str
    told: str
    files: int
    bytes: int
    estimated_bytes: int
    estimated_seconds: float
    example: str


class PlanDraft:
    """The staged rows of one category, in `table`."""

    def __init__(self, connection: psycopg.Connection[Any], category: str) -> None:
        self.table = candidate_table(category)
        self._connection = connection
        self._category = category

    def stage(self, items: Iterable[PlanItem]) -> None:
        """Appends rows, as they come."""
        # Not `astuple`: that copies every value deeply, at ten times the cost.
        row = attrgetter(*PLAN_COLUMNS, "claim")
        rows = ((*row(one), self._category) for one in items)
        copy_rows(self._connection, self.table, (*PLAN_COLUMNS, "claim", "category"), rows)

    def settle_rivals(self) -> int:
        """Files that want what only one may have: the first by path goes; returns how many others there are."""
        with transient_errors("plan"):
            self._connection.execute(f"analyze {self.table}".encode())
            return self._ask("settle_rivals", same_path=SAME_PATH, waiting=WAITING).rowcount

    def totals(self) -> PlanTotals:
        """The draft in numbers."""
        return PlanTotals(*self._ask("totals").fetchall()[0])

    def groups(self) -> list[PlanGroup]:
        """What happens to how many."""
        return [PlanGroup(*row) for row in self._ask("groups")]

    def fingerprint(self) -> str:
        """Changes with what is decided of any file; not with estimates."""
        return plan_fingerprint(self._connection, self.table, self._category)

    def publish(self) -> int:
        """The staged rows become the category's plan; returns the rows written or deleted."""
        columns = (*PLAN_COLUMNS, "category")
        with publishing(self._connection, f"plan of {self._category}"):
            return replace_category(self._connection, self.table, "plan_items", columns, self._category)

    def _ask(self, name: str, **values: Any) -> psycopg.Cursor[Any]:
        with transient_errors("plan"):
            return self._connection.execute(statement(_SCRIPT, name, candidate=self.table), values or None)


def candidate_table(category: str) -> str:
    """The table in which the plan of a category is made."""
    if category not in CATEGORIES:
        raise ValueError(f"{category!r} is no category")
    return f"{SCHEMA}.plan_candidate_{category}"


@contextmanager
def drafted_plan(conninfo: str, category: str) -> Iterator[PlanDraft]:
    """An empty draft. What a lost run left of its own is taken away; a run that is still at it is waited for."""
    with transient_errors("plan"), closing(connect(conninfo, autocommit=True)) as connection:
        draft = PlanDraft(connection, category)
        connection.execute(_ALIVE)
        # Held by this session: it ends with the connection, also with one that is lost.
        connection.execute("select pg_advisory_lock(hashtext(%s))", [draft.table])
        connection.execute(f"drop table if exists {draft.table}".encode())
        # Not in the write-ahead log: it is made again after a crash.
        connection.execute(
            f"create unlogged table {draft.table} (like {PUBLISHED} including defaults, claim text)".encode()
        )
        try:
            yield draft
        finally:
            with suppress(Exception):
                connection.execute(f"drop table if exists {draft.table}".encode())


def plan_fingerprint(connection: psycopg.Connection[Any], table: str, category: str) -> str:
    """Hash of what the rows of a category decide, whatever their order; computed where they are."""
    words = statement(_SCRIPT, "fingerprint", candidate=table, columns=", ".join(DECIDED))
    with transient_errors("plan"):
        return fingerprint([*connection.execute(words, {"category": category}).fetchall()[0]])
