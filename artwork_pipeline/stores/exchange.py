"""The exchange of names: one transaction in which the other table becomes `artworks`, with all that hangs on the name.

What goes along and whether it may was found by `preparation`; here it is done under locks, looked at again, and undone
by the transaction's end if anything is not as it was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from artwork_pipeline.stores import catalog, dependents, drift, expansion, locks, phase, rendering, smoke
from artwork_pipeline.stores import census as reading
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

LONGEST_CALLS_MS = 150
"""All calls of functions under the locks together; each found its tables once before, on empty ones."""


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
    _run(connection, _off(prepared))
    _rename(connection, prepared, told)
    _on(connection, prepared)
    connection.execute(rendering.functions(prepared.source, prepared.after).encode())
    after = reading.census(connection, SERVED, reading.own_names(connection, prepared.source))
    _smoke(connection, prepared, after, told)
    _compare(prepared, after, told)
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


def left_behind(connection: psycopg.Connection[Any], prepared: Preparation) -> list[str]:
    """What still hangs on the table that had the name, and nobody gave up; asked after the commit."""
    given = {*prepared.replacements, *prepared.dropped}
    staying = {*prepared.earlier.staying} if prepared.direction.is_back else given
    left = reading.census(connection, prepared.former, reading.own_names(connection, prepared.source))
    return [
        f"it stays on {prepared.former}: {key}"
        for key, one in left.items()
        if one.kind in _MOVES and key not in staying
    ]


def _run(connection: psycopg.Connection[Any], statements: Iterable[str]) -> None:
    """All of them in one go: everybody waits for every answer."""
    if script := "\n;\n".join(statements):
        connection.execute(script.encode())


def _lock(connection: psycopg.Connection[Any], prepared: Preparation, order: Order, told: Exchanged) -> bool:
    connection.execute(
        f"SET LOCAL lock_timeout = {int(order.lock_timeout_ms)}; SET LOCAL search_path = pg_catalog".encode()
    )
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration'))")
    if phase.current(connection) is prepared.direction.to:
        return False
    phase.require(connection, *prepared.direction.allowed)
    # One after the other, and yet the tables in one go: whoever reads a view locks it before what is below it.
    views = [
        one.dependent.detail["lock"] for one in reversed(prepared.taken) if "lock" in one.dependent.detail
    ]
    tables = f"LOCK TABLE {', '.join(locked_tables(prepared))} IN ACCESS EXCLUSIVE MODE"
    try:
        told.granted = locks.take(connection, [*views, tables], within_ms=order.lock_timeout_ms)
    except (psycopg.errors.UndefinedTable, psycopg.errors.WrongObjectType) as gone:
        raise StaleError(f"what hangs on {SERVED} changed meanwhile: {gone.diag.message_primary}") from gone
    return True


def _look_again(connection: psycopg.Connection[Any], prepared: Preparation, told: Exchanged) -> None:
    """Under the locks: what hangs there, the triggers, and the rows written since both tables were compared."""
    now = reading.census(connection, SERVED, reading.own_names(connection, prepared.source))
    if moved := reading.differences(prepared.before, now):
        raise StaleError(f"what hangs on {SERVED} changed meanwhile: {', '.join(moved)}")
    if catalog.references_to_artworks(connection) != prepared.source.references:
        raise StaleError(f"what points at {SERVED} changed meanwhile")
    expansion.require_followed(connection, prepared.source)
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
    place = {"view": -1, "pointer": 1, "bound function": 2, "materialised view": 2}
    outermost_first = prepared.taken[::-1]
    for one in sorted(outermost_first, key=lambda one: place.get(one.dependent.kind, 0)):
        yield from dependents.detach(one)
    if prepared.direction.is_back:
        for name in prepared.earlier.policies:
            yield f"DROP POLICY IF EXISTS {quoted(name)} ON {SERVED}"


def _rename(connection: psycopg.Connection[Any], prepared: Preparation, told: Exchanged) -> None:
    away = str(prepared.after.clean if prepared.direction.is_back else prepared.after.old)
    here = prepared.other.partition(".")[2]
    statements = []
    for table, becomes in (("artworks", away), (here, "artworks")):
        for oid, name, statement in connection.execute(_PARTS, {"table": f"public.{table}"}).fetchall():
            told.names[oid] = name
            wanted = prepared.earlier.names.get(oid) if prepared.direction.is_back else None
            wanted = wanted or called(name, table, becomes)
            if wanted != name:
                statements.append(statement + quoted(wanted))
        statements.append(f"ALTER TABLE public.{table} RENAME TO {becomes}")
    _run(connection, statements)


def _on(connection: psycopg.Connection[Any], prepared: Preparation) -> None:
    version = int(scalar(connection, "SELECT current_setting('server_version_num')"))
    owner, differs = connection.execute(_OWNERS, [prepared.former, SERVED]).fetchone() or ("", False)
    grants = (
        dependents.revoked(prepared.before, prepared.earlier.grants, prepared.former)
        if prepared.direction.is_back
        else dependents.table_grants(prepared.before, prepared.beside, prepared.replacements)
    )
    _run(
        connection,
        [
            *([f"ALTER TABLE {SERVED} OWNER TO {owner}"] if differs else []),
            *grants,
            *(statement for one in prepared.taken for statement in dependents.attach(one, version)),
        ],
    )
    for one in prepared.taken:
        dependents.set_grants(connection, one.dependent)


def _smoke(
    connection: psycopg.Connection[Any], prepared: Preparation, after: Census, told: Exchanged
) -> None:
    found = smoke_test(connection, after.values(), together_ms=LONGEST_CALLS_MS, last=prepared.slow)
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


def _compare(prepared: Preparation, after: Census, told: Exchanged) -> None:
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
