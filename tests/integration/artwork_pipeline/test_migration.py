"""The whole migration as Dagster runs it, on a real PostgreSQL."""

import json
from dataclasses import replace

import pytest

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.stores import verification
from local_stack.sources import artworks

OUTCOMES_AS_EXPECTED = """
    SELECT e.id, e.state, e.reason, e.merged_into, o.state, o.reason, o.detail ->> 'merged_into'
    FROM synthetic_source.expected e FULL JOIN artwork_migration.outcomes o ON o.item = e.id::text
    WHERE (e.state, e.reason, e.merged_into::text) IS DISTINCT FROM (o.state, o.reason, o.detail ->> 'merged_into')
"""
EVERY_ROW_VERSION = """
    SELECT 'clean', id::text, xmin::text FROM artworks_v2
    UNION ALL SELECT 'outcome', item, xmin::text FROM artwork_migration.outcomes
    UNION ALL SELECT 'plan', artwork_id::text, xmin::text FROM artwork_migration.plan
    UNION ALL SELECT 'plans', partition, xmin::text FROM artwork_migration.plans
    UNION ALL SELECT 'alias', token, xmin::text FROM artwork_token_aliases
    UNION ALL SELECT 'aside', artwork_id::text, xmin::text FROM artwork_migration.set_aside
    UNION ALL SELECT 'user', id::text, xmin::text FROM users
    UNION ALL SELECT 'token', artwork_id::text, xmin::text FROM artwork_migration.issued_tokens
    ORDER BY 1, 2
"""


def migrate(pipeline, months=SLICES):
    runs = [pipeline.prepare(), *(pipeline.month(month) for month in months), pipeline.report()]
    assert all(run.success for run in runs)
    return runs[-1].asset_materializations_for_node("artwork__migration_report")[0].metadata


def test_the_whole_migration_ends_as_made_and_a_second_one_writes_nothing(
    source, pipeline_of, query, reports_path
):
    made = artworks.fill({"ARTWORK_DATABASE_URL": source}, rows=500)  # what the source's own fill answered
    pipeline = pipeline_of(source)
    metadata = migrate(pipeline)

    assert query(source, OUTCOMES_AS_EXPECTED) == []
    summary = json.loads((reports_path / "artwork" / "migration-summary.json").read_text())
    assert summary["verified"] is True
    assert summary["balanced"] is True
    assert (summary["source"], summary["migrated"], summary["merged"]) == (500, made.migrated, made.merged)
    assert summary["quarantined"] == made.quarantined
    assert metadata["migrated"].value == made.migrated

    before = query(source, EVERY_ROW_VERSION)
    migrate(replace(pipeline, batch="second"), months=("2025-03", "later_or_undated"))
    assert query(source, EVERY_ROW_VERSION) == before
    summary = json.loads((reports_path / "artwork" / "migration-summary.json").read_text())
    assert (summary["migrated"], summary["merged"]) == (0, 0)
    assert summary["already_present"] == made.migrated + made.merged
    assert summary["quarantined"] == made.quarantined


def pass_every_month(query, url):
    """The verdicts that a verification of every month leaves, without the seconds it takes."""
    months = "FROM unnest(%s::text[]) AS month"
    query(url, f"INSERT INTO artwork_migration.verdicts (stage, partition, candidate, status, run_id, at) "
               f"SELECT 'verify', month, 'seen', 'passed', 'run', now() {months}", [*SLICES])  # fmt: skip
    query(url, f"INSERT INTO artwork_migration.publications (stage, partition, candidate, run_id, at) "
               f"SELECT 'verify', month, 'seen', 'run', now() {months}", [*SLICES])  # fmt: skip


@pytest.mark.parametrize("dialect", ["A", "C"])
def test_every_row_of_the_other_dialects_ends_as_it_was_made_to_end(
    dialect, postgres_url, pipeline_of, steps, query
):
    artworks.fill({"ARTWORK_DATABASE_URL": postgres_url}, rows=400, dialect=dialect)
    pipeline = pipeline_of(postgres_url)
    assert pipeline.prepare().success
    steps.fill_all(postgres_url)

    assert query(postgres_url, OUTCOMES_AS_EXPECTED) == []
    assert steps.differences(postgres_url) == []
    assert pipeline.month("2025-03").success


def test_a_month_that_fails_stops_the_report_and_not_its_neighbours(  # noqa: PLR0917
    migrated, pipeline_of, query, unseen, steps, reports_path
):
    pipeline = pipeline_of(migrated)
    pass_every_month(query, migrated)
    unseen(
        migrated,
        "UPDATE artworks_v2 SET pet_name = 'somebody else' WHERE id IN (SELECT item::uuid "
        "FROM artwork_migration.outcomes WHERE partition = '2025-03' AND state = 'migrated' ORDER BY item LIMIT 2)",
    )
    results = {
        month: pipeline.run("verification", month=month) for month in ("2025-02", "2025-03", "2025-04")
    }

    assert [month for month, result in results.items() if not result.success] == ["2025-03"]
    told = steps.failure(results["2025-03"])
    assert "changed: pet_name (2 rows" in told
    checks = results["2025-03"].get_asset_check_evaluations()
    assert {(check.check_name, check.passed) for check in checks} == {
        ("both_sides_agree", False),
        ("clean_rows", True),
    }
    named = json.loads((reports_path / "artwork" / "differences-2025-03.json").read_text())
    assert {(one["problem"], one["column"]) for one in named} == {("changed", "pet_name")}
    assert "2025-03" in steps.failure(pipeline.report())
    assert not (reports_path / "artwork" / "migration-summary.json").exists()

    assert pipeline.month("2025-03").success
    assert pipeline.report().success


def test_the_report_refuses_while_a_month_was_never_checked(migrated, pipeline_of, steps):
    told = steps.failure(pipeline_of(migrated).report())
    assert all(f"{month}: never checked" in told for month in SLICES)


def test_a_month_that_is_filled_again_must_be_compared_again(migrated, pipeline_of, query, steps):
    pipeline = pipeline_of(migrated)
    pass_every_month(query, migrated)
    assert pipeline.run("backfill", month="2025-03").success
    assert pipeline.report().success

    query(
        migrated,
        "DELETE FROM artwork_migration.outcomes WHERE item = (SELECT min(item) FROM artwork_migration.outcomes "
        "WHERE partition = '2025-03' AND state = 'migrated')",
    )
    assert pipeline.run("backfill", month="2025-03").success
    assert "2025-03: stale" in steps.failure(pipeline.report())
    assert pipeline.run("verification", month="2025-03").success
    assert pipeline.report().success


def test_a_comparison_that_is_lost_leaves_no_earlier_verdict_in_force(
    migrated, pipeline_of, query, steps, monkeypatch
):
    pipeline = pipeline_of(migrated)
    pass_every_month(query, migrated)
    monkeypatch.setattr(verification, "_DIFFERENCES", "SELECT 1 / 0, %s")
    assert not pipeline.run("verification", month="2025-03").success
    assert "2025-03: its checks are running, or" in steps.failure(pipeline.report())


def test_nothing_is_called_verified_while_a_trigger_is_switched_off(migrated, pipeline_of, query, steps):
    pipeline = pipeline_of(migrated)
    pass_every_month(query, migrated)
    query(migrated, "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_forward")
    for told in (pipeline.report(), pipeline.run("verification", month="2025-03")):
        assert "taken away or switched off" in steps.failure(told)


def test_a_database_without_artworks_is_refused_by_name(postgres_url, pipeline_of, steps, query):
    told = steps.failure(pipeline_of(postgres_url).prepare())
    assert "no table public.artworks, public.users, public.orders" in told
    assert "ARTWORK_DATABASE_URL" in told
    assert query(postgres_url, "SELECT to_regnamespace('artwork_migration')") == [(None,)]


@pytest.mark.parametrize("name", ["expanded_schema", "users", "backfill", "verification", "migration_report"])
def test_a_stage_whose_forerunner_never_ran_says_what_to_materialise(name, source, pipeline_of, steps):
    month = "2025-01" if name in ("backfill", "verification") else None
    assert "Materialise artwork/classification first" in steps.failure(
        pipeline_of(source).run(name, month=month)
    )


def test_rows_at_the_edge_of_the_schema_are_migrated_or_set_aside_one_by_one(postgres_url, steps, query):
    environment = {"ARTWORK_DATABASE_URL": postgres_url}
    artworks.fill(environment, rows=200)
    ids = artworks.make_hostile(environment)
    steps.prepare(postgres_url)
    steps.fill_all(postgres_url)

    assert steps.differences(postgres_url) == []
    rows = query(postgres_url, "SELECT item, state, reason FROM artwork_migration.outcomes")
    ended = {item: (state, reason) for item, state, reason in rows}
    aside = {name: ended[str(key)] for name, key in ids.items() if ended[str(key)][0] != "migrated"}
    assert aside == {
        "null_email": ("quarantined", "no_customer_email"),
        "null_name": ("quarantined", "no_customer_name"),
        "everything_null": ("quarantined", "no_customer_name"),
        "empty_strings": ("quarantined", "no_customer_email"),
        "blank_email": ("quarantined", "no_customer_email"),
    }
    one_user = "SELECT count(DISTINCT user_id) FROM artworks_v2 WHERE id = ANY (%s)"
    assert query(postgres_url, one_user, [ids["wide_address"], ids["script"]]) == [(1,)]
