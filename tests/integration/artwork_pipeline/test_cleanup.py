"""The cleanup: what is no reason against it, and then only what is to go goes, and can be had back."""

import gzip
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import archive, archive_files, evidence, phase
from artwork_pipeline.stores.sessions import session
from tests.integration.artwork_pipeline.cleaning import (
    clean_up,
    count_anew,
    everything,
    prepare,
    rules,
    wait_until_alone,
)

Query = Callable[..., list[Any]]
pytestmark = pytest.mark.usefixtures("reports_path")


def test_a_rehearsal_of_what_is_due_changes_nothing_but_the_record_of_reads(
    still_due: str, query: Query
) -> None:
    archives = "SELECT count(*) FROM artwork_migration.archives"
    before, made = everything(still_due), query(still_due, archives)
    found = prepare(still_due)
    assert found.refusals == ()
    assert found.rows > 0
    assert everything(still_due) == before
    assert query(still_due, "SELECT phase FROM artwork_migration.phase") == [("switched",)]
    assert query(still_due, archives) == made


def test_only_the_old_table_and_what_is_ours_goes_and_the_application_goes_on(due: str, query: Query) -> None:
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
    assert clean_up(due) is None
    the_application_goes_on(due, query)
    left = {one for one in everything(due) if not _belongs_to_the_migration(one[1])}
    query(due, "DROP SCHEMA artwork_migration CASCADE")
    assert everything(due) == left
    the_application_goes_on(due, query)


def _belongs_to_the_migration(name: str) -> bool:
    return name.startswith("artwork_migration.")


def the_application_goes_on(url: str, query: Query) -> None:
    (made,) = query(
        url,
        "SELECT id, access_token FROM create_artwork('Ann', 'Ann@Example.org', 'Rex', 'https://a/m', 'https://a/p')",
    )
    assert query(url, "SELECT id FROM artwork_by_token(%s)", made[1]) == [(made[0],)]
    query(url, "UPDATE artworks SET pet_name = 'Rex' WHERE id = %s", made[0])
    query(url, """SELECT update_artwork_lifecycle(%s, '{"generation_status": "processing"}')""", made[0])
    assert len(query(url, "SELECT * FROM customer_artworks('ann@example.org')")) == 1
    assert query(url, "SELECT count(*) FROM routed_artworks") == query(url, "SELECT count(*) FROM artworks")
    query(url, "DELETE FROM users WHERE email = 'ann@example.org'")
    query(url, "DELETE FROM artworks WHERE id = %s", made[0])


def test_what_was_dropped_can_be_had_back_from_its_archive(due: str, query: Query) -> None:
    rows = query(due, "SELECT * FROM artworks_v1 ORDER BY id")
    count_anew(due)
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
def test_what_goes_on_every_day_is_no_reading_of_the_old_table(
    still_due: str, query: Query, whose: str
) -> None:
    for statement in HOUSEKEEPING[whose]:
        query(still_due, statement)
    wait_until_alone(still_due)
    found = prepare(still_due)
    assert (found.reads.reads, found.refusals) == (0, ())


def test_who_only_adds_rows_to_the_old_table_is_noticed_too(due: str, query: Query) -> None:
    query(
        due,
        "INSERT INTO artworks_v1 (original_image_url, customer_name, customer_email)"
        " VALUES ('pending', 'Ann', 'ann@example.org')",
    )
    assert rules(due) == {"read"}


def test_counting_anew_begins_the_waiting_time_anew(due: str, query: Query) -> None:
    query(due, "SELECT count(*) FROM artworks_v1")
    with session(due) as connection:
        evidence.sample(connection, run_id="run", begun_anew="tester: it was the test")
    assert rules(due) == {"too early"}
    query(due, "UPDATE artwork_migration.reads SET at = at - interval '31 days'")
    assert rules(due) == set()


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
