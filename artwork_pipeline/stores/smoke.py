"""Smoke tests of functions and triggers: each is called once with NULLs, or made to fire, and all of it is undone.

What a function does is not judged; that it finds its tables and columns is. No Dagster.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.stores.census import Dependent, quoted

LONGEST_CALL_MS = 50
"""A call that takes longer has found its tables; it is stopped and told. Others wait meanwhile."""

_STOPPED = "57014"
_SETTINGS = """
    SET LOCAL statement_timeout = {within_ms};
    SET LOCAL search_path = {path};
    -- As the application asks: rows that a policy hides are hidden, not an error.
    SET LOCAL row_security = on
"""
_INSERT = """
    INSERT INTO {target} SELECT (jsonb_populate_record(x, jsonb_build_object(
        'id', {id}::text, 'access_token', {id}::text))).* FROM {model} x LIMIT 1
"""
_UPDATE = """
    UPDATE {target} SET pet_name = concat(pet_name, '?'), updated_at = now(),
           generation_status = CASE generation_status WHEN 'pending' THEN 'failed' ELSE 'pending' END WHERE id = {id}
"""
_DELETE = "DELETE FROM {target} WHERE id = {id}"


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

    @property
    def was_stopped(self) -> bool:
        """Whether it took longer than it was given."""
        return self.sqlstate == _STOPPED

    def __str__(self) -> str:
        return f"{self.key}: {self.message} (SQLSTATE {self.sqlstate})"


def call(
    connection: psycopg.Connection[Any],
    one: Dependent,
    *,
    name: str | None = None,
    path: str = "public",
    within_ms: int = LONGEST_CALL_MS,
) -> Complaint | None:
    """Call a function with NULLs; ``name``: under another name, ``path``: with this search_path.

    ``within_ms``: stopped after so long, or after LONGEST_CALL_MS; told without a call where nothing is left.
    """
    detail = one.detail
    if detail["returns_trigger"] or any(kind.startswith("any") for kind in detail["arguments"]):
        return None
    if within_ms < 1:
        return Complaint(one.key, _STOPPED, "not called: the others took all the time there was")
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
    return _undone(connection, one.key, statements, path, min(within_ms, LONGEST_CALL_MS))


def write(
    connection: psycopg.Connection[Any], target: str, model: str, *, path: str = "public"
) -> Complaint | None:
    """Insert a copy of a row of ``model`` into ``target`` (qualified names), change it and delete it: triggers fire."""
    tokens = {"target": target, "model": model, "id": f"'{uuid.uuid4()}'"}
    statements = [text.format(**tokens) for text in (_INSERT, _UPDATE, _DELETE)]
    return _undone(connection, f"triggers of {target}", statements, path, LONGEST_CALL_MS)


def _undone(
    connection: psycopg.Connection[Any], key: str, statements: Iterable[str], path: str, within_ms: int
) -> Complaint | None:
    """All in one go; each statement has its time."""
    settings = _SETTINGS.format(within_ms=within_ms, path=path)
    script = ";\n".join([settings, *statements, "SET CONSTRAINTS ALL IMMEDIATE"])
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(script.encode())
    except psycopg.Error as error:
        if error.sqlstate is None or connection.broken:
            raise
        return Complaint(key, error.sqlstate, str(error.diag.message_primary))
    return None
