"""Customers served by the old table or by the clean one, one by one, before the switch-over and after it."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase, tables_of
from artwork_pipeline.stores import lifecycle, published, routing
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import shop
from tests.integration.artwork_pipeline.callers import (
    OTHER,
    PICTURE,
    PILOT,
    alter_behind,
    create,
    exchange_names,
    route,
    served,
    shown,
)


def test_everybody_is_served_by_the_table_that_is_called_artworks(migrated):
    assert served(migrated, PILOT) == "v1"
    exchange_names(migrated, Phase.SWITCHED)
    assert served(migrated, PILOT) == "v2"
    exchange_names(migrated, Phase.ROLLED_BACK)
    assert served(migrated, PILOT) == "v1"


def test_a_customer_of_the_clean_table_writes_and_the_old_one_has_it(migrated, query, steps):
    route(migrated, "  Pilot@Example.net ", "v2")
    assert (served(migrated, PILOT), served(migrated, OTHER)) == ("v2", "v1")
    made = create(migrated, PILOT)
    with session(migrated) as connection:
        lifecycle.update(connection, made, {"generation_status": "completed", "generated_image_url": PICTURE})
    found = query(
        migrated,
        "SELECT customer_email, generation_status, generated_image_url FROM artworks WHERE id = %s",
        made,
    )
    assert found == [(PILOT, "completed", PICTURE)]
    assert [(one.id, one.label) for one in shown(migrated, PILOT)] == [(made, "completed, ready for prints")]
    assert steps.differences(migrated) == []


def test_a_customer_of_the_old_table_calls_the_same_functions_and_both_tables_have_it(migrated, query, steps):
    made = create(migrated, PILOT)
    with session(migrated) as connection:
        life = lifecycle.update(connection, made, {"generation_status": "processing"})
    assert life.generation_started_at
    # What the old table cannot say is told all the same.
    assert [one.label for one in shown(migrated, PILOT)] == ["processing, 5 min remaining"]
    assert query(migrated, "SELECT generation_status FROM artworks WHERE id = %s", made) == [("pending",)]
    query(migrated, "UPDATE artworks SET pet_name = 'Bella' WHERE id = %s", made)
    assert [(one.pet_name, one.label) for one in shown(migrated, PILOT)] == [
        ("Bella", "processing, 5 min remaining")
    ]
    assert steps.differences(migrated) == []


@pytest.mark.parametrize("dialect", ["A", "C"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_in_every_dialect_both_tables_have_what_is_made_and_led_on(dialect, version, clones, query, steps):
    def make(url):
        artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=60, dialect=dialect)
        steps.prepare(url)
        steps.fill_all(url)

    url = clones.of(f"dialect {dialect}", make)
    route(url, PILOT, version)
    made = create(url, PILOT)
    with session(url) as connection:
        lifecycle.update(connection, made, {"generation_status": "processing"})
        assert shown(url, PILOT)[0].label == "processing, 5 min remaining"
        lifecycle.update(connection, made, {"generation_status": "completed", "generated_image_url": PICTURE})
        lifecycle.update(connection, made, {"upscale_status": "processing"})
        life = lifecycle.update(
            connection, made, {"upscale_status": "completed", "upscaled_image_url": PICTURE}
        )
    assert shown(url, PILOT)[0].label == "completed, high-res available"
    assert None not in (life.generation_started_at, life.generation_completed_at, life.upscale_completed_at)
    assert query(url, "SELECT generation_status FROM artworks WHERE id = %s", made) == [("completed",)]
    assert steps.differences(url) == []


def test_one_customers_way_back_after_the_switch_touches_nobody_else(migrated, query, steps):
    exchange_names(migrated, Phase.SWITCHED)
    mine, others = create(migrated, PILOT), create(migrated, OTHER)
    everything = "SELECT * FROM artworks ORDER BY id"
    before = query(migrated, everything)
    assert route(migrated, PILOT, "v1").changed
    assert (served(migrated, PILOT), served(migrated, OTHER)) == ("v1", "v2")
    assert query(migrated, everything) == before
    query(migrated, "UPDATE artworks_v1 SET pet_name = 'by the old page' WHERE id = %s", mine)
    assert [one.pet_name for one in shown(migrated, PILOT)] == ["by the old page"]
    assert [one.id for one in shown(migrated, OTHER)] == [others]
    assert query(migrated, "SELECT pet_name FROM artworks WHERE id = %s", mine) == [("by the old page",)]
    assert steps.differences(migrated) == []


def test_each_customer_is_served_by_their_own_table(migrated, query):
    mine, others = create(migrated, PILOT), create(migrated, OTHER)
    route(migrated, PILOT, "v2")
    for table in ("artworks", "artworks_v2"):
        alter_behind(migrated, f"UPDATE {table} SET pet_name = %s", table)
    assert [one.pet_name for one in shown(migrated, PILOT)] == ["artworks_v2"]
    assert [one.pet_name for one in shown(migrated, OTHER)] == ["artworks"]
    names = "SELECT pet_name FROM routed_artworks WHERE id = %s"
    assert query(migrated, names, mine) == [("artworks_v2",)]
    assert query(migrated, names, others) == [("artworks",)]


def test_a_token_is_valid_for_as_long_as_the_customers_own_table_says(migrated, query):
    made = create(migrated, PILOT)
    token = query(migrated, "SELECT access_token FROM artworks_v2 WHERE id = %s", made)[0][0]
    alter_behind(migrated, "UPDATE artworks SET token_expires_at = '2020-01-01' WHERE id = %s", made)
    with session(migrated) as connection:
        assert lifecycle.by_token(connection, token) is None
        query(migrated, "INSERT INTO artwork_migration.routing VALUES (%s, 'v2', 'test')", PILOT)
        opened = lifecycle.by_token(connection, token)
        assert opened is not None
        assert opened.id == made


def test_old_pages_and_new_ones_write_the_same_rows_at_once_and_wait_for_nobody_in_a_circle(
    migrated, query, steps
):
    made = [create(migrated, PILOT) for _ in range(3)]
    call = "update_artwork_lifecycle(i, jsonb_build_object('fal_request_id', t))"
    writes = (
        "UPDATE artworks SET pet_name = %s WHERE id = %s",
        f"SELECT {call} FROM (SELECT %s, %s::uuid) AS asked (t, i)",
        "UPDATE routed_artworks SET pet_name = %s WHERE id = %s",
        "UPDATE artworks SET customer_name = %s WHERE id = %s",
    )

    def write(statement):
        with psycopg.connect(migrated, autocommit=True) as connection:
            for number in range(60):
                connection.execute(statement, [f"name {number}", made[number % 3]])

    with ThreadPoolExecutor(len(writes)) as pool:
        for done in [pool.submit(write, statement) for statement in writes]:
            done.result()
    assert steps.differences(migrated) == []
    assert {one.customer_name for one in shown(migrated, PILOT)} == {"name 57", "name 58", "name 59"}


def test_a_customer_who_is_deleted_leaves_their_artworks_in_both_tables_without_a_user(
    migrated, query, steps
):
    made = create(migrated, PILOT)
    query(migrated, "DELETE FROM users WHERE email = %s", PILOT)
    for table in ("artworks", "artworks_v2", "routed_artworks"):
        assert query(migrated, f"SELECT user_id FROM {table} WHERE id = %s", made) == [(None,)]
    with session(migrated) as connection:
        lifecycle.update(connection, made, {"generation_status": "processing"})
    assert query(migrated, "SELECT count(*) FROM users WHERE email = %s", PILOT) == [(0,)]
    assert steps.differences(migrated) == []


def test_what_is_deleted_through_the_view_is_gone_from_both_tables(migrated, query, steps):
    made = create(migrated, PILOT)
    query(migrated, "DELETE FROM routed_artworks WHERE id = %s", made)
    for table in ("artworks", "artworks_v2", "artwork_migration.plan"):
        column = "artwork_id" if table.endswith("plan") else "id"
        assert query(migrated, f"SELECT count(*) FROM {table} WHERE {column} = %s", made) == [(0,)]
    assert steps.differences(migrated) == []


def test_the_view_serves_everything_once(migrated, query):
    served_rows = query(migrated, "SELECT id FROM routed_artworks ORDER BY id")
    assert served_rows == query(migrated, "SELECT id FROM artworks_v2 ORDER BY id")
    for (email,) in query(migrated, "SELECT DISTINCT customer_email FROM artworks_v2 ORDER BY 1 LIMIT 5"):
        route(migrated, email, "v2")
    both = "SELECT * FROM routed_artworks ORDER BY id"
    assert query(migrated, both) == query(migrated, "SELECT * FROM artworks_v2 ORDER BY id")
    exchange_names(migrated, Phase.SWITCHED)
    assert query(migrated, both) == query(migrated, "SELECT * FROM artworks ORDER BY id")


def test_before_the_backfill_nobody_misses_an_artwork_or_a_write(expanded, query, steps):
    row, email = query(
        expanded, "SELECT a.id, normalised_email(customer_email) FROM artworks a JOIN artwork_migration.plan p "
        "ON p.artwork_id = a.id WHERE state = 'migrated' AND generation_status = 'pending' ORDER BY 1 LIMIT 1"
    )[0]  # fmt: skip
    assert row in [one.id for one in shown(expanded, email)]
    with session(expanded) as connection:
        life = lifecycle.update(connection, row, {"generation_status": "failed"})
    assert life.generation_status == "failed"
    assert query(expanded, "SELECT generation_status FROM artworks WHERE id = %s", row) == [("failed",)]
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []


def test_a_write_through_the_view_leaves_alone_what_another_wrote_meanwhile(migrated, query):
    made = create(migrated, PILOT)
    with psycopg.connect(migrated) as first, ThreadPoolExecutor(1) as pool:
        first.execute("UPDATE artworks SET customer_name = 'by the first' WHERE id = %s", [made])
        pet = "UPDATE routed_artworks SET pet_name = 'by the second' WHERE id = %s"
        second = pool.submit(query, migrated, pet, made)
        while not query(migrated, "SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
            assert not second.done()
        first.commit()
        second.result()
    both = "SELECT customer_name, pet_name FROM artworks WHERE id = %s"
    assert query(migrated, both, made) == [("by the first", "by the second")]


def test_once_everybody_is_served_by_the_clean_table_the_old_one_is_not_read(migrated, query):
    exchange_names(migrated, Phase.SWITCHED)
    asked = "EXPLAIN (ANALYZE, TIMING off) SELECT * FROM routed_artworks WHERE customer_email = 'pilot@example.net'"
    plan = [line for (line,) in query(migrated, asked)]
    assert any("artworks_v1" in line for line in plan)
    assert all("never executed" in line for line in plan if "artworks_v1" in line)


def test_the_same_calls_work_before_a_switch_over_after_it_and_after_a_rollback(backed_up, query, steps):
    with session(backed_up) as connection:
        routing.make_index(connection)
    made = []

    def lives():
        made.append(create(backed_up, PILOT))
        with session(backed_up) as connection:
            done = {"generation_status": "completed", "generated_image_url": PICTURE}
            assert lifecycle.update(connection, made[-1], done).generation_completed_at
            (token,) = query(backed_up, "SELECT access_token FROM routed_artworks WHERE id = %s", made[-1])[0]
            opened = lifecycle.by_token(connection, token)
            assert opened is not None
            assert opened.id == made[-1]
        assert [one.id for one in shown(backed_up, PILOT)] == [*reversed(made)]

    lives()
    shop.switch(backed_up)
    assert served(backed_up, PILOT) == "v2"
    lives()
    route(backed_up, PILOT, "v1")
    lives()
    with session(backed_up) as connection:
        assert not routing.make_index(connection)
    shop.roll_back(backed_up)
    assert (served(backed_up, PILOT), served(backed_up, OTHER)) == ("v1", "v1")
    lives()
    assert steps.differences(backed_up) == []


def test_after_the_cleanup_the_same_names_need_nothing_of_the_migration(migrated, query):
    mine = create(migrated, PILOT)
    exchange_names(migrated, Phase.SWITCHED)
    with psycopg.connect(migrated) as connection:
        connection.execute(published.functions(tables_of(Phase.CLEANED)))
        connection.execute("DROP SCHEMA artwork_migration CASCADE")
        connection.execute("DROP TABLE artworks_v1 CASCADE")
    made = create(migrated, PILOT)
    with session(migrated) as connection:
        life = lifecycle.update(
            connection, made, {"generation_status": "completed", "generated_image_url": PICTURE}
        )
        assert life.generation_completed_at
    assert [(one.id, one.label) for one in shown(migrated, PILOT)] == [
        (made, "completed, ready for prints"),
        (mine, "pending"),
    ]
    query(migrated, "UPDATE routed_artworks SET pet_name = 'still there' WHERE id = %s", mine)
    token = query(migrated, "SELECT access_token FROM artworks WHERE id = %s", mine)[0][0]
    with session(migrated) as connection:
        opened = lifecycle.by_token(connection, token)
        assert opened is not None
        assert (opened.id, opened.pet_name) == (mine, "still there")
