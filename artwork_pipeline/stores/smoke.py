"""Smoke tests of functions and triggers: each is called once with NULLs, or made to fire, and all of it is undone.

What a function does is not judged; that it finds its tables and columns is. No Dagster.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.stores.census import Dependent, quoted

LONGEST_CALL_MS = 50
"""A call that takes longer has found its tables; it is stopped and told. Others wait meanwhile."""

_SETTINGS = f"""
    SET LOCAL statement_timeout = {LONGEST_CALL_MS};
    -- As the application asks: rows that a policy hides are hidden, not an error.
    SET LOCAL row_security = on;
"""
_INSERT = """
    INSERT INTO {target} SELECT (jsonb_populate_record(x, jsonb_build_object(
        'id', %(id)s::text, 'access_token', %(id)s::text))).* FROM {model} x LIMIT 1
"""
_UPDATE = """
    UPDATE {target} SET pet_name = concat(pet_name, '?'), updated_at = now(),
           generation_status = CASE generation_status WHEN 'pending' THEN 'failed' ELSE 'pending' END WHERE id = %(id)s
"""
_DELETE = "DELETE FROM {target} WHERE id = %(id)s"


@dataclass(frozen=True)
class Complaint:
    """What a smoke test met: the dependent's key, the SQLSTATE, what the server said."""

    key: str
    sqlstate: str
    message: str

    @property
    def is_about_names(self) -> bool:
        """Whether something is not there, or not of the right type: SQLSTATE class 42."""
        return self.sqlstate.startswith("42")

    def __str__(self) -> str:
        return f"{self.key}: {self.message} (SQLSTATE {self.sqlstate})"


def call(
    connection: psycopg.Connection[Any], one: Dependent, *, name: str | None = None, path: str = "public"
) -> Complaint | None:
    """Call a function with NULLs; ``name``: under another name, ``path``: with this search_path."""
    detail = one.detail
    if detail["returns_trigger"] or any(kind.startswith("any") for kind in detail["arguments"]):
        return None
    called = name or f"{detail['schema']}.{quoted(detail['own_name'])}"
    signature = f"{called}({', '.join(detail['arguments'])})"
    values = [f"NULL::{kind}" for kind in detail["arguments"]]
    if detail["variadic"]:
        values[-1] = f"VARIADIC {values[-1]}"
    verb = "CALL" if detail["procedure"] else "SELECT"
    statements = [f"{verb} {called}({', '.join(values)})"]
    if detail["strict"]:
        # Given a NULL, it would not be called at all.
        statements.insert(0, f"ALTER FUNCTION {signature} CALLED ON NULL INPUT")
    return _undone(connection, one.key, [statement.encode() for statement in statements], {}, path)


def write(
    connection: psycopg.Connection[Any], target: str, model: str, *, path: str = "public"
) -> Complaint | None:
    """Insert a copy of a row of ``model`` into ``target`` (qualified names), change it and delete it: triggers fire."""
    names = {"target": sql.SQL(target), "model": sql.SQL(model)}
    statements = [sql.SQL(text).format(**names) for text in (_INSERT, _UPDATE, _DELETE)]
    asked = {"id": str(uuid.uuid4())}
    return _undone(connection, f"triggers of {target}", [*statements], asked, path)


def _undone(
    connection: psycopg.Connection[Any], key: str, statements: Iterable[Any], asked: dict[str, str], path: str
) -> Complaint | None:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_SETTINGS)
            connection.execute("SELECT set_config('search_path', %s, true)", [path])
            for statement in statements:
                connection.execute(statement, asked or None)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        if error.sqlstate is None or connection.broken:
            raise
        return Complaint(key, error.sqlstate, str(error.diag.message_primary))
    return None
