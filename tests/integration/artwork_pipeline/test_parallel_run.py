"""The application's reads on both sides: what differs is named and kept; what was not compared is not proved."""

import json
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import comparison, evidence, phase
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline import shop

ONE_SIDE_ONLY = "SET session_replication_role = 'replica'"


def checked(run):
    """The result of the check and the asset's metadata."""
    assert run.success
    (check,) = run.get_asset_check_evaluations()
    (made,) = run.asset_materializations_for_node("artwork__parallel_run")
    return check, {name: value.value for name, value in made.metadata.items()}


def behind_the_triggers(url, query, *statements):
    """Change one side alone, as only a fault can."""
    query(url, "; ".join((ONE_SIDE_ONLY, *statements)))


def read_whole(url):
    with session(url) as connection:
        return comparison.compare(connection, 10_000)


def test_on_a_migrated_database_every_read_gives_the_same(untouched):
    found = read_whole(untouched)
    assert found.mismatches == ()
    assert found.rate == 0
    assert set(found.compared) == set(comparison.READS)
    assert all(found.compared.values())


def test_a_write_on_either_side_is_read_alike_at_once(migrated, query):
    query(migrated, "UPDATE artworks SET customer_name = customer_name || ' changed'")
    query(
        migrated, "UPDATE artworks_v2 SET pet_name = 'Rex the second' WHERE generation_status = 'completed'"
    )
    query(migrated, "DELETE FROM artworks WHERE id IN (SELECT id FROM artworks LIMIT 20)")
    assert read_whole(migrated).mismatches == ()


@pytest.mark.parametrize(
    ("fault", "read", "expected", "found"),
    [
        ("UPDATE artworks_v2 SET pet_name = 'another'", "by_id", "text of", "text of 7 characters"),
        (
            "DELETE FROM artworks_v2 WHERE id NOT IN (SELECT artwork_id FROM artwork_token_aliases)",
            "by_id",
            "a row",
            "no row",
        ),
        ("UPDATE artworks_v2 SET access_token = id::text", "by_token", "opens", "opens nothing"),
        ("DELETE FROM artwork_token_aliases", "by_token", "opens", "opens nothing"),
        ("UPDATE artwork_token_aliases SET expires_at = now()", "by_token", "until", "until"),
        (
            "UPDATE artworks_v2 SET customer_email = 'x@example.net'",
            "by_email",
            "artworks, the newest",
            "0 artworks",
        ),
        ("UPDATE artworks_v2 SET generation_status = 'failed'", "by_status", "completed", "failed"),
        ("UPDATE artworks_v2 SET customer_name = 'Somebody else'", "by_order", "artwork", "another customer"),
        (
            "DELETE FROM artworks WHERE id NOT IN (SELECT artwork_id FROM orders WHERE artwork_id IS NOT NULL)",
            "by_id",
            "no row",
            "a row",
        ),
    ],
)
def test_each_kind_of_read_that_differs_is_named(  # noqa: PLR0917
    fault, read, expected, found, migrated, query
):
    behind_the_triggers(migrated, query, fault)
    told = [one for one in read_whole(migrated).mismatches if one.read == read]
    assert any(expected in one.expected and found in one.found for one in told), told[:5]


def test_what_differs_fails_the_check_and_is_kept_without_people_s_data(
    migrated, query, pipeline_of, reports_path
):
    ((artwork_id, name),) = query(
        migrated,
        "SELECT id::text, customer_name FROM artworks_v2 WHERE generation_status = 'completed' ORDER BY id LIMIT 1",
    )
    behind_the_triggers(
        migrated, query, f"UPDATE artworks_v2 SET customer_name = 'Mallory' WHERE id = '{artwork_id}'"
    )
    check, metadata = checked(pipeline_of(migrated).run("parallel_run"))

    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert "by_id: 1 of" in check.description
    assert "artwork_verify_slice" in check.description
    assert metadata["mismatched"] >= 1
    written = (reports_path / "artwork" / "parallel-run.json").read_text()
    kept = query(migrated, "SELECT examples::text FROM artwork_migration.comparisons WHERE mismatched > 0")
    for told in (written, str(kept), str(metadata)):
        assert artwork_id in told
        assert "customer_name" in told
        assert name not in told
        assert "Mallory" not in told


def test_every_run_adds_to_the_trend(migrated, query, pipeline_of):
    pipeline = pipeline_of(migrated)
    check, _ = checked(pipeline.run("parallel_run"))
    assert check.passed
    behind_the_triggers(migrated, query, "UPDATE artworks_v2 SET pet_name = 'another'")
    check, metadata = checked(pipeline.run("parallel_run"))
    assert not check.passed

    with session(migrated) as connection:
        first, second = comparison.history(connection, 30)
        assert comparison.history(connection, 1) == [second]
    assert (first.rate, first.phase) == (0, "expanded")
    assert 0 < second.rate <= 1
    assert second.at > first.at
    assert metadata["trend"].startswith("![Share of reads")
    assert [one.data["phase"] for one in check.metadata["newest_rates"].records] == ["expanded", "expanded"]


def test_both_sides_agree_after_the_switch_over_and_after_the_way_back(pipeline_of, backed_up, query):
    pipeline = pipeline_of(backed_up)
    phases = []
    for change in (shop.switch, shop.roll_back):
        change(backed_up)
        query(
            backed_up, "UPDATE artworks SET pet_name = 'Rex the third' WHERE generation_status = 'completed'"
        )
        check, metadata = checked(pipeline.run("parallel_run"))
        assert check.passed, check.description
        assert metadata["compared"] > 0
        phases.append(metadata["phase"])
    assert phases == ["switched", "rolled_back"]


def test_its_own_reads_of_the_old_table_are_no_evidence_against_the_clean_up(pipeline_of, backed_up, query):
    shop.switch(backed_up)
    pipeline = pipeline_of(backed_up)
    for _ in range(2):
        assert pipeline.run("parallel_run", "dialect", "dependents").success
        # Counted is from the last look in the first hour on.
        query(backed_up, "UPDATE artwork_migration.transitions SET at = at - interval '2 hours'")
    with session(backed_up) as connection:
        judgement = evidence.judged(connection)
    assert (judgement.samples, judgement.reads, judgement.lost) == (2, 0, None)


def test_before_the_expansion_it_says_that_nothing_was_compared(source, pipeline_of):
    check, metadata = checked(pipeline_of(source).run("parallel_run"))
    assert metadata["compared"] == 0
    assert "materialise artwork/expanded_schema" in metadata["why"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN


def test_after_the_clean_up_it_says_that_nothing_is_left_to_compare_with(expanded, pipeline_of):
    with session(expanded) as connection, connection.transaction():
        for following in (Phase.SWITCHED, Phase.CLEANED):
            phase.advance(connection, following, by="test", run_id="run")
    check, metadata = checked(pipeline_of(expanded).run("parallel_run", "state"))
    assert "the old table is gone" in metadata["why"]
    assert not check.passed


def test_before_the_backfill_nothing_is_missed_and_nothing_is_proved(expanded, pipeline_of):
    check, metadata = checked(pipeline_of(expanded).run("parallel_run"))
    assert metadata["compared"] == 0
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_table_that_is_larger_than_the_sample_is_not_read_whole(migrated, query):
    query(migrated, "ANALYZE artworks, artworks_v2, orders")
    with session(migrated) as connection:
        few = comparison.compare(connection, 10)
    assert 0 < few.compared["by_id"] < 100
    assert few.mismatches == ()


@pytest.mark.parametrize("sample", [0, -5])
def test_an_empty_sample_is_refused(sample, untouched):
    with session(untouched) as connection, pytest.raises(PermanentError, match="Set it to 1 or more"):
        comparison.compare(connection, sample)


def test_two_comparisons_at_once_are_both_kept(migrated):
    def one(number):
        with session(migrated) as connection:
            comparison.keep(connection, f"run {number}", comparison.compare(connection, 10))

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, range(2)))
    with session(migrated) as connection:
        assert {rate.run_id for rate in comparison.history(connection, 9)} == {"run 0", "run 1"}


def test_the_state_is_told_in_every_phase_from_the_first(source, pipeline_of, reports_path, steps):
    pipeline = pipeline_of(source)

    def told():
        assert pipeline.run("state").success
        return json.loads((reports_path / "artwork" / "state.json").read_text())

    before = told()
    assert (before["phase"], before["since"], before["history"]) == ("planned", None, [])
    assert before["following"] == [{"phase": "expanded", "by": "expanded_schema"}]
    steps.prepare(source)
    after = told()
    assert after["phase"] == "expanded"
    assert [one["to"] for one in after["history"]] == ["expanded"]
    assert {one["by"] for one in after["following"]} == {"artwork_switch", "artwork_take_back"}
    assert (reports_path / "artwork" / "state.png").read_bytes().startswith(b"\x89PNG")
