"""The exchange of names: one transaction in which the other table becomes `artworks`, with all that hangs on the name.

What goes along and whether it may was found by `preparation`; here it is done under locks, looked at again, and undone
by the transaction's end if anything is not as it was.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.stores import census as reading
from artwork_pipeline.stores import dependents, drift, expansion, phase, rendering, smoke
from artwork_pipeline.stores.census import ALIASES, Census, quoted
from artwork_pipeline.stores.drift import StaleError
from artwork_pipeline.stores.naming import called
from artwork_pipeline.stores.preparation import SERVED, Order, Preparation, smoke_test
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError
from migration_kit.redaction import mask_email, redact

_PARTS = """
    SELECT oid::text, conname, format('ALTER TABLE %%s RENAME CONSTRAINT %%I TO ', %(table)s::text, conname)
    FROM pg_constraint WHERE conrelid = to_regclass(%(table)s) AND contype IN ('p', 'u', 'c', 'f', 'x', 'n')
    UNION ALL
    SELECT x.oid::text, x.relname, format('ALTER INDEX %%s RENAME TO ', x.oid::regclass)
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = to_regclass(%(table)s)
      AND NOT EXISTS (SELECT FROM pg_constraint k
                      WHERE k.conindid = x.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x'))
"""
_OWNERS = """
    SELECT a.relowner::regrole::text, a.relowner <> b.relowner FROM pg_class a, pg_class b
    WHERE a.oid = %s::regclass AND b.oid = %s::regclass
"""
# One after the other, and yet the tables in one go: whoever reads a view locks it before what is below it.
_MOVES = (
    "pointer",
    "view",
    "materialised view",
    "bound function",
    "policy elsewhere",
    "rule",
    "rule elsewhere",
    "trigger",
)


@dataclass
class Exchanged:
    """What a transaction did: its transition, when its first lock was granted (perf_counter, s), what it tells."""

    transition: int = 0
    granted: float = 0.0
    touched: int = 0
    changed: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def exchange(connection: psycopg.Connection[Any], prepared: Preparation, order: Order) -> Exchanged | None:
    """Do it inside the caller's transaction; None where somebody else has done it meanwhile.

    Raises:
        PermanentError: something does not fit after all; the caller's transaction must be undone.
        StaleError: what hangs on the table is not what was prepared.
        psycopg.Error: a lock was not granted in time.
    """
    told = Exchanged()
    if not _lock(connection, prepared, order, told):
        return None
    _look_again(connection, prepared, told)
    for statement in _off(prepared):
        connection.execute(statement.encode())
    _rename(connection, prepared, told)
    _on(connection, prepared)
    connection.execute(rendering.functions(prepared.source, prepared.after).encode())
    after = reading.census(connection, SERVED, reading.own_names(connection, prepared.source))
    _smoke(connection, prepared, after, told)
    _compare(connection, prepared, after, told)
    told.transition = phase.advance(
        connection, prepared.direction.to, by=order.by, run_id=order.run_id, details=_details(prepared, told)
    )
    connection.execute("NOTIFY pgrst, 'reload schema'")
    return told


def locked_tables(prepared: Preparation) -> list[str]:
    """Every table that is locked (qualified, quoted): what points or looks at artworks first, as its readers do."""
    around = {
        one.dependent.detail["relation"]
        for one in prepared.taken
        if one.dependent.kind in {"pointer", "policy elsewhere", "rule elsewhere"}
    }
    return [*sorted(around - {SERVED, prepared.other, ALIASES}), SERVED, prepared.other, ALIASES]


def _lock(connection: psycopg.Connection[Any], prepared: Preparation, order: Order, told: Exchanged) -> bool:
    patience = sql.Literal(f"{order.lock_timeout_ms}ms").as_string()
    # The one bounds each lock, the other all of them together.
    connection.execute(
        f"SET LOCAL lock_timeout = {patience}; SET LOCAL statement_timeout = {patience};"
        " SET LOCAL search_path = pg_catalog".encode()
    )
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration'))")
    if phase.current(connection) is prepared.direction.to:
        return False
    phase.require(connection, *prepared.direction.allowed)
    views = [one for one in reversed(prepared.taken) if one.dependent.kind == "view"]
    for one in views:
        for statement in dependents.detach(one):
            connection.execute(statement.encode())
        told.granted = told.granted or time.perf_counter()
    connection.execute(f"LOCK TABLE {', '.join(locked_tables(prepared))} IN ACCESS EXCLUSIVE MODE".encode())
    told.granted = told.granted or time.perf_counter()
    connection.execute("SET LOCAL statement_timeout = 0")
    return True


def _look_again(connection: psycopg.Connection[Any], prepared: Preparation, told: Exchanged) -> None:
    """Under the locks: what hangs there, the triggers, and the rows written since both tables were compared."""
    own = reading.own_names(connection, prepared.source)
    now = reading.census(connection, SERVED, own)
    # Views have let go of the table by now, and with them what is known of it through them alone.
    moved = {
        key: how
        for key, how in reading.differences(prepared.before, now).items()
        if not key.startswith(("view ", "index "))
    }
    if moved:
        raise StaleError(f"what hangs on {SERVED} changed meanwhile: {', '.join(moved)}")
    expansion.require_followed(connection)
    touched = drift.touched_since(connection, prepared.drift.horizon)
    told.touched = len(touched)
    if differing := drift.differing(connection, touched, prepared.now.old_name):
        raise PermanentError(
            f"{differing} of {len(touched)} rows written since both tables were compared are not the same",
            item=SERVED,
            remedy="Nothing was changed. Materialise backfill and verification; find out what wrote past the triggers",
        )


def _off(prepared: Preparation) -> Iterator[str]:
    """What is taken off: outermost first, so that nothing rests any more on what is dropped."""
    last = {"bound function": 2, "materialised view": 2, "pointer": 1}
    taken = [one for one in reversed(prepared.taken) if one.dependent.kind != "view"]
    for one in sorted(taken, key=lambda one: last.get(one.dependent.kind, 0)):
        yield from dependents.detach(one)
    if prepared.direction.is_back:
        for name in prepared.earlier.policies:
            yield f"DROP POLICY IF EXISTS {quoted(name)} ON {SERVED}"


def _rename(connection: psycopg.Connection[Any], prepared: Preparation, told: Exchanged) -> None:
    away = str(prepared.after.clean if prepared.direction.is_back else prepared.after.old)
    here = prepared.other.partition(".")[2]
    for table, becomes in (("artworks", away), (here, "artworks")):
        parts = connection.execute(_PARTS, {"table": f"public.{table}"}).fetchall()
        for oid, name, statement in parts:
            told.names[oid] = name
            wanted = prepared.earlier.names.get(oid) if prepared.direction.is_back else None
            wanted = wanted or called(name, table, becomes)
            if wanted != name:
                connection.execute((statement + quoted(wanted)).encode())
        connection.execute(f"ALTER TABLE public.{table} RENAME TO {becomes}".encode())


def _on(connection: psycopg.Connection[Any], prepared: Preparation) -> None:
    version = int(scalar(connection, "SELECT current_setting('server_version_num')"))
    former = prepared.after.clean_name if prepared.direction.is_back else prepared.after.old_name
    owner, differs = connection.execute(_OWNERS, [former, SERVED]).fetchone() or ("", False)
    if differs:
        connection.execute(f"ALTER TABLE {SERVED} OWNER TO {owner}".encode())
    if prepared.direction.is_back:
        for statement in dependents.revoked(prepared.before, prepared.earlier.grants, former):
            connection.execute(statement.encode())
    else:
        for statement in dependents.table_grants(prepared.before, prepared.beside, prepared.replacements):
            connection.execute(statement.encode())
    for one in prepared.taken:
        for statement in dependents.attach(one, version):
            connection.execute(statement.encode())
        dependents.set_grants(connection, one.dependent)


def _smoke(
    connection: psycopg.Connection[Any], prepared: Preparation, after: Census, told: Exchanged
) -> None:
    found = smoke_test(connection, after.values())
    if written := smoke.write(connection, SERVED, SERVED):
        found.append(written)
    told.told += [mask_email(redact(str(one))) for one in found]
    broken = [one for one in found if one.is_about_names and one.key not in prepared.complaints]
    if broken:
        raise PermanentError(
            "it finds a name or a type no more: " + "; ".join(mask_email(redact(str(one))) for one in broken),
            item=", ".join(one.key for one in broken),
            remedy="Nothing was changed. Correct it so that it fits the other table, or give its SQL in `replacements`",
        )


def _compare(
    connection: psycopg.Connection[Any], prepared: Preparation, after: Census, told: Exchanged
) -> None:
    """What hangs on the name must be what hung on it, but for what somebody replaced or cannot be."""
    given = {*prepared.replacements, *prepared.dropped}
    for key, how in _changes(prepared, after).items():
        kind = key.partition(" ")[0]
        if key in given or kind in {"index", "unmovable"} or how == "new":
            told.changed[key] = how
        else:
            raise PermanentError(
                f"after the exchange it is {how}",
                item=key,
                remedy="Nothing was changed. Give its SQL in `replacements`, or look at what the census says of it",
            )
    former = prepared.after.clean_name if prepared.direction.is_back else prepared.after.old_name
    left = reading.census(connection, former, reading.own_names(connection, prepared.source))
    staying = {*prepared.earlier.staying} if prepared.direction.is_back else given
    told.told += [
        f"it stays on {former}: {key}"
        for key, one in left.items()
        if one.kind in _MOVES and key not in staying
    ]


def _changes(prepared: Preparation, after: Census) -> dict[str, str]:
    if not prepared.direction.is_back:
        found = reading.differences(prepared.before, after)
        # The same index under another name is the same.
        return {key: how for key, how in found.items() if not (key.startswith("index ") and how == "changed")}
    # Back to what it was before the switch-over, but for what was taken away on purpose since.
    expected = {
        key: text
        for key, text in prepared.earlier.definitions.items()
        if key not in prepared.earlier.replacements
    }
    told = {}
    for key, definition in expected.items():
        if key.startswith("index "):
            continue
        if key not in after:
            told[key] = (
                "missing" if key in prepared.before or key.startswith(("policy ", "grant ")) else "new"
            )
        elif after[key].definition != definition:
            told[key] = "changed"
    return told


def _details(prepared: Preparation, told: Exchanged) -> dict[str, Any]:
    """What the way back needs, and what people want to know later."""
    as_served = [key.replace(prepared.other, SERVED) for key in prepared.beside]
    return {
        "definitions": {key: one.definition for key, one in prepared.before.items()},
        "replacements": dict(prepared.replacements),
        "staying": as_served,
        "grants": [key for key in prepared.beside if key.startswith("grant ")],
        "policies": dependents.copied_policies(prepared.taken),
        "names": told.names,
        "changed": told.changed,
        "told": told.told,
        "touched_rows": told.touched,
    }
