"""The evidence of who reads the old table: our own scans are told from others', and lost evidence from none."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import evidence, installation, phase, rendering
from artwork_pipeline.stores.evidence import Judgement
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline.cleaning import wait_until_alone

Query = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def switched(untouched: str) -> str:
    """A database that was switched over 31 days ago, as far as the old table's reads are concerned."""
    with session(untouched) as connection:
        with connection.transaction():
            phase.advance(connection, Phase.SWITCHED, by="tester", run_id="switch")
            connection.execute("ALTER TABLE artworks RENAME TO artworks_v1")
            connection.execute("ALTER TABLE artworks_v2 RENAME TO artworks")
            source = installation.recognise_source(connection)
            connection.execute(rendering.functions(source, phase.tables(connection)))
        connection.execute("UPDATE artwork_migration.transitions SET at = at - interval '31 days'")
    return untouched


@pytest.fixture
def watched(switched: str) -> str:
    """The same, watched from its first hour on: what other tests did there is forgotten."""
    wait_until_alone(switched)
    with session(switched) as connection:
        connection.execute("TRUNCATE artwork_migration.reads")
        connection.execute("UPDATE artwork_migration.transitions SET at = clock_timestamp()")
        evidence.sample(connection, run_id="switch")
        connection.execute("UPDATE artwork_migration.transitions SET at = at - interval '31 days'")
    return switched


def look(url: str, begun_anew: str | None = None) -> Judgement:
    with session(url) as connection:
        evidence.sample(connection, run_id="look", begun_anew=begun_anew)
        return evidence.judged(connection)


def settled(url: str) -> Judgement:
    """What is judged once the server knows what sessions did: they tell it when they end, a moment later."""
    wait_until_alone(url)
    return look(url)


def test_nobody_read_the_old_table_where_nobody_did(watched: str) -> None:
    found = look(watched)
    assert (found.reads, found.lost, found.between) == (0, None, None)
    assert found.samples == 2


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM artworks_v1",
        "SELECT * FROM artworks_v1 WHERE id = (SELECT id FROM artworks LIMIT 1)",
        "SELECT * FROM artworks_v1 WHERE access_token = 'nothing'",
        "COPY (SELECT * FROM artworks_v1) TO STDOUT",
    ],
    ids=["the whole table", "by its primary key", "by a token", "a dump"],
)
def test_a_reader_of_the_old_table_is_noticed_and_when(watched: str, query: Query, statement: str) -> None:
    before = look(watched)
    with psycopg.connect(watched, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        if statement.startswith("COPY"):
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                assert list(copy)
        else:
            connection.execute(statement)
    found = settled(watched)
    assert (found.reads, found.lost) == (1, None)
    assert found.between is not None
    assert before.since is not None
    assert before.since < found.between[1]


def test_writes_past_the_migration_are_reads_of_the_old_table_too(watched: str, query: Query) -> None:
    query(watched, "UPDATE artworks_v1 SET pet_name = 'Rex' WHERE id = (SELECT id FROM artworks LIMIT 1)")
    assert settled(watched).reads > 0


def test_our_own_reads_count_as_ours_also_in_a_read_only_transaction(watched: str) -> None:
    with session(watched) as connection:
        for mode in ("READ ONLY", "READ WRITE"):
            with connection.transaction():
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, {mode}")
                with evidence.own_reads(connection):
                    connection.execute("SELECT count(*) FROM artworks_v1")
                    connection.execute("SELECT * FROM artworks_v1 WHERE id = gen_random_uuid()")
    with psycopg.connect(watched, autocommit=True) as other:
        other.execute("SELECT count(*) FROM artworks_v1")
    assert settled(watched).reads == 1


def test_our_own_reads_outside_of_a_transaction_are_refused(watched: str) -> None:
    with (
        session(watched) as connection,
        pytest.raises(PermanentError, match="in a transaction only"),
        evidence.own_reads(connection),
    ):
        pass


def test_what_was_read_before_the_switch_and_told_late_is_not_counted(watched: str, query: Query) -> None:
    query(watched, "UPDATE artwork_migration.transitions SET at = clock_timestamp()")
    query(watched, "SELECT count(*) FROM artworks_v1")
    found = look(watched)
    assert (found.reads, found.samples) == (0, 1)


def test_what_was_carried_from_the_clean_table_counts_as_ours(watched: str, query: Query) -> None:
    """Rows changed, made and deleted in the clean table; then somebody reads the old one once, by its primary key."""
    query(watched, "UPDATE artworks SET pet_name = pet_name || '!' WHERE pet_name IS NOT NULL")
    query(watched, "UPDATE artworks SET pet_name = 'Rex' WHERE id = (SELECT id FROM artworks LIMIT 1)")
    query(watched, "DELETE FROM artworks a WHERE NOT EXISTS (SELECT FROM orders o WHERE o.artwork_id = a.id)"
                   " AND NOT EXISTS (SELECT FROM artwork_token_aliases l WHERE l.artwork_id = a.id)")  # fmt: skip
    assert settled(watched).reads == 0
    query(watched, "SELECT * FROM artworks_v1 WHERE id = (SELECT id FROM artworks LIMIT 1)")
    assert settled(watched).reads == 1


def test_what_the_deletion_of_a_user_looks_up_counts_as_ours(watched: str, query: Query) -> None:
    query(watched, "DELETE FROM users WHERE id IN (SELECT user_id FROM artworks LIMIT 5)")
    query(watched, "SELECT count(*) FROM artworks_v1")
    assert settled(watched).reads == 1


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT pg_stat_reset()", "statistics were reset"),
        ("SELECT pg_stat_reset_single_table_counters('artworks_v1'::regclass)", "statistics were reset"),
        ("DROP INDEX artworks_v1_extra", "an index of the old table was dropped"),
    ],
)
def test_evidence_that_was_lost_is_told_with_the_moments(
    watched: str, query: Query, statement: str, told: str
) -> None:
    query(watched, "CREATE INDEX IF NOT EXISTS artworks_v1_extra ON artworks_v1 (pet_name)")
    assert look(watched, begun_anew="tester: an index was made").lost is None
    query(watched, statement)
    found = look(watched)
    assert found.lost is not None
    assert told in found.lost
    assert look(watched, begun_anew="tester: it was reset").lost is None


def test_a_server_that_keeps_no_statistics_proves_nothing(watched: str, query: Query) -> None:
    name = watched.rpartition("/")[2]
    query(watched, f"ALTER DATABASE {name} SET track_counts = off")
    found = look(watched)
    query(watched, f"ALTER DATABASE {name} RESET track_counts")
    assert found.lost is not None
    assert "track_counts" in found.lost


def test_without_a_look_there_is_no_evidence(migrated: str) -> None:
    with session(migrated) as connection:
        assert evidence.judged(connection).lost == "nobody has looked since the switch"
        assert not evidence.sample(connection, run_id="look")


def test_a_first_look_days_after_the_switch_is_not_evidence_since_the_switch(
    watched: str, query: Query
) -> None:
    query(watched, "TRUNCATE artwork_migration.reads")
    found = look(watched)
    assert found.lost is not None
    assert "nobody looked in the first day" in found.lost


def test_counting_can_begin_anew_and_says_why(watched: str, query: Query) -> None:
    query(watched, "SELECT count(*) FROM artworks_v1")
    assert settled(watched).reads == 1
    found = look(watched, begun_anew="tester: the nightly report reads the other table now")
    assert (found.reads, found.samples) == (0, 1)
    assert found.begun_anew == "tester: the nightly report reads the other table now"
