"""The phase stands in the database; the functions follow the tables to other names and back."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from artwork_pipeline.artworks.phases import BEFORE, Phase
from artwork_pipeline.stores import backfill, expansion, installation, phase, plan
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline.sides import NAMES, rename


def test_where_the_migration_has_never_been_everything_is_to_be_planned(source):
    with session(source) as connection:
        assert phase.current(connection) is Phase.PLANNED
        assert phase.tables(connection) == BEFORE
        assert phase.history(connection) == []


def test_the_expansion_is_a_transition_that_is_kept_with_who_and_when(expanded, query):
    with session(expanded) as connection:
        assert phase.current(connection) is Phase.EXPANDED
        (transition,) = phase.history(connection)
        assert (transition.from_phase, transition.to_phase) == (Phase.PLANNED, Phase.EXPANDED)
        phase.measured(connection, transition.id, seconds=1.5, blocking_ms=20.0)
        assert phase.history(connection)[0].blocking_ms == 20.0


def test_a_phase_that_does_not_follow_is_refused(expanded):
    refusal = pytest.raises(PermanentError, match="from expanded the migration cannot become cleaned")
    with session(expanded) as connection, connection.transaction(), refusal:
        phase.advance(connection, Phase.CLEANED, by="test", run_id="run")


def test_of_two_who_go_on_at_once_one_does(expanded):
    def go_on(_):
        with session(expanded) as connection, connection.transaction():
            phase.advance(connection, Phase.SWITCHED, by="test", run_id="run")

    with ThreadPoolExecutor(2) as pool:
        told = [one.exception() for one in [pool.submit(go_on, number) for number in range(2)]]
    assert [type(one) for one in told if one] == [PermanentError]


def test_the_functions_follow_the_tables_to_other_names_and_back(migrated, query, steps):
    for switched in (True, False, True):
        rename(migrated, switched=switched)
        old, clean = NAMES["switched" if switched else "expanded"]
        row = query(
            migrated,
            f"INSERT INTO {old} (original_image_url, customer_name, customer_email, created_at) "
            "VALUES ('pending', 'New Customer', 'new@example.net', '2025-03-03') RETURNING id",
        )[0][0]
        query(migrated, f"UPDATE {old} SET pet_name = 'Rex' WHERE id = %s", row)
        assert query(migrated, f"SELECT pet_name FROM {clean} WHERE id = %s", row) == [("Rex",)]
        query(migrated, f"DELETE FROM {old} WHERE id = (SELECT id FROM {clean} WHERE id NOT IN "
                        "(SELECT artwork_id FROM artwork_migration.referenced()) ORDER BY id LIMIT 1)")  # fmt: skip
        assert steps.differences(migrated) == []


def test_planning_expansion_and_backfill_wait_until_the_old_table_is_served_again(migrated, query, steps):
    rename(migrated, switched=True)
    with session(migrated) as connection:
        source = installation.recognise_source(connection)
        with pytest.raises(PermanentError, match=r"the phase is switched.*Roll back first"):
            expansion.expand(connection, source, "run", log=print)
        with pytest.raises(PermanentError, match="the phase is switched"):
            plan.make_plan(connection, None, source, "run")
        with pytest.raises(PermanentError, match="the phase is switched"):
            backfill.require_ready(connection, "2025-03")
    rename(migrated, switched=False)
    steps.prepare(migrated)
    assert steps.fill_all(migrated) == 0
