"""The census: everything that hangs on a table, each with the statement that makes it again, read from the catalog.

How each kind is taken to another table is `dependents`' knowledge; here nothing is changed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.phases import Tables
from artwork_pipeline.stores import catalog, phase, rendering, scripts
from artwork_pipeline.stores.catalog import Source

ALIASES = "public.artwork_token_aliases"

_PATH = "SELECT current_setting('search_path'), set_config('search_path', 'pg_catalog', true)"

_OWN_NAME = re.compile(r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|VIEW)\s+(public\.\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Dependent:
    """One thing that hangs on a table: its kind, its name, the SQL that makes it, and what else there is to it."""

    kind: str
    name: str
    definition: str
    detail: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Kind and name: what people call it in settings and messages."""
        return f"{self.kind} {self.name}"

    @property
    def said(self) -> str:
        """All that must be the same before and after: the definition, the owner, the comment, the grants."""
        extras = {
            name: value
            for name in ("owner", "comment", "grants", "besides")
            if (value := self.detail.get(name)) is not None
        }
        return f"{self.definition} {extras}" if extras else self.definition


Census = Mapping[str, Dependent]
"""What hangs on a table, by key."""


def census(connection: psycopg.Connection[Any], table: str, own: Iterable[str] = ()) -> Census:
    """Everything that hangs on the table (its qualified name); empty where there is no such table.

    ``own``: qualified names of functions and views that the migration makes itself. Runs in the caller's transaction
    or one of its own.
    """
    asked = {"table": table, "own": [*own], "aliases": ALIASES}
    with connection.transaction():
        before = connection.execute(_PATH).fetchone()
        rows = connection.execute(_script(), asked).fetchall()
        connection.execute("SELECT set_config('search_path', %s, true)", before and before[:1])
    found = (Dependent(*row) for row in rows)
    return {one.key: one for one in sorted(found, key=lambda one: (one.kind, one.name))}


def own_names(connection: psycopg.Connection[Any], source: Source) -> tuple[str, ...]:
    """Functions and views outside the migration's schema that it makes and re-renders itself."""
    return _named_in(source, phase.tables(connection))


@cache
def _named_in(source: Source, tables: Tables) -> tuple[str, ...]:
    made = set(_OWN_NAME.findall(rendering.functions(source, tables)))
    return tuple(sorted(made | {"public.normalised_email"}))


@cache
def _script() -> bytes:
    return scripts.script("census").encode()


def differences(before: Census, after: Census) -> dict[str, str]:
    """What is not as it was, by key: 'missing', 'changed' or 'new'."""
    told = {key: "missing" for key in before if key not in after}
    told |= {key: "new" for key in after if key not in before}
    told |= {key: "changed" for key, one in before.items() if key in after and after[key].said != one.said}
    return dict(sorted(told.items()))


def columns_of(connection: psycopg.Connection[Any], table: str) -> frozenset[str]:
    """The names of the table's columns."""
    return frozenset(catalog.columns(connection, table))


def quoted(*names: str) -> str:
    """The names as one identifier, quoted where they need it."""
    return sql.Identifier(*names).as_string()
