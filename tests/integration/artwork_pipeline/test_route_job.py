"""One customer routed: what is refused, what is looked up by its index, and the job that tells first."""

import json
from contextlib import closing

import dagster as dg
import psycopg
import pytest

from artwork_pipeline.definitions import build_defs
from artwork_pipeline.resources import ArtworkDatabase
from artwork_pipeline.routing_jobs import artwork_route
from artwork_pipeline.stores import installation, plan, routing
from artwork_pipeline.stores.sessions import SCHEMA, session
from migration_kit.failures import PermanentError, TransientError
from migration_kit.ledger.postgres import PostgresLedger
from tests.integration.artwork_pipeline.callers import (
    OTHER,
    PILOT,
    alter_behind,
    create,
    route,
    served,
    shown,
)


def test_a_customer_whose_rows_are_not_in_the_clean_table_is_not_routed_to_it(expanded, query):
    email = query(expanded, "SELECT customer_email FROM artworks ORDER BY id LIMIT 1")[0][0]
    with pytest.raises(PermanentError, match=r"not the same in both tables .*not filled in yet") as told:
        route(expanded, email, "v2")
    assert email.strip() not in str(told.value)
    assert served(expanded, email) == "v1"


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("UPDATE artworks_v2 SET pet_name = 'other' WHERE id = %s", "not the same in both tables"),
        ("UPDATE artworks SET pet_name = 'other' WHERE id = %s", "not the same in both tables"),
        ("DELETE FROM artworks_v2 WHERE id = %s", "missing in the clean table"),
        ("DELETE FROM artworks WHERE id = %s", "missing in the old table"),
        ("DELETE FROM artwork_migration.plan WHERE artwork_id = %s", "not planned"),
    ],
)
def test_a_customer_with_a_difference_is_not_routed(damage, why, migrated, query):
    made = create(migrated, PILOT)
    alter_behind(migrated, damage, made)
    with pytest.raises(PermanentError, match=rf"1 artworks are not the same.*{made}: {why}"):
        route(migrated, PILOT, "v2")
    assert served(migrated, PILOT) == "v1"


def test_rows_with_issued_tokens_twins_and_test_rows_beside_them_are_the_same_in_both_tables(migrated, query):
    with session(migrated) as connection:
        routing.make_index(connection)
    everybody = """
        SELECT problem, count(*) FROM (SELECT DISTINCT customer_email AS email FROM artworks_v2) AS customers
        CROSS JOIN LATERAL artwork_migration.customer_differences(email) GROUP BY problem
    """
    assert query(migrated, everybody) == []


def test_routing_again_changes_nothing_and_the_way_back_forgets(migrated, query):
    record = "SELECT email, version, by_person, at FROM artwork_migration.routing"
    assert route(migrated, PILOT, "v2").changed
    first = query(migrated, record)
    assert not route(migrated, PILOT, "v2", by="somebody else").changed
    assert query(migrated, record) == first
    assert route(migrated, PILOT, None).after == "v1"
    assert query(migrated, record) == []


@pytest.mark.parametrize("nobody", ["", " ", "@", "nobody"])
def test_what_is_no_address_is_refused(nobody, untouched):
    with pytest.raises(PermanentError, match="that is no e-mail address"):
        route(untouched, nobody, "v2")


def test_before_the_expansion_nobody_is_routed(source):
    with pytest.raises(PermanentError, match="the phase is planned"):
        route(source, PILOT, "v2")


def test_the_index_by_address_is_made_once_and_again_after_it_was_stopped(migrated, query, monkeypatch):
    monkeypatch.setattr(routing, "INDEX_LOCK_TIMEOUT", "20ms")
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('artworks_address')"
    with session(migrated) as connection:
        query(migrated, "DROP INDEX IF EXISTS artworks_address")
        with psycopg.connect(migrated) as holder:
            holder.execute("UPDATE artworks SET pet_name = pet_name")
            with pytest.raises(TransientError, match="the index of the old table by address"):
                routing.make_index(connection)
            holder.rollback()
        assert query(migrated, valid) in ([], [(False,)])
        assert routing.make_index(connection)
        assert query(migrated, valid) == [(True,)]
        assert not routing.make_index(connection)


def test_a_customer_of_the_old_table_is_looked_up_by_the_index(migrated, query):
    with session(migrated) as connection:
        routing.make_index(connection)
    query(migrated, "ANALYZE")
    plan = query(
        migrated, "EXPLAIN SELECT id FROM routed_artworks WHERE customer_email = 'pilot@example.net'"
    )
    assert "artworks_address" in str(plan)
    assert "Seq Scan on artworks " not in str(plan)


def test_no_table_is_read_whole_for_one_customer_however_fast_the_routes_grow(migrated):
    with session(migrated) as connection:
        routing.make_index(connection)
    with psycopg.connect(migrated) as connection:
        for _ in range(2):
            connection.execute("SELECT * FROM customer_artworks('pilot@example.net')")
            connection.execute("SELECT * FROM artwork_by_token('token')")
            connection.execute(
                "INSERT INTO artwork_migration.routing SELECT 'customer' || n, 'v2', 'test' "
                "FROM generate_series(1, 1000) AS n ON CONFLICT DO NOTHING"
            )
        read = connection.execute("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0")
        assert read.fetchall() == []


def run(url, **config):
    defs = build_defs({"database": ArtworkDatabase(url=url)})
    return artwork_route.execute_in_process(
        run_config={"ops": {"route_customer": {"config": config}}},
        resources=defs.resources,
        raise_on_error=False,
        instance=dg.DagsterInstance.ephemeral(),
    )


def told(result):
    [event] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return event.step_output_data.metadata


def test_the_job_tells_first_and_routes_once_it_is_confirmed(migrated, query):
    made = create(migrated, PILOT)
    asked = {"email": PILOT, "version": "v2"}
    looked = run(migrated, **asked)
    assert looked.success
    assert told(looked)["served_after"].text == "v2"
    assert served(migrated, PILOT) == "v1"
    done = run(migrated, **asked, by="Ada", confirm=PILOT, dry_run=False)
    assert done.success
    assert told(done)["artworks"].value == 1
    assert query(migrated, "SELECT email, version, by_person FROM artwork_migration.routing") == [
        (PILOT, "v2", "Ada")
    ]
    assert shown(migrated, PILOT)[0].id == made
    # The address stands in the run's configuration alone.
    assert PILOT not in json.dumps(told(done)["customer"].text)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"email": PILOT, "version": "v3"}, "version is 'v3'"),
        ({"email": PILOT, "version": "v2", "dry_run": False, "by": "Ada"}, "confirm is not the address"),
        (
            {"email": PILOT, "version": "v2", "dry_run": False, "by": "Ada", "confirm": OTHER},
            "confirm is not the address",
        ),
        ({"email": PILOT, "version": "v2", "dry_run": False, "by": " ", "confirm": PILOT}, "by is empty"),
        ({"email": "nobody", "version": "v2"}, "that is no e-mail address"),
    ],
)
def test_the_job_refuses_what_is_not_confirmed(config, why, untouched, steps):
    result = run(untouched, **config)
    assert why in steps.failure(result)
    assert served(untouched, PILOT) == "v1"


@pytest.mark.parametrize("dry_run", [True, False])
def test_before_the_expansion_the_job_says_so_and_makes_no_index(dry_run, source, steps, query):
    with session(source) as connection, closing(PostgresLedger(source, SCHEMA)) as ledger:
        ledger.install()
        plan.make_plan(connection, ledger, installation.recognise_source(connection), "prepare")
    result = run(source, email=PILOT, version="v2", by="Ada", confirm=PILOT, dry_run=dry_run)
    assert "the phase is planned" in steps.failure(result)
    assert query(source, "SELECT to_regclass('artworks_address')") == [(None,)]
