"""The looks before anything is written: each is an asset that a person can read, and none of them writes."""

import json

import pytest

from artwork_pipeline.artworks.slices import BY_MONTH
from artwork_pipeline.stores import preflight
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks

LOOKS = ("dialect", "dependents", "dry_run", "preflight")
EVERYTHING = """
    SELECT oid::regclass::text, relfilenode FROM pg_class UNION SELECT oid::regprocedure::text, 0 FROM pg_proc
"""


def test_all_looks_write_nothing(source, pipeline_of, query):
    before = sorted(query(source, EVERYTHING))
    assert pipeline_of(source).run(*LOOKS).success
    assert sorted(query(source, EVERYTHING)) == before


def test_the_dry_run_counts_every_rule_and_tells_no_address(source, pipeline_of, query, reports_path):
    secret = "idas-secret-name"
    query(
        source,
        "UPDATE artworks SET customer_email = %s WHERE original_image_url = 'test-pending'",
        secret,
    )
    run = pipeline_of(source).run("dry_run")
    assert run.success

    written = (reports_path / "artwork" / "dry_run.json").read_text()
    seen = json.loads(written)
    expected = query(
        source, "SELECT state, reason, count(*) FROM synthetic_source.expected GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert sorted((one["outcome"], one["rule"] or "", one["rows"]) for one in seen["outcomes"]) == sorted(
        (state, reason or "", rows) for state, reason, rows in expected
    )
    assert seen["rows"] == sum(seen["slices"].values()) == 500
    assert all(sample["customer_email"].startswith("***@") for sample in seen["samples"])
    told = run.asset_materializations_for_node("artwork__dry_run")[0].metadata
    assert secret not in written
    assert secret not in str(told)


def test_everything_that_hangs_on_the_table_is_named_with_its_definition(source, pipeline_of, reports_path):
    assert pipeline_of(source).run("dependents").success

    seen = json.loads((reports_path / "artwork" / "dependents.json").read_text())
    found = {(one["kind"], one["name"]) for one in seen["dependents"]}
    assert {
        ("view", "public.paid_artworks"),
        ("function", "public.artworks_in_work()"),
        ("bound function", "public.find_artwork_by_token(token text)"),
        ("policy", "artworks_of_their_user on public.artworks"),
        ("policy elsewhere", "orders_of_their_user on public.orders"),
        ("trigger", "artworks_touch"),
        ("trigger", "artworks_announce"),
        ("publication", "supabase_realtime"),
        ("comment", "table"),
    } <= found
    assert {"public.orders.artwork_id", "public.admin_reviews.artwork_id"} <= set(seen["pointing_columns"])
    assert seen["undeclared_pointers"] == ["public.support_tickets.artwork_id"]
    assert all(one["definition"] for one in seen["dependents"])


def test_a_column_that_points_without_a_foreign_key_is_found_and_followed(
    source, pipeline_of, query, reports_path
):
    query(source, "CREATE TABLE gallery (id serial, artwork_id uuid)")
    twin = query(
        source, "SELECT id FROM synthetic_source.expected WHERE state = 'merged' ORDER BY id LIMIT 1"
    )[0][0]
    query(source, "INSERT INTO gallery (artwork_id) VALUES (%s)", twin)
    assert pipeline_of(source).prepare().success

    assert query(source, "SELECT state FROM artwork_migration.plan WHERE artwork_id = %s", twin) == [
        ("migrated",)
    ]
    seen = json.loads((reports_path / "artwork" / "dependents.json").read_text())
    assert "public.gallery.artwork_id" in seen["undeclared_pointers"]


@pytest.mark.parametrize("dialect", ["A", "B", "C"])
def test_each_known_dialect_is_recognised_and_leaves_no_difference(
    dialect, postgres_url, pipeline_of, reports_path, steps
):
    artworks.fill({"ARTWORK_DATABASE_URL": postgres_url}, rows=200, dialect=dialect)
    assert pipeline_of(postgres_url).prepare().success

    seen = json.loads((reports_path / "artwork" / "dialect.json").read_text())
    assert (seen["dialect"], seen["rows"], seen["unknown_words"]) == (dialect, 200, {})
    assert pipeline_of(postgres_url).month("2025-01").success
    steps.fill_all(postgres_url)
    assert steps.differences(postgres_url) == []


def test_an_unknown_dialect_stops_with_the_difference_named_and_nothing_written(
    source, pipeline_of, query, steps
):
    query(source, "ALTER TABLE artworks ADD COLUMN mood text, ALTER COLUMN upscaled_at TYPE timestamp")
    query(source, "ALTER TABLE artworks RENAME COLUMN pet_name TO animal_name")
    run = pipeline_of(source).prepare()
    told = steps.failure(run)

    assert "dialect B" in told
    for difference in ("lacks pet_name", "has animal_name", "has mood", "upscaled_at is timestamp"):
        assert difference in told
    started = {event.step_key for event in run.all_events if event.is_step_start}
    assert started == {"artwork__dialect"}
    assert query(source, "SELECT to_regnamespace('artwork_migration')") == [(None,)]


@pytest.mark.parametrize("look", [*LOOKS, "classification"])
def test_each_look_by_itself_refuses_an_unknown_dialect(look, source, pipeline_of, query, steps):
    query(source, "ALTER TABLE artworks ADD COLUMN mood text")
    assert "has mood (text) besides" in steps.failure(pipeline_of(source).run(look))


def test_a_state_that_nobody_planned_for_is_counted_by_name(source, pipeline_of, query, reports_path):
    query(source, "ALTER TABLE artworks DROP CONSTRAINT artworks_generation_status_check")
    query(
        source,
        "UPDATE artworks SET generation_status = 'paused by ida@example.net'"
        " WHERE id IN (SELECT id FROM artworks LIMIT 3)",
    )
    assert pipeline_of(source).run("dialect").success
    seen = json.loads((reports_path / "artwork" / "dialect.json").read_text())
    assert seen["unknown_words"] == {"generation_status paused by i***@example.net": 3}


def test_an_empty_table_is_not_taken_for_a_finished_migration(source, pipeline_of, query, steps):
    query(source, "TRUNCATE artworks CASCADE")
    assert "the table is empty" in steps.failure(pipeline_of(source).prepare())


def test_an_unset_address_is_named(pipeline_of, steps):
    assert "ARTWORK_DATABASE_URL: the environment variable is not set" in steps.failure(
        pipeline_of("").run("dialect")
    )


def test_the_estimate_adds_up_over_stages_and_slices(source):
    with session(source) as connection:
        seen = preflight.estimate(connection, BY_MONTH)
    assert seen.timed_rows == sum(seen.rows.values()) == 500
    slices = sum(seen.of_slice(name) for name in BY_MONTH.names)
    assert seen.seconds == pytest.approx(slices + seen.stages["plan"])
    assert seen.of_slice("no such slice") == 0


def test_the_looks_can_be_taken_again_in_the_middle_of_a_migration(migrated, pipeline_of):
    assert pipeline_of(migrated).run(*LOOKS).success
