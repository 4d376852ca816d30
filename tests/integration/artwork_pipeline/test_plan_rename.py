"""What the plan's renaming, rolling back and cleaning up do to those who use the shop, and that ours do not do it."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.integration.artwork_pipeline import plan_sql
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


def _in_one_transaction(url, statements):
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_rename_leaves_foreign_keys_on_the_old_table(planned, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, UPLOAD, NEW)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        query(planned, AN_ORDER, NEW, "cs_new")


def test_a_rename_leaves_views_policies_and_functions_on_the_old_table(planned, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, "UPDATE artworks SET customer_email = 'corrected@example.net' WHERE id = %s", PAID)
    seen = query(planned, "SELECT customer_email FROM paid_artworks WHERE id = %s", PAID)
    assert seen == [("customer3@example.net",)]
    policies = "SELECT count(*) FROM pg_policies WHERE tablename = %s"
    assert query(planned, policies, "artworks") == [(0,)]
    assert query(planned, policies, "artworks_old")[0][0] >= 1
    # Row-level security stays with the old table as well: everybody reads everything.
    assert query(planned, "SELECT relrowsecurity FROM pg_class WHERE relname = 'artworks'") == [(False,)]
    with pytest.raises(psycopg.Error, match="structure of query does not match"):
        query(planned, "SELECT * FROM find_artwork_by_token('token-2')")


def test_a_rename_in_two_commits_fails_whoever_reads_between_them(planned, query):
    query(planned, plan_sql.RENAMES[0])
    with pytest.raises(psycopg.errors.UndefinedTable):
        query(planned, READ)


def _until(query, url, condition):
    assert any(condition([one for (one,) in query(url, WAITING)]) for _ in range(3000))


def test_a_rename_without_a_lock_timeout_holds_up_every_reader_behind_a_long_report(planned, query):
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


def test_renaming_back_loses_what_was_written_since(planned, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, UPLOAD, NEW)
    query(planned, "UPDATE artworks SET pet_name = 'Changed since' WHERE id = %s", PAID)
    _in_one_transaction(planned, plan_sql.ROLL_BACK)
    assert query(planned, "SELECT count(*) FROM artworks WHERE id = %s", NEW) == [(0,)]
    assert query(planned, "SELECT pet_name FROM artworks WHERE id = %s", PAID) == [("Pet 3",)]


def test_dropping_with_cascade_takes_views_and_foreign_keys_along_without_a_word(planned, query):
    _in_one_transaction(planned, plan_sql.RENAMES)
    query(planned, plan_sql.CLEAN_UP)
    with pytest.raises(psycopg.errors.UndefinedTable):
        query(planned, "SELECT * FROM paid_artworks")
    # Nothing says any more that an order must be one of an artwork.
    query(planned, AN_ORDER, "22222222-0000-4000-8000-000000000000", "cs_of_nothing")
