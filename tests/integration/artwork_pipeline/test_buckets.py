"""The same migration cut into buckets by id: for tables that months do not cut evenly."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from artwork_pipeline.artworks.slices import BY_MONTH, Slicing
from artwork_pipeline.stores import backfill, expansion, installation, plan, verification
from artwork_pipeline.stores.sessions import SCHEMA, session
from migration_kit.failures import PermanentError
from migration_kit.ledger.postgres import PostgresLedger

BY_BUCKET = Slicing(3)


def plan_by(url, slicing):
    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        ledger.install()
        source = installation.recognise_source(connection, slicing)
        return plan.make_plan(connection, ledger, source, "run"), source


def migrate(url, slicing):
    """Plan, expand and fill every slice; the differences that the comparison finds."""
    _, source = plan_by(url, slicing)
    with session(url) as connection:
        expansion.expand(connection, source, "run", log=print)
    # Users were merged: the plan takes their rows up.
    plan_by(url, slicing)
    with session(url) as connection:
        backfill.create_users(connection)
        for name in slicing.names:
            assert sum(
                1 for _ in backfill.backfill(url, name, batch_size=100, run_id="run", batch_id="batch")
            )
        found = [verification.compare(connection, name) for name in slicing.names]
    assert all(one.accounting.balanced for one in found)
    assert sum(one.rows for one in found) == 500
    assert all(one.rows for one in found)
    return [difference for one in found for difference in one.differences]


def test_a_migration_by_buckets_leaves_no_difference_and_live_rows_go_into_their_bucket(source, query):
    assert migrate(source, BY_BUCKET) == []
    written = query(
        source,
        "INSERT INTO artworks (original_image_url, customer_name, customer_email)"
        " VALUES ('x', 'Ida', 'ida@example.net') RETURNING id",
    )
    ((artwork_id,),) = written
    (found,) = query(
        source, "SELECT partition FROM artwork_migration.outcomes WHERE item = %s", str(artwork_id)
    )
    assert found == (BY_BUCKET.slice_of(artwork_id, None),)


def test_what_was_planned_by_months_can_be_cut_into_buckets_and_back(source):
    assert migrate(source, BY_MONTH) == []
    assert migrate(source, BY_BUCKET) == []
    assert migrate(source, BY_MONTH) == []


def test_who_does_not_say_how_the_rows_are_cut_leaves_them_as_they_are(source):
    plan_by(source, BY_BUCKET)
    plans, _ = plan_by(source, None)
    assert [one.partition for one in plans] == [*BY_BUCKET.names]


def test_partitions_of_another_way_of_cutting_are_refused_with_both_named(source, pipeline_of, steps):
    migrate(source, BY_BUCKET)
    for name in ("backfill", "verification"):
        told = steps.failure(pipeline_of(source).run(name, month="2025-01"))
        assert "planned by hash:3, and the partitions here are by months" in told
        assert "ARTWORK_PARTITIONS" in told
    assert "planned by hash:3" in steps.failure(pipeline_of(source).report())


def test_a_slice_that_does_not_exist_is_no_empty_slice(expanded):
    with (
        pytest.raises(PermanentError, match="none of them is bucket-001"),
        session(expanded) as connection,
    ):
        verification.compare(connection, "bucket-001")


def test_the_setting_makes_the_partitions_of_the_code_location():
    script = (
        "from artwork_pipeline.assets import backfill; print(*backfill.partitions_def.get_partition_keys())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ARTWORK_PARTITIONS": "hash:3"},
    )
    assert run.stdout.split() == ["bucket-000", "bucket-001", "bucket-002"]
