"""Where the migration stands, in the database it is about: which phase, and since when.

Which phases there are, and what the tables are called in them, is `artworks.phases`'s knowledge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from artwork_pipeline.artworks.phases import TRANSITIONS, Phase, Tables, tables_of
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError

_REMEDIES = {
    Phase.PLANNED: "Materialise artwork/classification and artwork/expanded_schema first",
    Phase.EXPANDED: "Switch over first (artwork_switch)",
    Phase.SWITCHED: "Roll back first (artwork_roll_back), if that is what you want",
    Phase.ROLLED_BACK: "Switch over again first (artwork_switch)",
    Phase.CLEANED: "The migration is over: the old table is gone, and there is no way back but the archive",
}
_TRANSITION = """
    INSERT INTO artwork_migration.transitions (from_phase, to_phase, by_person, run_id, seconds, blocking_ms, details)
    VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_HISTORY = """
    SELECT id, from_phase, to_phase, at, by_person, run_id, seconds, blocking_ms, details
    FROM artwork_migration.transitions ORDER BY id
"""


@dataclass(frozen=True)
class Transition:
    """One change of the phase: who did it and when (database's clock), how long it took and blocked (s, ms)."""

    id: int
    from_phase: Phase
    to_phase: Phase
    at: datetime
    by: str
    run_id: str
    seconds: float | None
    blocking_ms: float | None
    details: Mapping[str, Any]


def current(connection: psycopg.Connection[Any]) -> Phase:
    """The phase; PLANNED where the migration has never been."""
    if scalar(connection, "SELECT to_regclass('artwork_migration.phase')") is None:
        return Phase.PLANNED
    return Phase(scalar(connection, "SELECT phase FROM artwork_migration.phase") or Phase.PLANNED)


def tables(connection: psycopg.Connection[Any]) -> Tables:
    """What the tables are called now."""
    return tables_of(current(connection))


def require(connection: psycopg.Connection[Any], *allowed: Phase) -> Phase:
    """The phase, if it is an allowed one.

    Raises:
        PermanentError: it is another; says which, and what to do.
    """
    found = current(connection)
    if found not in allowed:
        raise PermanentError(
            f"the phase is {found}, and this is done in {' or '.join(allowed)} only",
            item=f"database {scalar(connection, 'SELECT current_database()')}",
            remedy=_REMEDIES[found],
        )
    return found


def advance(
    connection: psycopg.Connection[Any],
    to: Phase,
    *,
    by: str,
    run_id: str,
    seconds: float | None = None,
    blocking_ms: float | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Go on to a phase, inside the caller's transaction; the number of the transition.

    The row is locked until the transaction ends: of two who go on at once, the second sees what the first did.

    Raises:
        PermanentError: that phase does not follow the one that the database is in.
    """
    row = connection.execute("SELECT phase FROM artwork_migration.phase FOR UPDATE").fetchone()
    found = Phase(row[0]) if row else Phase.PLANNED
    if to not in TRANSITIONS[found]:
        raise PermanentError(
            f"from {found} the migration cannot become {to}",
            item=f"database {scalar(connection, 'SELECT current_database()')}",
            remedy=_REMEDIES[found],
        )
    connection.execute("UPDATE artwork_migration.phase SET phase = %s, since = clock_timestamp()", [str(to)])
    told = [str(found), str(to), by, run_id, seconds, blocking_ms, Jsonb(details or {})]
    return int(scalar(connection, _TRANSITION, told))


def measured(
    connection: psycopg.Connection[Any], transition: int, *, seconds: float, blocking_ms: float
) -> None:
    """Keep how long a transition took (s) and blocked (ms), which is known after its commit only."""
    connection.execute(
        "UPDATE artwork_migration.transitions SET seconds = %s, blocking_ms = %s WHERE id = %s",
        [seconds, blocking_ms, transition],
    )


def history(connection: psycopg.Connection[Any]) -> list[Transition]:
    """Every transition, the oldest first."""
    if scalar(connection, "SELECT to_regclass('artwork_migration.transitions')") is None:
        return []
    return [
        Transition(id_, Phase(before), Phase(after), *rest)
        for id_, before, after, *rest in connection.execute(_HISTORY)
    ]
