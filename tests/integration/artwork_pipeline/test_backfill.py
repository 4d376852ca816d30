"""The backfill against what goes wrong with it: kills, two runners, locks, plans that are out of date."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from artwork_pipeline.stores import backfill
from migration_kit.failures import PermanentError, TransientError

MONTH = "2025-03"
ROWS_OF_MONTH = "SELECT count(*) FROM artwork_migration.plan WHERE partition = '2025-03'"
CLEAN_ROWS = """
    SELECT count(*) FROM artworks_v2 v JOIN artwork_migration.plan p ON p.artwork_id = v.id
    WHERE p.partition = '2025-03'
"""


def test_a_killed_backfill_goes_on_behind_the_last_committed_batch(expanded, steps, query):
    planned = query(expanded, ROWS_OF_MONTH)[0][0]
    killed = backfill.backfill(expanded, MONTH, batch_size=10, run_id="killed", batch_id="batch")
    first = [next(killed), next(killed)]
    killed.close()
    rest = list(backfill.backfill(expanded, MONTH, batch_size=10, run_id="next", batch_id="batch"))

    assert sum(batch.read_rows for batch in first) == 20
    assert sum(batch.read_rows for batch in rest) == planned - 20
    runs = "SELECT DISTINCT run_id FROM artwork_migration.outcomes WHERE partition = '2025-03' ORDER BY 1"
    assert query(expanded, runs) == [("killed",), ("next",)]
    assert steps.fill_month(expanded, MONTH) == 0


def test_a_batch_that_dies_before_its_commit_leaves_neither_rows_nor_cursor(expanded, query):
    with psycopg.connect(expanded) as dying:
        dying.execute(
            "INSERT INTO artwork_migration.cursors (partition, run_id) VALUES ('2025-03', 'dying')",
        )
        dying.execute("SELECT * FROM artwork_migration.backfill_batch('2025-03', 10, 'dying', 'batch')")
        with pytest.raises(psycopg.OperationalError):
            dying.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert query(expanded, CLEAN_ROWS) == [(0,)]
    assert query(expanded, "SELECT * FROM artwork_migration.cursors") == []


def test_two_backfills_at_once_write_each_row_once(expanded, steps, query):
    def run(name):
        batches = backfill.backfill(expanded, MONTH, batch_size=5, run_id=name, batch_id="batch")
        return sum(batch.clean_rows for batch in batches), name

    with ThreadPoolExecutor(2) as pool:
        written = dict(reversed(one) for one in pool.map(run, ["one", "other"]))
    # A survivor in another slice may be written with its twin: then it is counted there.
    everything = query(expanded, "SELECT count(*) FROM artworks_v2")[0][0]
    assert sum(written.values()) == everything
    assert steps.fill_month(expanded, MONTH) == 0


def test_workers_fill_parts_of_a_slice_side_by_side_and_go_on_where_a_kill_left_them(expanded, steps, query):
    def workers(name):
        return backfill.backfill(expanded, MONTH, batch_size=5, run_id=name, batch_id="batch", workers=3)

    killed = workers("killed")
    next(killed)
    killed.close()
    left = "SELECT count(*), count(*) FILTER (WHERE last_id IS NOT NULL) FROM artwork_migration.cursors"
    parts, begun = query(expanded, left)[0]
    assert parts == 3
    assert begun >= 1
    written = query(expanded, "SELECT count(*) FROM artworks_v2")[0][0]
    rest = list(workers("next"))

    assert query(expanded, "SELECT count(*) FROM artworks_v2") == [
        (written + sum(one.clean_rows for one in rest),)
    ]
    assert query(expanded, "SELECT bool_and(finished) FROM artwork_migration.cursors") == [(True,)]
    assert steps.fill_all(expanded) > 0
    assert steps.fill_all(expanded) == 0
    assert steps.differences(expanded) == []


def test_a_row_that_was_only_moved_about_on_the_disk_is_no_changed_row(expanded, steps, query):
    query(expanded, "VACUUM FULL artworks")
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []


def test_a_twin_takes_its_survivor_along_whatever_slice_that_is_in(expanded, steps, query, unseen):
    twin, survivor = query(
        expanded,
        "SELECT artwork_id, merged_into FROM artwork_migration.plan WHERE state = 'merged' AND partition = '2025-03' "
        "ORDER BY artwork_id LIMIT 1",
    )[0]
    query(expanded, "UPDATE artworks SET created_at = '2025-04-01 00:00:00+00' WHERE id = %s", survivor)
    unseen(expanded, "DELETE FROM artworks_v2")
    query(expanded, "DELETE FROM artwork_migration.outcomes")
    steps.fill_month(expanded, MONTH)

    assert query(expanded, "SELECT count(*) FROM artworks_v2 WHERE id = %s", survivor) == [(1,)]
    assert query(
        expanded, "SELECT partition FROM artwork_migration.outcomes WHERE item = %s", str(survivor)
    ) == [("2025-04",)]
    assert query(expanded, "SELECT state FROM artwork_migration.outcomes WHERE item = %s", str(twin)) == [
        ("merged",)
    ]


def test_a_row_that_somebody_holds_is_waited_for_and_then_named_as_a_passing_trouble(
    expanded, steps, monkeypatch
):
    monkeypatch.setattr(backfill, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(backfill, "ATTEMPTS", 2)
    with psycopg.connect(expanded) as holder:
        holder.execute("UPDATE artworks SET pet_name = 'held' WHERE created_at >= '2025-03-01'")
        with pytest.raises(TransientError, match="backfill of 2025-03"):
            steps.fill_month(expanded, MONTH)
        holder.rollback()
    assert steps.fill_month(expanded, MONTH) > 0


def test_rows_that_came_behind_the_triggers_back_stop_the_backfill_until_they_are_planned(
    expanded, steps, query
):
    query(expanded, "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_forward")
    query(
        expanded,
        "INSERT INTO artworks (original_image_url, customer_name, customer_email, created_at) "
        "VALUES ('pending', 'Unseen', 'unseen@example.net', '2025-03-09')",
    )
    query(expanded, "ALTER TABLE artworks ENABLE TRIGGER artwork_migration_forward")
    with pytest.raises(PermanentError, match=r"2025-03: 1 rows came.*artwork/classification"):
        steps.fill_month(expanded, MONTH)
    steps.prepare(expanded)
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []


def test_rows_that_changed_behind_the_triggers_back_stop_the_backfill_by_name(expanded, steps, query):
    query(expanded, "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_forward")
    changed = query(
        expanded,
        "UPDATE artworks SET customer_name = 'Changed' WHERE id IN (SELECT artwork_id FROM artwork_migration.plan "
        "WHERE partition = '2025-03' LIMIT 1) RETURNING id",
    )[0][0]
    query(expanded, "ALTER TABLE artworks ENABLE TRIGGER artwork_migration_forward")
    with pytest.raises(PermanentError, match=f"rows changed since the plan was made.*{changed}"):
        steps.fill_month(expanded, MONTH)
    steps.prepare(expanded)
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []


def test_a_backfill_that_was_stopped_takes_up_rows_that_were_planned_behind_its_cursor(
    expanded, steps, query
):
    stopped = backfill.backfill(expanded, MONTH, batch_size=10, run_id="stopped", batch_id="batch")
    next(stopped)
    stopped.close()
    query(expanded, "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_forward")
    query(
        expanded,
        "INSERT INTO artworks (id, original_image_url, customer_name, customer_email, created_at) "
        "VALUES ('00000000-0000-0000-0000-000000000000', 'pending', 'Unseen', 'unseen@example.net', '2025-03-09')",
    )
    query(expanded, "ALTER TABLE artworks ENABLE TRIGGER artwork_migration_forward")
    steps.prepare(expanded)
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []


def test_an_error_of_the_database_is_told_without_the_values_of_the_row(expanded, steps, query, unseen):
    unseen(
        expanded,
        "INSERT INTO artworks_v2 (customer_name, customer_email, access_token, token_expires_at, legacy) "
        "SELECT 'x', 'x@example.net', access_token, now(), '{}' FROM artworks JOIN artwork_migration.plan p "
        "ON p.artwork_id = id WHERE p.partition = '2025-03' AND p.state = 'migrated' AND access_token <> '' LIMIT 1",
    )
    token = query(expanded, "SELECT access_token FROM artworks_v2")[0][0]
    with pytest.raises(PermanentError, match=r"artworks_v2_access_token_key.*duplicate key") as refused:
        steps.fill_month(expanded, MONTH)
    assert token not in str(refused.value)


def test_a_batch_without_rows_is_refused(expanded, steps):
    with pytest.raises(PermanentError, match="a batch of 0 rows"):
        steps.fill_month(expanded, MONTH, batch_size=0)


def test_filling_every_month_again_writes_nothing(migrated, steps):
    assert steps.fill_all(migrated) == 0


def test_customers_without_a_user_stop_the_backfill(expanded, steps, query):
    query(expanded, "DELETE FROM users WHERE is_anonymous")
    with pytest.raises(PermanentError, match=r"rows have no user yet.*artwork/users"):
        steps.fill_month(expanded, MONTH)


def test_a_fresh_token_is_made_once_and_kept_when_the_month_is_filled_again(migrated, steps, query, unseen):
    tokens = "SELECT id, access_token FROM artworks_v2 WHERE legacy ? 'access_token' ORDER BY id"
    before = query(migrated, tokens)
    assert before
    assert all(len(token) == 64 for _, token in before)
    assert len({token for _, token in before}) == len(before)
    query(migrated, "DELETE FROM artwork_token_aliases")
    unseen(migrated, "DELETE FROM artworks_v2")
    steps.fill_all(migrated)
    assert query(migrated, tokens) == before


def test_a_user_who_takes_another_address_keeps_the_artworks(migrated, steps, query):
    user = query(migrated, "SELECT user_id FROM artworks_v2 ORDER BY id LIMIT 1")[0][0]
    query(migrated, "UPDATE users SET email = 'moved@example.net' WHERE id = %s", user)
    assert steps.fill_all(migrated) == 0
    assert steps.differences(migrated) == []


def test_deleting_a_user_deletes_no_artwork_and_no_order(migrated, steps, query):
    user = query(
        migrated, "SELECT v.user_id FROM artworks_v2 v JOIN orders o ON o.artwork_id = v.id LIMIT 1"
    )[0][0]
    counts = "SELECT (SELECT count(*) FROM artworks_v2), (SELECT count(*) FROM orders)"
    before = query(migrated, counts)
    query(migrated, "DELETE FROM users WHERE id = %s", user)
    assert query(migrated, counts) == before
    assert steps.differences(migrated) == []
