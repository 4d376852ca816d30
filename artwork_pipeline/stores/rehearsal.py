"""The rehearsal: whether each dependent can be made on the other table, tried without locks that anybody would notice.

An empty table of the other's shape, called artworks too, stands in a schema of its own; everything is made on that and
undone. What is tried for good under the locks belongs to `switching`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.stores import smoke
from artwork_pipeline.stores.census import Dependent, quoted
from artwork_pipeline.stores.dependents import Carried
from artwork_pipeline.stores.sessions import scalar

_SCHEMA = "artwork_rehearsal"
_PATH = f"{_SCHEMA}, public"
# The table as definitions and sources of functions name it.
_SERVED = re.compile(r'(?<![\w".])(?:"public"|public)\.(?:"artworks"|artworks)(?![\w"])')
_SETTINGS = """
    SET LOCAL lock_timeout = '300ms';
    SET LOCAL statement_timeout = '10s';
    SET LOCAL search_path = pg_catalog;
"""
_RELATION_NAME = "SELECT relname FROM pg_class WHERE oid = %s::regclass"
_COLUMNS = """
    SELECT array_agg(format('%%I %%s%%s', a.attname, format_type(a.atttypid, a.atttypmod), CASE
        WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || a.attcollation::regcollation END) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True)
class Misfit:
    """A dependent that cannot be made on the other table, and why."""

    key: str
    why: str


def rehearse(
    connection: psycopg.Connection[Any], taken: Iterable[Carried], named: Iterable[Dependent], other: str
) -> Iterator[Misfit]:
    """Try everything on a table like ``other`` (its qualified name), and undo it; what does not fit, with the reason.

    ``named``: the functions that know the table by its name alone; they are called on the other one.
    """
    found: list[Misfit] = []
    with connection.transaction(force_rollback=True):
        connection.execute(_SETTINGS)
        connection.execute(f"CREATE SCHEMA {_SCHEMA}")
        connection.execute(f"CREATE TABLE {_SCHEMA}.artworks (LIKE {other} INCLUDING ALL)".encode())
        triggers = []
        for one in taken:
            if one.dependent.kind == "trigger":
                triggers.append(one)
            elif why := _tried(connection, one):
                found.append(Misfit(one.key, why))
            elif one.dependent.kind == "bound function":
                _keep(connection, one)
        found.extend(
            Misfit(function.key, why)
            for function in named
            if (why := _called_as(connection, function, function.definition))
        )
        found += _triggers(connection, triggers, other)
    yield from found


def _tried(connection: psycopg.Connection[Any], one: Carried) -> str | None:
    dependent = one.dependent
    if one.replaced and dependent.kind in {"view", "materialised view", "bound function"}:
        wanted = dependent.name.partition("(")[0]
        if wanted not in one.definition:
            return f"the replacement must name it as {wanted}"
    if dependent.kind == "bound function":
        return _called_as(connection, dependent, one.definition)
    try:
        with connection.transaction(force_rollback=True):
            return _made(connection, one)
    except psycopg.Error as error:
        return _told(connection, error)


def _made(connection: psycopg.Connection[Any], one: Carried) -> str | None:
    dependent, detail = one.dependent, one.dependent.detail
    match dependent.kind:
        case "view" | "materialised view":
            shadow = f"{_SCHEMA}.shadow"
            text = _on_rehearsal(one.definition.replace(dependent.name, shadow, 1))
            connection.execute(text.encode())
            now = scalar(connection, _COLUMNS, [shadow])
            return None if now == detail["columns"] else _other_columns(detail["columns"], now)
        case "pointer" | "policy elsewhere" | "rule elsewhere":
            # Where it lives is locked by nothing either: it has a shadow of the same name.
            shadow = f"{_SCHEMA}.{quoted(scalar(connection, _RELATION_NAME, [detail['relation']]))}"
            connection.execute(f"CREATE TABLE {shadow} (LIKE {detail['relation']})".encode())
            connection.execute(_on_rehearsal(one.definition.replace(detail["relation"], shadow, 1)).encode())
        case "publication":
            if detail["part_of_it"] and not one.replaced:
                return "it publishes a part of the table: give the statement that publishes the same of the other"
        case "replica identity" if "USING INDEX" in one.definition and not one.replaced:
            return "it names an index: give the statement that names one of the other table"
        case _:
            connection.execute(_on_rehearsal(one.definition).encode())
    return None


def _called_as(connection: psycopg.Connection[Any], one: Dependent, definition: str) -> str | None:
    """Make the function in the rehearsal's schema, where its artworks are the other table's, and call it."""
    detail = one.detail
    # PostgreSQL quotes a name only where it must.
    plain = one.name.partition("(")[0].removeprefix(f"{detail['schema']}.")
    shadow = f"{_SCHEMA}.{plain}"
    text = _on_rehearsal(definition.replace(f"{detail['schema']}.{plain}(", f"{shadow}(", 1))
    text = text.replace("\n SET search_path TO ", f"\n SET search_path TO {_SCHEMA}, ", 1)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"SET LOCAL search_path = {_PATH}")
            connection.execute(text.encode())
            arguments = [_on_rehearsal(kind) for kind in detail["arguments"]]
            moved = Dependent(one.kind, one.name, text, {**detail, "arguments": arguments})
            complaint = smoke.call(connection, moved, name=shadow, path=_PATH)
    except psycopg.Error as error:
        return _told(connection, error)
    if complaint is None or not complaint.is_about_names:
        return None
    before = smoke.call(connection, one)
    return None if before and before.sqlstate == complaint.sqlstate else complaint.message


def _keep(connection: psycopg.Connection[Any], one: Carried) -> None:
    """Leave the function for what rests on it, beside its namesake: it is told apart by the row type it takes."""
    if not any(_SERVED.search(kind) for kind in one.dependent.detail["arguments"]):
        return
    with connection.transaction():
        connection.execute("SET LOCAL check_function_bodies = off")
        connection.execute(_on_rehearsal(one.definition).encode())


def _triggers(
    connection: psycopg.Connection[Any], triggers: Iterable[Carried], other: str
) -> Iterator[Misfit]:
    with connection.transaction(force_rollback=True):
        made = []
        for one in triggers:
            try:
                with connection.transaction():
                    connection.execute(_on_rehearsal(one.definition).encode())
                made.append(one.key)
            except psycopg.Error as error:
                yield Misfit(one.key, _told(connection, error))
        complaint = smoke.write(connection, f"{_SCHEMA}.artworks", other) if made else None
        if complaint and complaint.is_about_names:
            yield Misfit(", ".join(made), complaint.message)


def _other_columns(before: list[str], now: list[str]) -> str:
    differing = [f"{old} would be {new}" for old, new in zip(before, now, strict=False) if old != new]
    return "its columns would be others: " + (
        ", ".join(differing) or f"{len(now)} instead of {len(before)} columns"
    )


def _on_rehearsal(text: str) -> str:
    return _SERVED.sub(f"{_SCHEMA}.artworks", text)


def _told(connection: psycopg.Connection[Any], error: psycopg.Error) -> str:
    if error.sqlstate is None or connection.broken:
        raise error
    return str(error.diag.message_primary)
