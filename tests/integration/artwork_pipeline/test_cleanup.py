"""The cleanup: refused for every reason there is, each told with what to do; and then only what is to go goes."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import archive, archive_files, cleanup, evidence, phase, switching
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
from migration_kit.failures import PermanentError, TransientError
from tests.integration.artwork_pipeline import shop

Query = Callable[..., list[Any]]
pytestmark = pytest.mark.usefixtures("reports_path")
MONTH_AGO = "UPDATE artwork_migration.transitions SET at = at - interval '31 days'"


@pytest.fixture
def due(clones: Any, steps: Any) -> str:
    """A database that was switched over 31 days ago, every key validated, nothing against its cleanup."""

    shop.make_roles(clones.server.url)

    def switch(url: str) -> None:
        owner = shop.owned(url)
        artworks.fill({"ARTWORK_DATABASE_URL": owner}, rows=120)
        steps.prepare(owner)
        steps.fill_all(owner)
        shop.pass_verification(owner)
        shop.back_up(owner)
        shop.switch(owner)
        with session(owner) as connection:
            switching.validate(connection, log=print)

    url = shop.owned(clones.of("switched", switch))
    with session(url) as connection:
        # A copy of a database has statistics of its own.
        evidence.sample(connection, run_id="switch")
        connection.execute(MONTH_AGO)
    return url


def prepare(url: str, **changes: Any) -> cleanup.Preparation:
    with session(url) as connection:
        return cleanup.prepare(connection, cleanup.Order(by="tester", run_id="run", **changes))


def clean_up(url: str, **changes: Any) -> cleanup.Outcome | None:
    with session(url) as connection:
        order = cleanup.Order(by="tester", run_id="run", **changes)
        return cleanup.carry_out(connection, order, log=print)


def rules(url: str) -> set[str]:
    return {refusal.rule for refusal in prepare(url).refusals}


def test_nothing_speaks_against_a_cleanup_that_is_due(due: str) -> None:
    found = prepare(due)
    assert found.refusals == ()
    assert found.rows > 0


def test_only_the_old_table_and_what_is_ours_goes(due: str, query: Query) -> None:
    before, rows = everything(due), query(due, "SELECT * FROM artworks ORDER BY id")
    done = clean_up(due)
    assert done is not None
    gone, come = before - everything(due), everything(due) - before
    assert come == set()
    assert ("table", "public.artworks_v1") in gone
    kept = {
        (kind, name)
        for kind, name in gone
        if not name.startswith(("public.artworks_v1", "artwork_migration."))
        and "rtwork_migration_" not in name
    }
    assert kept == set()
    assert query(due, "SELECT * FROM artworks ORDER BY id") == rows
    with session(due) as connection:
        assert phase.current(connection) is Phase.CLEANED
        newest = phase.history(connection)[-1]
        assert newest.by == "tester"
        assert newest.details["archive"] == done.archive
        assert newest.blocking_ms is not None


def test_the_application_goes_on_afterwards(due: str, query: Query) -> None:
    clean_up(due)
    (made,) = query(
        due,
        "SELECT id, access_token FROM create_artwork('Ann', 'Ann@Example.org', 'Rex', 'https://a/m', 'https://a/p')",
    )
    assert query(due, "SELECT id FROM artwork_by_token(%s)", made[1]) == [(made[0],)]
    query(due, "UPDATE artworks SET pet_name = 'Rex' WHERE id = %s", made[0])
    query(due, "DELETE FROM users WHERE email = 'ann@example.org'")
    query(due, "DELETE FROM artworks WHERE id = %s", made[0])
    assert query(due, "SELECT count(*) FROM routed_artworks") == query(due, "SELECT count(*) FROM artworks")


def test_a_second_cleanup_finds_it_done(due: str) -> None:
    assert clean_up(due) is not None
    assert clean_up(due) is None


def test_what_was_dropped_can_be_had_back_from_its_archive(due: str, query: Query) -> None:
    rows = query(due, "SELECT * FROM artworks_v1 ORDER BY id")
    with session(due) as connection:
        evidence.sample(connection, run_id="run", begun_anew="tester: the test read the table")
        connection.execute("UPDATE artwork_migration.reads SET at = at - interval '31 days'")
    done = clean_up(due)
    assert done is not None
    (line,) = query(due, "SELECT tables FROM artwork_migration.archives WHERE id = %s", done.archive)[0][0]
    columns = ", ".join(f"{name} {kind}" for name, kind in line["columns"])
    query(due, f"CREATE TABLE restored ({columns})")
    packed = archive_files.archives_path() / done.archive / line["file"]
    into = "COPY restored FROM STDIN (FORMAT binary)"
    with psycopg.connect(due) as connection, connection.cursor() as cursor, cursor.copy(into) as copy:
        copy.write(gzip.decompress(packed.read_bytes()))
    assert query(due, "SELECT * FROM restored ORDER BY id") == rows


HOUSEKEEPING = {
    "the server's own": ("ANALYZE artworks_v1", "VACUUM artworks_v1"),
    "the application's reads": (
        "SELECT * FROM customer_artworks((SELECT customer_email FROM artworks LIMIT 1))",
        "SELECT * FROM artwork_by_token((SELECT access_token FROM artworks LIMIT 1))",
        "SELECT * FROM artwork_by_token((SELECT token FROM artwork_token_aliases LIMIT 1))",
        "SELECT * FROM routed_artworks WHERE id = (SELECT id FROM artworks LIMIT 1)",
    ),
    "the application's writes": (
        "SELECT create_artwork('Ann', 'Ann@Example.org', 'Rex', 'https://a/m', 'https://a/p')",
        """SELECT update_artwork_lifecycle(id, '{"generation_status": "processing"}') FROM artworks
           WHERE customer_name = 'Ann'""",
        "DELETE FROM users WHERE email = 'ann@example.org'",
        "DELETE FROM artworks WHERE customer_name = 'Ann'",
        """INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, customer_name)
           SELECT id, 'new', 'digital', 1, customer_email, customer_name FROM artworks LIMIT 1""",
    ),
}


@pytest.mark.parametrize("whose", HOUSEKEEPING)
def test_what_goes_on_every_day_is_no_reading_of_the_old_table(due: str, query: Query, whose: str) -> None:
    for statement in HOUSEKEEPING[whose]:
        query(due, statement)
    found = prepare(due)
    assert (found.reads.reads, found.refusals) == (0, ())


_UNVALIDATED = """
    ALTER TABLE orders DROP CONSTRAINT orders_artwork_id_fkey;
    ALTER TABLE orders ADD CONSTRAINT orders_artwork_id_fkey FOREIGN KEY (artwork_id) REFERENCES artworks (id) NOT VALID
"""
_DRIFT = """
    ALTER TABLE artworks DISABLE TRIGGER USER;
    UPDATE artworks SET pet_name = 'drifted';
    ALTER TABLE artworks ENABLE TRIGGER USER
"""
_ROUTED = "INSERT INTO artwork_migration.routing (email, version, by_person) VALUES ('a@example.org', 'v1', 'tester')"
_NAMES_IT = "CREATE FUNCTION report() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM artworks_v1'"
_LATER = "UPDATE artwork_migration.transitions SET at = at + interval '2 days'"
REFUSALS = {
    "too early": (_LATER, "too early", "the time is up in"),
    "drift": (_DRIFT, "drift", "differences"),
    "a reader by the primary key": ("SELECT * FROM artworks_v1 WHERE id = (SELECT id FROM artworks LIMIT 1)",
                                    "read", "artwork_watch with begin_anew"),
    "statistics that were reset": ("SELECT artwork_migration_reset()", "no evidence", "statistics were reset"),
    "nobody watched": ("TRUNCATE artwork_migration.reads", "no evidence", "nobody looked in the first day"),
    "a customer who is served by it": (_ROUTED, "routed", "Route them to v2"),
    "a trigger that is off": ("ALTER TABLE artworks DISABLE TRIGGER artwork_migration_reverse", "triggers", ""),
    "a key that was not validated": (_UNVALIDATED, "not validated", "artwork_validate"),
    "a view made since": ("CREATE VIEW report AS SELECT id FROM artworks_v1", "dependent", "view report"),
    "a key made since": ("CREATE TABLE marks (id uuid REFERENCES artworks_v1 (id))", "dependent", "on table marks"),
    "a column of its type": ("CREATE TABLE kept (one artworks_v1)", "dependent", "column one of table kept"),
    "a function that names it": (_NAMES_IT, "dependent", "the text of function report()"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_it_is_refused_with_what_to_do_and_nothing_goes(
    due: str, clones: Any, query: Query, case: str
) -> None:
    statement, rule, told = REFUSALS[case]
    if "artwork_migration_reset" in statement:
        statement = "SELECT pg_stat_reset()"
        query(clones.server.url.rpartition("/")[0] + "/" + due.rpartition("/")[2], statement)
    else:
        query(due, statement)
    before = everything(due)
    found = [str(refusal) for refusal in prepare(due).refusals if refusal.rule == rule]
    assert found
    assert told in " ".join(found)
    with pytest.raises(PermanentError, match=rule):
        clean_up(due)
    assert everything(due) == before
    with session(due) as connection:
        assert phase.current(connection) is Phase.SWITCHED


def test_who_only_adds_rows_to_the_old_table_is_noticed_too(due: str, query: Query) -> None:
    query(
        due,
        "INSERT INTO artworks_v1 (original_image_url, customer_name, customer_email)"
        " VALUES ('pending', 'Ann', 'ann@example.org')",
    )
    assert rules(due) == {"read"}


def test_all_reasons_are_told_at_once(due: str, query: Query) -> None:
    for case in ("too early", "a view made since", "a customer who is served by it"):
        query(due, REFUSALS[case][0])
    assert rules(due) >= {"too early", "dependent", "routed"}


def test_the_waiting_time_can_be_lengthened_and_not_shortened(due: str) -> None:
    assert {refusal.rule for refusal in prepare(due, wait_days=40).refusals} == {"too early"}
    with pytest.raises(PermanentError, match="29 days to wait"):
        prepare(due, wait_days=29)


def test_counting_anew_begins_the_waiting_time_anew(due: str, query: Query) -> None:
    query(due, "SELECT count(*) FROM artworks_v1")
    with session(due) as connection:
        evidence.sample(connection, run_id="run", begun_anew="tester: it was the test")
    assert rules(due) == {"too early"}
    query(due, "UPDATE artwork_migration.reads SET at = at - interval '31 days'")
    assert rules(due) == set()


@pytest.mark.parametrize("standing", [Phase.EXPANDED, Phase.ROLLED_BACK, Phase.PLANNED])
def test_in_other_phases_there_is_nothing_to_clean_up(due: str, query: Query, standing: Phase) -> None:
    query(due, "UPDATE artwork_migration.phase SET phase = %s", str(standing))
    with pytest.raises(PermanentError, match=f"the phase is {standing}"):
        prepare(due)


def test_a_rehearsal_changes_nothing_but_the_record_of_reads(due: str, query: Query) -> None:
    before = everything(due)
    assert prepare(due).refusals == ()
    assert everything(due) == before
    assert query(due, "SELECT phase FROM artwork_migration.phase") == [("switched",)]
    assert query(due, "SELECT count(*) FROM artwork_migration.archives") == [(1,)]


def test_a_table_that_somebody_holds_is_let_go_and_who_holds_it_is_named(due: str) -> None:
    with psycopg.connect(due, application_name="long report") as other:
        other.execute("LOCK TABLE artworks IN ACCESS SHARE MODE")
        with pytest.raises(TransientError, match="long report") as held:
            clean_up(due, attempts=2, lock_timeout_ms=20)
        assert "Nothing was changed" in str(held.value)
        other.rollback()
    assert clean_up(due) is not None


def test_a_view_that_comes_between_the_look_and_the_drop_refuses_the_drop(
    due: str, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    back_up = archive.back_up

    def and_somebody_makes_a_view(*arguments: Any, **named: Any) -> Any:
        query(due, "CREATE VIEW report AS SELECT id FROM artworks_v1")
        return back_up(*arguments, **named)

    monkeypatch.setattr(archive, "back_up", and_somebody_makes_a_view)
    with pytest.raises(PermanentError, match="view report"):
        clean_up(due)
    assert query(due, "SELECT count(*) > 0 FROM artworks_v1") == [(True,)]


def test_restrict_names_what_our_own_look_does_not_see(due: str, query: Query) -> None:
    """A function of somebody who put it into our schema is ours by its place, and is not dropped in silence."""
    query(due, "CREATE VIEW report AS SELECT artwork_migration.uncounted_scans() AS scans")
    with pytest.raises(PermanentError, match="view report depends on function") as refused:
        clean_up(due)
    assert "CASCADE" in str(refused.value)
    assert query(due, "SELECT phase FROM artwork_migration.phase") == [("switched",)]


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"")], ids=["gone", "emptied"])
def test_an_archive_that_is_damaged_before_the_drop_refuses_it(
    due: str, monkeypatch: pytest.MonkeyPatch, query: Query, damage: Callable[[Path], Any]
) -> None:
    back_up = archive.back_up

    def and_a_file_goes(*arguments: Any, **named: Any) -> Any:
        made = back_up(*arguments, **named)
        damage(made.folder / made.tables[0].file)
        return made

    monkeypatch.setattr(archive, "back_up", and_a_file_goes)
    with pytest.raises(PermanentError, match="the archive is not whole"):
        clean_up(due)
    assert query(due, "SELECT count(*) > 0 FROM artworks_v1") == [(True,)]


def test_writes_between_the_look_and_the_drop_are_in_the_clean_table(
    due: str, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    back_up = archive.back_up

    def and_people_write(*arguments: Any, **named: Any) -> Any:
        made = back_up(*arguments, **named)
        query(due, "SELECT create_artwork('Ann', 'Ann@Example.org', 'Rex', 'https://a/m', 'https://a/p')")
        query(
            due,
            "UPDATE artworks SET pet_name = 'Bello' WHERE id = (SELECT min(id::text)::uuid FROM artworks)",
        )
        return made

    monkeypatch.setattr(archive, "back_up", and_people_write)
    assert clean_up(due) is not None
    assert query(due, "SELECT count(*) FROM artworks WHERE customer_email = 'ann@example.org'") == [(1,)]
    assert query(due, "SELECT count(*) FROM artworks WHERE pet_name = 'Bello'") == [(1,)]


_EVERYTHING = """
    SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' ELSE relkind::text END,
           n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    UNION ALL SELECT 'function', n.nspname || '.' || p.oid::regprocedure
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL SELECT 'constraint', conrelid::regclass::text || '.' || conname FROM pg_constraint
    WHERE connamespace <> 'pg_catalog'::regnamespace AND connamespace <> 'information_schema'::regnamespace
      AND conrelid <> COALESCE(to_regclass('artworks_v1'), 0)
    UNION ALL SELECT 'trigger', tgrelid::regclass::text || '.' || tgname FROM pg_trigger
    WHERE NOT tgisinternal AND tgrelid <> COALESCE(to_regclass('artworks_v1'), 0)
    UNION ALL SELECT 'policy', polrelid::regclass::text || '.' || polname FROM pg_policy
    WHERE polrelid <> COALESCE(to_regclass('artworks_v1'), 0)
    UNION ALL SELECT 'type', n.nspname || '.' || t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND t.typtype <> 'c' AND t.typelem = 0
"""


def everything(url: str) -> set[tuple[str, str]]:
    """All that a database has, by kind and name; what belongs to the old table and goes with it is left out."""
    with psycopg.connect(url) as connection:
        return {(kind, name) for kind, name in connection.execute(_EVERYTHING.encode())}
