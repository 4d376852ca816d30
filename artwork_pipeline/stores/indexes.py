"""Indexes of the installation, made on the other table beforehand and without locks that stop anybody."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from artwork_pipeline.stores.census import Census, Dependent, quoted
from artwork_pipeline.stores.naming import SERVED, called
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.postgres import transient_errors

_HEAD = re.compile(r"^CREATE (?:UNIQUE )?INDEX .* ON (?:ONLY )?\S+ USING ")
_INVALID = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
# Whoever reads for long holds a concurrent build up; it is begun again rather than waited for.
_PATIENCE = "SET lock_timeout = '20s'"
ATTEMPTS = 5


@dataclass
class Made:
    """What came of it: indexes made, and those that the other table has no columns for, by what they do."""

    made: list[str] = field(default_factory=list)
    unfit: dict[str, str] = field(default_factory=dict)


def missing(served: Census, other: Census) -> list[Dependent]:
    """The indexes of the one that do what none of the other does."""
    return [one for key, one in served.items() if one.kind == "index" and key not in other]


def make(
    connection: psycopg.Connection[Any], wanted: Iterable[Dependent], table: str, told: Made | None = None
) -> Made:
    """Make the indexes on ``table`` (bare name, in public); what a killed run left unfinished is made anew.

    ``told``: what came of it before, to be gone on with.

    Raises:
        PermanentError: rows of the other table break a unique one.
        TransientError: somebody reads for so long that it cannot be finished.
    """
    told = told or Made()
    for one in wanted:
        name = called(one.detail["own_name"], SERVED, table)
        unique = "UNIQUE " if one.detail["unique"] else ""
        head = f"CREATE {unique}INDEX CONCURRENTLY {quoted(name)} ON public.{table} USING "
        statement = head + _HEAD.sub("", one.definition)
        try:
            retrying(attempts=ATTEMPTS)(_make, connection, quoted("public", name), statement)
        except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction) as unfit:
            told.unfit[one.key] = str(unfit.diag.message_primary)
        except psycopg.errors.UniqueViolation:
            retrying(attempts=ATTEMPTS)(_drop, connection, quoted("public", name))
            raise PermanentError(
                "rows of the clean table break it, and it is unique",
                item=one.key,
                remedy="Find the rows that are the same, and correct them in the old table; then start again",
            ) from None
        else:
            told.made.append(one.key)
    return told


def _make(connection: psycopg.Connection[Any], name: str, statement: str) -> None:
    with _patient(connection, name):
        if scalar(connection, _INVALID, [name]):
            connection.execute(f"DROP INDEX CONCURRENTLY {name}".encode())
        try:
            connection.execute(statement.encode())
        except psycopg.errors.DuplicateTable as taken:
            raise TransientError(f"another run makes the index {name}") from taken


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Unfinished as it is, a unique one refuses writes already."""
    with _patient(connection, name):
        connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}".encode())


@contextmanager
def _patient(connection: psycopg.Connection[Any], name: str) -> Iterator[None]:
    with transient_errors(f"index {name}"):
        connection.execute(_PATIENCE)
        try:
            yield
        finally:
            if not connection.broken:
                connection.execute("RESET lock_timeout")
