"""Who writes a category at the moment: any number of runs that migrate, or one that takes back or verifies alone.

An advisory lock of PostgreSQL, held by a transaction on a connection of its own: it works through a pooler, and is
free as soon as its run is lost. What is done during a turn is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from migration_kit.failures import PermanentError
from migration_kit.postgres import connect, transient_errors

if TYPE_CHECKING:
    import psycopg

Kind = Literal["writing", "validating"]

_TAKE = "select pg_try_advisory_xact_lock{shared}(hashtext('nabo_migration {kind}'), hashtext(%s))"
_HOLDERS = """
    select distinct a.application_name
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.pid <> pg_backend_pid()
      and l.database = (select oid from pg_database where datname = current_database())
      and l.classid = (hashtext(%s)::bigint & 4294967295)::oid
      and l.objid = (hashtext(%s)::bigint & 4294967295)::oid
    order by 1
"""
# A machine that is lost says no farewell: the server asks after it, so that its turn ends within two minutes. A run
# that works for hours says nothing on this connection, and keeps its turn.
_ALIVE = """
    set local idle_in_transaction_session_timeout = 0;
    set local tcp_keepalives_idle = 60; set local tcp_keepalives_interval = 10; set local tcp_keepalives_count = 6
"""
LONGEST_NAME = 63
"""Characters of PostgreSQL's application_name."""


class Turn:
    """A turn that is held until its context ends."""

    def __init__(self, connection: psycopg.Connection[Any], category: str) -> None:
        self._connection = connection
        self._category = category

    def require(self) -> None:
        """Raises TransientError if the turn was lost with its connection."""
        with transient_errors(f"turn of {self._category}"):
            self._connection.execute("select 1")


@contextmanager
def turn(conninfo: str, category: str, who: str, *, alone: bool, kind: Kind = "writing") -> Iterator[Turn]:
    """Takes a category's turn until the context ends; `who` (a stage and its run) is told to whoever is refused.

    `alone` excludes everybody else of this `kind`; otherwise others that are not alone go on beside.
    Raises PermanentError naming who holds the turn; nobody is waited for.
    """
    with closing(connect(conninfo)) as connection, transient_errors(f"turn of {category}"):
        connection.execute("select set_config('application_name', %s, true)", [f"nabo {who}"[:LONGEST_NAME]])
        connection.execute(_ALIVE)
        take = _TAKE.format(shared="" if alone else "_shared", kind=kind)
        row = connection.execute(take.encode(), [category]).fetchone()
        if not row or not row[0]:
            found = connection.execute(_HOLDERS, [f"nabo_migration {kind}", category]).fetchall()
            holders = ", ".join(name for (name,) in found) or "another run, which has ended by now"
            raise PermanentError(
                f"{holders} works on this category at the moment",
                item=category,
                remedy="Wait until that run has ended, or stop it, then run this again.",
            )
        yield Turn(connection, category)
