"""What speaks against a cleanup: each reason is told with what to do, nothing goes; with that done it is due again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import archive, evidence, phase
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError, TransientError
from tests.integration.artwork_pipeline.cleaning import (
    clean_up,
    count_anew,
    everything,
    prepare,
    rules,
    wait_for_a_waiter,
    wait_until_alone,
)

Query = Callable[..., list[Any]]
pytestmark = pytest.mark.usefixtures("reports_path")


@pytest.fixture
def due(still_due: str) -> Iterator[str]:
    """The database of this module: whatever a test does, nothing went when it ends."""
    before = everything(still_due)
    yield still_due
    assert everything(still_due) == before
    with session(still_due) as connection:
        assert phase.current(connection) is Phase.SWITCHED


_UNVALIDATED = """
    ALTER TABLE orders DROP CONSTRAINT orders_artwork_id_fkey;
    ALTER TABLE orders ADD CONSTRAINT orders_artwork_id_fkey FOREIGN KEY (artwork_id) REFERENCES artworks (id)
        ON DELETE CASCADE NOT VALID
"""
_PAST_THE_TRIGGERS = """
    ALTER TABLE artworks DISABLE TRIGGER USER;
    UPDATE artworks SET pet_name = {};
    ALTER TABLE artworks ENABLE TRIGGER USER
"""
_ROUTED = "INSERT INTO artwork_migration.routing (email, version, by_person) VALUES ('a@example.org', 'v1', 'tester')"
_NAMES_IT = "CREATE FUNCTION report() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM artworks_v1'"
_LATER = "UPDATE artwork_migration.transitions SET at = at + interval '2 days'"
_EARLIER = "UPDATE artwork_migration.transitions SET at = at - interval '2 days'"
_ONE_IS_READ = "SELECT * FROM artworks_v1 WHERE id = (SELECT id FROM artworks LIMIT 1)"
# The rule, what is told, and what is to be done about it: SQL, or None for counting anew.
REFUSALS = {
    "too early": (_LATER, "too early", "the time is up in", _EARLIER),
    "drift": (_PAST_THE_TRIGGERS.format("pet_name || '!'"), "drift", "differences",
              _PAST_THE_TRIGGERS.format("left(pet_name, -1)")),
    "a reader by the primary key": (_ONE_IS_READ, "read", "artwork_watch with begin_anew", None),
    "statistics that were reset": ("SELECT pg_stat_reset()", "no evidence", "statistics were reset", None),
    "nobody watched": ("TRUNCATE artwork_migration.reads", "no evidence", "nobody looked in the first day", None),
    "a customer who is served by it": (_ROUTED, "routed", "Route them to v2", "DELETE FROM artwork_migration.routing"),
    "a trigger that is off": ("ALTER TABLE artworks DISABLE TRIGGER artwork_migration_reverse", "triggers", "",
                              "ALTER TABLE artworks ENABLE TRIGGER artwork_migration_reverse"),
    "a key that was not validated": (_UNVALIDATED, "not validated", "artwork_validate",
                                     "ALTER TABLE orders VALIDATE CONSTRAINT orders_artwork_id_fkey"),
    "a view made since": ("CREATE VIEW report AS SELECT id FROM artworks_v1", "dependent", "view report",
                          "DROP VIEW report"),
    "a key made since": ("CREATE TABLE marks (id uuid REFERENCES artworks_v1 (id))", "dependent", "on table marks",
                         "DROP TABLE marks"),
    "a column of its type": ("CREATE TABLE kept (one artworks_v1)", "dependent", "column one of table kept",
                             "DROP TABLE kept"),
    "a function that names it": (_NAMES_IT, "dependent", "the text of function report()", "DROP FUNCTION report()"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_it_is_refused_with_what_to_do_and_with_that_done_it_is_due_again(
    due: str, clones: Any, query: Query, case: str
) -> None:
    statement, rule, told, remedy = REFUSALS[case]
    superuser = clones.server.url.rpartition("/")[0] + "/" + due.rpartition("/")[2]
    query(superuser if "pg_stat_reset" in statement else due, statement)
    wait_until_alone(due)
    found = [str(refusal) for refusal in prepare(due).refusals if refusal.rule == rule]
    assert found
    assert told in " ".join(found)
    with pytest.raises(PermanentError, match=rule):
        clean_up(due)
    if remedy is None:
        count_anew(due)
    else:
        query(due, remedy)
    assert rules(due) == set()


def test_all_reasons_are_told_at_once(due: str, query: Query) -> None:
    three = [REFUSALS[case] for case in ("too early", "a view made since", "a customer who is served by it")]
    for statement, *_ in three:
        query(due, statement)
    assert rules(due) == {"too early", "dependent", "routed"}
    for *_, remedy in three:
        query(due, str(remedy))


def test_the_waiting_time_can_be_lengthened_and_not_shortened(due: str) -> None:
    assert {refusal.rule for refusal in prepare(due, wait_days=40).refusals} == {"too early"}
    with pytest.raises(PermanentError, match="29 days to wait"):
        prepare(due, wait_days=29)


@pytest.mark.parametrize("standing", [Phase.EXPANDED, Phase.ROLLED_BACK, Phase.PLANNED])
def test_in_other_phases_there_is_nothing_to_clean_up(due: str, query: Query, standing: Phase) -> None:
    query(due, "UPDATE artwork_migration.phase SET phase = %s", str(standing))
    with pytest.raises(PermanentError, match=f"the phase is {standing}"):
        prepare(due)
    query(due, "UPDATE artwork_migration.phase SET phase = 'switched'")


def test_a_table_that_somebody_holds_is_let_go_and_who_holds_it_is_named(due: str) -> None:
    with psycopg.connect(due, application_name="long report") as other:
        other.execute("LOCK TABLE artworks IN ACCESS SHARE MODE")
        with pytest.raises(TransientError, match="long report") as held:
            clean_up(due, attempts=2, lock_timeout_ms=20)
    assert "Nothing was changed" in str(held.value)


def _a_view_is_made(url: str, made: archive.Archive) -> None:
    with session(url) as other:
        other.execute("CREATE VIEW report AS SELECT id FROM artworks_v1")


def _it_is_read(url: str, made: archive.Archive) -> None:
    with psycopg.connect(url) as other:
        other.execute(_ONE_IS_READ)
    # Its own session is the other one.
    wait_until_alone(url, but_for=1)


def _counting_begins_anew(url: str, made: archive.Archive) -> None:
    with session(url) as other:
        evidence.sample(other, run_id="run", begun_anew="tester: somebody read it just now")


BETWEEN: dict[str, tuple[Callable[[str, archive.Archive], object], str]] = {
    "somebody makes a view": (_a_view_is_made, "view report"),
    "somebody reads it": (_it_is_read, "it was scanned"),
    "counting begins anew": (_counting_begins_anew, "too early"),
    "the archive goes": (lambda _, made: (made.folder / made.tables[0].file).unlink(), "it is not there"),
    "the archive is emptied": (lambda _, made: (made.folder / made.tables[0].file).write_bytes(b""), "it has 0 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", BETWEEN)
def test_what_comes_between_the_look_and_the_drop_refuses_the_drop(
    due: str, monkeypatch: pytest.MonkeyPatch, query: Query, case: str
) -> None:
    happens, told = BETWEEN[case]
    back_up = archive.back_up

    def and_it_happens(*arguments: Any, **named: Any) -> archive.Archive:
        made = back_up(*arguments, **named)
        happens(due, made)
        return made

    monkeypatch.setattr(archive, "back_up", and_it_happens)
    with pytest.raises(PermanentError, match=told):
        clean_up(due)
    query(due, "DROP VIEW IF EXISTS report")
    count_anew(due)


def test_restrict_names_what_our_own_look_does_not_see(due: str, query: Query) -> None:
    """A function of somebody who put it into our schema is ours by its place, and is not dropped in silence."""
    query(due, "CREATE VIEW report AS SELECT artwork_migration.uncounted_scans() AS scans")
    with pytest.raises(PermanentError, match="view report depends on function") as refused:
        clean_up(due)
    assert "CASCADE" in str(refused.value)
    query(due, "DROP VIEW report")


def test_all_locks_together_are_waited_for_no_longer_than_one(due: str) -> None:
    """The first table is let go of in time, another is held still: readers of the first wait for both."""
    with psycopg.connect(due) as first, psycopg.connect(due) as last:
        first.execute("LOCK TABLE artworks IN ACCESS SHARE MODE")
        last.execute("LOCK TABLE users IN ACCESS SHARE MODE")
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(clean_up, due, attempts=1, lock_timeout_ms=1_000)
            wait_for_a_waiter(due)
            first.rollback()
            with pytest.raises(TransientError) as held:
                run.result()
    given_up = held.value.__cause__
    assert given_up is not None
    assert isinstance(given_up.__cause__, psycopg.errors.QueryCanceled)
