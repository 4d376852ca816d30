"""What the plan's renaming, rolling back and cleaning up do to those who use the shop, and that ours do not do it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
import pytest

from migration_kit.failures import TransientError
from tests.integration.artwork_pipeline import journey, plan_sql, shop
from tests.integration.artwork_pipeline.test_plan_flaws import AN_ORDER, PAID, ten_rows

NEW = "11111111-0000-4000-8000-000000000000"
UPLOAD = """
    INSERT INTO artworks (id, customer_name, customer_email, pet_name, pet_mom_image_url, pet_image_url)
    VALUES (%s, 'New', 'new@example.net', 'New pet', 'https://img.example.org/1', 'https://img.example.org/2')
"""
READ = "SELECT count(*) FROM artworks"
WAITING = """
    SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def planned(clones, query):
    """Ten real rows copied as planned, ids and all, ready to be renamed."""
    url = clones.of("ten rows", ten_rows)
    for statement in (plan_sql.CLEAN_TABLE, plan_sql.USERS, plan_sql.COPY):
        query(url, statement)
    return url


@pytest.fixture
def ours(clones, steps, archives, monkeypatch):
    """The same ten rows migrated by the pipeline, compared and backed up, ready to be switched over."""
    monkeypatch.setenv("REPORTS_PATH", str(archives))

    def make(url):
        ten_rows(url)
        steps.prepare(url)
        steps.fill_all(url)
        journey.verify(url)
        journey.back_up(url)

    return clones.of("ten rows, ready", make)


def _in_one_transaction(url, statements):
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_rename_leaves_foreign_keys_on_the_old_table(planned, ours, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, UPLOAD, NEW)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        query(planned, AN_ORDER, NEW, "cs_new")

    shop.switch(ours)
    query(ours, UPLOAD, NEW)
    query(ours, AN_ORDER, NEW, "cs_new")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        query(ours, AN_ORDER, "22222222-0000-4000-8000-000000000000", "cs_of_nothing")


def test_a_rename_leaves_views_policies_and_functions_on_the_old_table(planned, ours, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, "UPDATE artworks SET customer_email = 'corrected@example.net' WHERE id = %s", PAID)
    seen = query(planned, "SELECT customer_email FROM paid_artworks WHERE id = %s", PAID)
    assert seen == [("customer3@example.net",)]
    policies = "SELECT count(*) FROM pg_policies WHERE tablename = %s"
    guarded = "SELECT relrowsecurity FROM pg_class WHERE oid = 'artworks'::regclass"
    assert query(planned, policies, "artworks") == [(0,)]
    assert query(planned, policies, "artworks_old")[0][0] >= 1
    # Row-level security stays with the old table as well: everybody reads everything.
    assert query(planned, guarded) == [(False,)]
    with pytest.raises(psycopg.Error, match="structure of query does not match"):
        query(planned, "SELECT * FROM find_artwork_by_token('token-2')")

    expected = query(ours, policies, "artworks")
    shop.switch(ours)
    query(ours, "UPDATE artworks SET customer_email = 'corrected@example.net' WHERE id = %s", PAID)
    seen = query(ours, "SELECT customer_email FROM paid_artworks WHERE id = %s", PAID)
    assert seen == [("corrected@example.net",)]
    assert query(ours, policies, "artworks") == expected
    assert query(ours, guarded) == [(True,)]
    query(
        ours, "UPDATE artworks SET token_expires_at = now() + interval '1 day' WHERE access_token = 'token-2'"
    )
    assert len(query(ours, "SELECT * FROM find_artwork_by_token('token-2')")) == 1


def test_a_rename_in_two_commits_fails_whoever_reads_between_them(planned, ours, query):
    query(planned, plan_sql.RENAMES[0])
    with pytest.raises(psycopg.errors.UndefinedTable):
        query(planned, READ)

    ended = Event()

    def read():
        times = 0
        with psycopg.connect(ours, autocommit=True) as connection:
            while not ended.is_set():
                assert connection.execute(READ).fetchone() == (10,)
                times += 1
        return times

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for step in (shop.switch, shop.roll_back):
                assert step(ours)
        finally:
            ended.set()
        assert all(reader.result() > 0 for reader in readers)


def _until(query, url, condition):
    assert any(condition([one for (one,) in query(url, WAITING)]) for _ in range(3000))


def test_a_rename_without_a_lock_timeout_holds_up_every_reader_behind_a_long_report(planned, ours, query):
    with psycopg.connect(planned) as report, ThreadPoolExecutor(2) as pool:
        report.execute(READ)
        renaming = pool.submit(_in_one_transaction, planned, plan_sql.RENAMES)
        _until(query, planned, lambda waiting: plan_sql.RENAMES[0] in waiting)
        reading = pool.submit(query, planned, READ)
        # The reader waits for as long as the report goes on, with somebody's page behind it.
        _until(query, planned, lambda waiting: READ in waiting)
        report.commit()
        renaming.result()
        reading.result()

    # Ours lets go after its lock_timeout, and says who holds the table; the reader has its answer meanwhile.
    with psycopg.connect(ours) as report, ThreadPoolExecutor(2) as pool:
        report.execute(READ)
        switching = pool.submit(shop.switch, ours, attempts=1, lock_timeout_ms=200)
        _until(query, ours, lambda waiting: any("LOCK TABLE" in one for one in waiting))
        assert pool.submit(query, ours, READ).result() == [(10,)]
        with pytest.raises(TransientError, match=str(report.info.backend_pid)):
            switching.result()
    assert query(ours, "SELECT to_regclass('artworks_v1')") == [(None,)]


def test_renaming_back_loses_what_was_written_since(planned, ours, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, UPLOAD, NEW)
    query(planned, "UPDATE artworks SET pet_name = 'Changed since' WHERE id = %s", PAID)
    _in_one_transaction(planned, plan_sql.ROLL_BACK)
    assert query(planned, "SELECT count(*) FROM artworks WHERE id = %s", NEW) == [(0,)]
    assert query(planned, "SELECT pet_name FROM artworks WHERE id = %s", PAID) == [("Pet 3",)]

    shop.switch(ours)
    query(ours, UPLOAD, NEW)
    query(ours, "UPDATE artworks SET pet_name = 'Changed since' WHERE id = %s", PAID)
    shop.roll_back(ours)
    both = "SELECT pet_name FROM artworks WHERE id IN (%s, %s) ORDER BY pet_name"
    assert query(ours, both, NEW, PAID) == [("Changed since",), ("New pet",)]


def test_dropping_with_cascade_takes_views_and_foreign_keys_along_without_a_word(planned, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, plan_sql.CLEAN_UP)
    with pytest.raises(psycopg.errors.UndefinedTable):
        query(planned, "SELECT * FROM paid_artworks")
    # Nothing says any more that an order must be one of an artwork.
    query(planned, AN_ORDER, "22222222-0000-4000-8000-000000000000", "cs_of_nothing")
