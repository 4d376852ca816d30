"""The cleanup: refused for every reason there is, each told with what to do; and then only what is to go goes."""

import gzip
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import archive_files, cleanup, evidence, phase, switching
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
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
