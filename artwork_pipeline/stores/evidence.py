"""The evidence that nobody but us reads the old table after the switch: what PostgreSQL counts, sampled and judged.

Every scan of ours is followed by one of an empty table (`sql/evidence.sql`), so that what the old table has more is
somebody else's. A server that lost its statistics, or keeps none, proves nothing. What a judgement is worth is
`cleanup`'s business.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import psycopg

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import phase
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError

# Statistics as they are now, not as they were when this session asked last.
_FRESH = "SELECT pg_stat_clear_snapshot()"
_SAMPLE = """
    INSERT INTO artwork_migration.reads (transition, since_switch, scans, own_scans, statistics, begun_anew, run_id)
    SELECT t.id, clock_timestamp() - t.at,
           (SELECT jsonb_object_agg(oid, pg_stat_get_numscans(oid))
            FROM (SELECT to_regclass(%(old)s)::oid AS oid
                  UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = to_regclass(%(old)s)) AS counted),
           pg_stat_get_numscans('artwork_migration.own_scans'::regclass),
           jsonb_build_object(
               'database', (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
               'server', (SELECT stats_reset FROM pg_stat_bgwriter),
               -- Another server's statistics, after a failover.
               'timeline', left(pg_walfile_name(pg_current_wal_lsn()), 8),
               'kept', current_setting('track_counts') = 'on' AND NOT EXISTS (
                   SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
                   WHERE setting ~ '^track_counts=' AND setting <> 'track_counts=on')),
           %(begun_anew)s, %(run_id)s
    FROM artwork_migration.transitions t WHERE t.to_phase = 'switched' ORDER BY t.id DESC LIMIT 1
    RETURNING id
"""
_SAMPLES = """
    SELECT r.id, r.at, r.since_switch < interval '1 hour', r.since_switch < interval '1 day', r.scans, r.own_scans,
           r.statistics, r.begun_anew
    FROM artwork_migration.reads r
    WHERE r.transition = (SELECT max(id) FROM artwork_migration.transitions WHERE to_phase = 'switched')
    ORDER BY r.id
"""


@dataclass(frozen=True)
class Sample:
    """What the server had counted at a moment: scans by oid of the old table and its indexes; those that were ours."""

    id: int
    at: datetime
    in_first_hour: bool
    in_first_day: bool
    scans: dict[str, int]
    own_scans: int
    statistics: dict[str, Any]
    begun_anew: str | None


@dataclass(frozen=True)
class Judgement:
    """What the samples since the newest switch say.

    Attributes:
        since: the moment from which on everything is counted; None without evidence.
        begun_anew: why a person had it counted from then on.
        samples: how many there are from then on.
        reads: scans of the old table that were not ours.
        between: the moments of the two samples between which the first of them came.
        lost: why the evidence is worth nothing, if it is.
    """

    since: datetime | None
    begun_anew: str | None
    samples: int
    reads: int
    between: tuple[datetime, datetime] | None
    lost: str | None


def judge(samples: list[Sample]) -> Judgement:
    """Judge samples in the order in which they were taken.

    Counted from where a person began anew, else from the last sample of the first hour after the switch: sessions tell
    late what they read before it.
    """
    anew = [place for place, sample in enumerate(samples) if sample.begun_anew]
    early = [place for place, sample in enumerate(samples) if sample.in_first_hour]
    first = (anew or early or [0])[-1]
    counted = samples[first:]
    if not counted:
        return Judgement(None, None, 0, 0, None, "nobody has looked since the switch")
    begin = counted[0]
    lost = None
    if not (begin.begun_anew or begin.in_first_day):
        lost = f"nobody looked in the first day after the switch: the first look was at {_moment(begin.at)}"
    for before, after in pairwise(counted):
        lost = lost or _lost(before, after)
    lost = lost or (None if begin.statistics["kept"] else "the server keeps no statistics (track_counts)")
    excess = [_scans(sample) - _scans(begin) for sample in counted]
    between = None
    if excess[-1] > 0:
        place = next(place for place, scans in enumerate(excess) if scans > 0)
        between = (counted[place - 1].at, counted[place].at)
    return Judgement(begin.at, begin.begun_anew, len(counted), max(excess[-1], 0), between, lost)


def _scans(sample: Sample) -> int:
    return sum(sample.scans.values()) - sample.own_scans


def _lost(before: Sample, after: Sample) -> str | None:
    when = f"between {_moment(before.at)} and {_moment(after.at)}"
    if not after.statistics["kept"]:
        return f"the server kept no statistics (track_counts) {when}"
    if before.statistics != after.statistics:
        return f"the server's statistics were reset, or another server took over, {when}"
    if before.own_scans > after.own_scans or any(
        count > after.scans.get(oid, -1) for oid, count in before.scans.items()
    ):
        return (
            f"counters went down {when}: the server lost statistics, or an index of the old table was dropped"
        )
    return None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def sample(connection: psycopg.Connection[Any], *, run_id: str, begun_anew: str | None = None) -> bool:
    """Write down what the server has counted until now; whether there is anything to watch (the phase is switched).

    Args:
        connection: in autocommit.
        run_id: the run that looks.
        begun_anew: count everything from here on, and the waiting time too; the person and the reason.
    """
    if phase.current(connection) is not Phase.SWITCHED:
        return False
    connection.execute(_FRESH)
    old = phase.tables(connection).old_name
    connection.execute(_SAMPLE, {"old": old, "begun_anew": begun_anew, "run_id": run_id})
    return True


def judged(connection: psycopg.Connection[Any]) -> Judgement:
    """What the samples say that were taken since the newest switch."""
    if scalar(connection, "SELECT to_regclass('artwork_migration.reads')") is None:
        return judge([])
    return judge([Sample(*row) for row in connection.execute(_SAMPLES)])


@contextmanager
def snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction with one snapshot that only reads; what it reads of the old table counts as ours."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with own_reads(connection):
            yield


@contextmanager
def own_reads(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """What is read in here counts as ours. Inside a transaction, which may be read only.

    Whoever is killed in here has read something that counts as somebody else's: the error is on the safe side.

    Raises:
        PermanentError: the connection is in no transaction.
    """
    if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
        raise PermanentError(
            "reads of the old table are counted in a transaction only",
            item="artwork_migration.own_scans",
            remedy="This is a fault of the pipeline; nothing was read",
        )
    if phase.current(connection) is not Phase.SWITCHED:
        yield
        return
    # What a parallel worker scans is counted in its own session, out of our sight.
    connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
    before = scalar(connection, "SELECT artwork_migration.uncounted_scans()")
    yield
    connection.execute("SELECT artwork_migration.count_scans(%s)", [before])
