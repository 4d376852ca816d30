"""What the plan's SQL does to real rows, each flaw by itself, and that the pipeline does not do it."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from local_stack.sources import artworks
from tests.integration.artwork_pipeline import plan_sql

PAID = "00000000-0000-4000-8000-000000000003"
TEN_REAL_ROWS = """
    INSERT INTO artworks (id, original_image_url, generated_image_url, pet_name, customer_name, customer_email,
                          original_pet_mom_url, original_pet_url, access_token, generation_status, created_at)
    SELECT ('00000000-0000-4000-8000-00000000000' || i)::uuid, 'pending',
           'https://img.example.org/' || i || '.png', 'Pet ' || i, 'Customer ' || i, 'customer' || i || '@example.net',
           'https://img.example.org/mom.jpg',
           CASE WHEN i IN (0, 3, 5) THEN NULL ELSE 'https://img.example.org/pet.jpg' END,
           CASE WHEN i IN (1, 3, 7, 8) THEN NULL ELSE 'token-' || i END, 'completed',
           timestamptz '2025-03-01' + make_interval(days => i)
    FROM generate_series(0, 9) AS i
"""
AN_ORDER = """
    INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, customer_name,
                        order_status)
    VALUES (%s, %s, 'framed_canvas', 9900, 'customer3@example.net', 'Customer 3', 'paid')
"""
ORDERED_ARTWORK = "SELECT c.pet_name FROM orders o LEFT JOIN artworks_v2 c ON c.id = o.artwork_id"


def no_rows(url):
    artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=0)


def ten_rows(url):
    no_rows(url)
    with psycopg.connect(url) as connection:
        connection.execute(TEN_REAL_ROWS)
        connection.execute(AN_ORDER, [PAID, "cs_paid"])


@pytest.fixture
def planned(clones, query):
    """Ten real rows, one of them paid for, and what the plan makes before it copies."""
    url = clones.of("ten rows", ten_rows)
    query(url, plan_sql.CLEAN_TABLE)
    query(url, plan_sql.USERS)
    return url


@pytest.fixture
def ours(clones):
    """The same ten rows, for the pipeline."""
    return clones.of("ten rows", ten_rows)


def _migrate(url, steps):
    steps.prepare(url)
    steps.fill_all(url)
    assert steps.differences(url) == []


def test_a_comparison_with_null_drops_six_of_ten_real_rows_and_the_paid_one_without_a_word(
    planned, ours, query, steps
):
    query(planned, plan_sql.RENUMBERED)
    assert query(planned, "SELECT count(*) FROM artworks_v2") == [(4,)]
    assert query(planned, "SELECT count(*) FROM artworks_v2 WHERE pet_name = 'Pet 3'") == [(0,)]

    _migrate(ours, steps)
    assert query(ours, "SELECT count(*) FROM artworks_v2") == [(10,)]
    assert query(ours, ORDERED_ARTWORK) == [("Pet 3",)]


def test_new_ids_leave_paid_orders_pointing_at_nothing(planned, ours, query, steps):
    query(planned, "UPDATE orders SET artwork_id = '00000000-0000-4000-8000-000000000002'")
    query(planned, plan_sql.RENUMBERED)
    assert query(planned, "SELECT count(*) FROM artworks_v2 WHERE pet_name = 'Pet 2'") == [(1,)]
    assert query(planned, ORDERED_ARTWORK) == [(None,)]

    _migrate(ours, steps)
    assert query(ours, "SELECT count(*) FROM artworks a JOIN artworks_v2 USING (id)") == [(10,)]


def test_a_missing_picture_does_not_become_an_address_that_leads_nowhere(planned, ours, query, steps):
    missing = "SELECT count(*) FROM artworks_v2 WHERE pet_image_url = 'migrated-missing'"
    query(planned, plan_sql.COPY)
    assert query(planned, missing) == [(3,)]

    _migrate(ours, steps)
    assert query(ours, missing) == [(0,)]
    assert query(ours, "SELECT count(*) FROM artworks_v2 WHERE pet_image_url IS NULL") == [(3,)]


def test_a_user_who_is_deleted_takes_no_artwork_along(planned, ours, query, steps):
    forget = "DELETE FROM users WHERE email = 'customer3@example.net'"
    query(planned, plan_sql.COPY)
    query(planned, forget)
    assert query(planned, ORDERED_ARTWORK) == [(None,)]

    _migrate(ours, steps)
    query(ours, forget)
    assert query(ours, ORDERED_ARTWORK) == [("Pet 3",)]


def test_a_customer_who_registered_under_another_spelling_is_one_user(clones, query, steps):
    def registered(url):
        ten_rows(url)
        query(
            url,
            "INSERT INTO users (email) VALUES ('Customer3@Example.net'), (U&'customer4@example.net\\00A0')",
        )

    owners = (
        "SELECT count(DISTINCT lower(u.email)), count(*) FROM users u WHERE lower(u.email) LIKE 'customer3@%'"
    )
    planned = clones.of("ten rows of registered customers", registered)
    query(planned, plan_sql.CLEAN_TABLE)
    query(planned, plan_sql.USERS)
    assert query(planned, owners) == [(1, 2)]

    ours = clones.of("ten rows of registered customers", registered)
    _migrate(ours, steps)
    assert query(ours, owners) == [(1, 1)]
    assert query(
        ours, "SELECT count(*), count(DISTINCT user_id) FROM artworks_v2 WHERE user_id IS NOT NULL"
    ) == [(10, 10)]
    assert query(ours, "SELECT u.is_anonymous FROM artworks_v2 v JOIN users u ON u.id = v.user_id "
                       "WHERE pet_name IN ('Pet 3', 'Pet 4')") == [(False,), (False,)]  # fmt: skip


def test_finished_artworks_whose_status_stays_pending_are_moved_as_finished(clones, query, steps):
    def fill(url):
        artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=240, dialect="C")
        # A hundred finished artworks, as that release left them: the step says so, and the status never does.
        query(url, "DELETE FROM artworks WHERE generation_step <> 'completed' OR id NOT IN (SELECT id "
                   "FROM synthetic_source.expected WHERE state = 'migrated')")  # fmt: skip
        query(url, "DELETE FROM artworks WHERE id NOT IN (SELECT id FROM artworks ORDER BY id LIMIT 100)")
        assert query(url, "SELECT count(*) FROM artworks") == [(100,)]

    planned = clones.of("a hundred of dialect C", fill)
    query(planned, plan_sql.CLEAN_TABLE)
    query(planned, plan_sql.USERS)
    query(planned, plan_sql.FINISHED_ONLY)
    assert query(planned, "SELECT count(*) FROM artworks_v2") == [(0,)]

    ours = clones.of("a hundred of dialect C", fill)
    _migrate(ours, steps)
    finished = (
        "SELECT count(*) FROM artworks_v2 WHERE generation_status = 'completed' AND generated_image_url <> ''"
    )
    assert query(ours, finished) == [(100,)]


def test_a_token_that_was_missing_stays_the_same_when_the_copy_is_made_again(planned, ours, query, steps):
    token = "SELECT access_token FROM artworks_v2 WHERE pet_name = 'Pet 3'"
    again = plan_sql.COPY + " ON CONFLICT (id) DO UPDATE SET access_token = excluded.access_token"
    query(planned, again)
    before = query(planned, token)
    query(planned, again)
    assert query(planned, token) != before

    _migrate(ours, steps)
    before = query(ours, token)
    _migrate(ours, steps)
    assert query(ours, token) == before


WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s
"""
RENAMED_PET = "UPDATE artworks SET pet_name = 'Renamed' WHERE id = %s"


def _until_somebody_waits(query, url, for_what):
    assert any(query(url, WAITING, for_what) == [(1,)] for _ in range(3000)), for_what


def test_a_copy_of_rows_that_nobody_locked_overwrites_what_a_customer_wrote_meanwhile(
    planned, ours, query, steps
):
    query(planned, plan_sql.FORWARD)
    with psycopg.connect(planned) as customer, ThreadPoolExecutor(1) as pool:
        customer.execute(RENAMED_PET, [PAID])
        copy = pool.submit(query, planned, plan_sql.COPY_AGAIN)
        _until_somebody_waits(query, planned, "%INSERT INTO artworks_v2%")
        customer.commit()
        copy.result()
    assert query(planned, ORDERED_ARTWORK) == [("Pet 3",)]

    steps.prepare(ours)
    with psycopg.connect(ours) as customer, ThreadPoolExecutor(1) as pool:
        customer.execute(RENAMED_PET, [PAID])
        copy = pool.submit(steps.fill_month, ours, "2025-03")
        _until_somebody_waits(query, ours, "%backfill_batch%")
        customer.commit()
        copy.result()
    assert query(ours, ORDERED_ARTWORK) == [("Renamed",)]
    assert steps.differences(ours) == []


def test_a_copy_of_rows_that_nobody_locked_revives_what_a_customer_deleted_meanwhile(
    planned, ours, query, steps
):
    revived = "SELECT count(*) FROM artworks_v2 c WHERE NOT EXISTS (SELECT FROM artworks a WHERE a.id = c.id)"
    query(planned, plan_sql.FORWARD)
    with psycopg.connect(planned) as customer:
        customer.execute("DELETE FROM artworks WHERE pet_name = 'Pet 5'")
        query(planned, plan_sql.COPY)
        customer.commit()
    assert query(planned, revived) == [(1,)]

    steps.prepare(ours)
    with psycopg.connect(ours) as customer, ThreadPoolExecutor(1) as pool:
        customer.execute("DELETE FROM artworks WHERE pet_name = 'Pet 5'")
        copy = pool.submit(steps.fill_month, ours, "2025-03")
        _until_somebody_waits(query, ours, "%backfill_batch%")
        customer.commit()
        copy.result()
    assert query(ours, revived) == [(0,)]
    assert steps.differences(ours) == []


def test_users_made_in_the_transaction_of_the_copy_deadlock_with_customers_who_sign_up(
    planned, ours, query, steps
):
    sign_up = "INSERT INTO users (email) VALUES (%s) ON CONFLICT DO NOTHING"
    first, second = "late0@example.net", "late1@example.net"
    with (
        psycopg.connect(planned) as copy,
        psycopg.connect(planned) as customer,
        ThreadPoolExecutor(1) as pool,
    ):
        for one in (copy, customer):
            one.execute("SET deadlock_timeout = '20ms'")
        copy.execute(sign_up, [first])
        customer.execute(sign_up, [second])
        waiting = pool.submit(copy.execute, sign_up, [second])
        _until_somebody_waits(query, planned, "INSERT INTO users%")
        with pytest.raises(psycopg.errors.DeadlockDetected):
            customer.execute(sign_up, [first])
            waiting.result()

    # Ours are made in a step of their own: a batch of the backfill finds them, makes none, and waits for nobody.
    steps.prepare(ours)
    users = query(ours, "SELECT id FROM users ORDER BY id")
    with psycopg.connect(ours) as customer:
        customer.execute(sign_up, ["customer3@example.net"])
        customer.execute(sign_up, [second])
        assert steps.fill_month(ours, "2025-03") > 0
    assert query(ours, "SELECT id FROM users WHERE email <> %s ORDER BY id", second) == users
    assert steps.differences(ours) == []
