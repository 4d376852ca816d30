"""What of each category's plan has no outcome, and which reasons its files were left with. Looks; makes no table.

For who decides what is to be run again, and for sensors, which look often: nothing here waits for a lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from migration_kit.ledger.postgres import PostgresLedger
from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.stores.state import SCHEMA

_INSTALLED = f"""
    select to_regclass('{SCHEMA}.outcomes') is not null and to_regclass('{SCHEMA}.plan_items') is not null,
           to_regclass('{SCHEMA}.rolled_back') is not null
"""
_WITHOUT_OUTCOME = f"""
    select p.category, count(*) filter (where o.item is null),
           count(*) filter (where o.item is null and {{taken_back}}), count(o.item)
    from {SCHEMA}.plan_items p left join {SCHEMA}.outcomes o on o.item = p.item
    group by p.category
"""  # noqa: S608 - constants
_TAKEN_BACK = f"exists (select 1 from {SCHEMA}.rolled_back r where r.item = p.item)"  # noqa: S608 - constants
_REASONS = f"""
    select partition, reason, count(*) from {SCHEMA}.outcomes where state = 'quarantined' group by 1, 2
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Progress:
    """Files of a category's plan: without an outcome, of those taken back by a rollback, and with one.

    ``quarantined``: files by reason.
    """

    missing: int = 0
    taken_back: int = 0
    settled: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def ledger_to_look_at(conninfo: str) -> Iterator[PostgresLedger | None]:
    """The ledger as it is, None before the first migration has made it."""
    with closing(connect(conninfo, autocommit=True)) as connection, transient_errors("ledger"):
        (installed, _) = connection.execute(_INSTALLED.encode()).fetchone() or (False, False)
    if not installed:
        yield None
        return
    with closing(PostgresLedger(conninfo, SCHEMA)) as ledger, transient_errors("ledger"):
        yield ledger


def progress(conninfo: str) -> dict[str, Progress]:
    """How far each category is that has a plan."""
    with closing(connect(conninfo, autocommit=True)) as connection, transient_errors("ledger"):
        installed, rolled_back = connection.execute(_INSTALLED.encode()).fetchone() or (False, False)
        if not installed:
            return {}
        query = _WITHOUT_OUTCOME.format(taken_back=_TAKEN_BACK if rolled_back else "false")
        counts = connection.execute(query.encode()).fetchall()
        reasons: dict[str, dict[str, int]] = {}
        for category, reason, files in connection.execute(_REASONS.encode()):
            reasons.setdefault(category, {})[reason] = files
    return {
        category: Progress(missing, taken_back, settled, reasons.get(category, {}))
        for category, missing, taken_back, settled in counts
    }
