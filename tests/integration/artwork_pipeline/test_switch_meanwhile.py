"""What others do while the tables change their names: readers, writers, holders of locks, other runs, and a kill."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import exchange, indexes, locks, phase, switching
from artwork_pipeline.stores.preparation import smoke_test
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline import shop
from tests.integration.artwork_pipeline.shop import hanging, phase_of, the_same


@contextmanager
def reading(url, statements=("SELECT * FROM artworks LIMIT 1",)):
    """Readers who never stop, one for each statement; what they met."""
    stop, met = threading.Event(), {"reads": 0, "failed": [], "longest": 0.0}

    def read(statement):
        with psycopg.connect(
            url, autocommit=True, prepare_threshold=None, options="-c statement_timeout=10s"
        ) as connection:
            while not stop.wait(0.005):
                began = time.perf_counter()
                try:
                    connection.execute(statement).fetchall()
                except psycopg.Error as error:
                    met["failed"].append(str(error))
                met["reads"] += 1
                met["longest"] = max(met["longest"], time.perf_counter() - began)

    threads = [threading.Thread(target=read, args=(one,)) for one in statements]
    for one in threads:
        one.start()
    try:
        yield met
    finally:
        stop.set()
        for one in threads:
            one.join()


READS = (
    "SELECT id, customer_email, generation_status FROM artworks LIMIT 5",
    "SELECT count(*) FROM paid_artworks_of_customers",
    "SELECT artworks_in_work()",
)


def test_no_read_fails_while_the_tables_change_their_names(backed_up):
    with reading(backed_up, READS) as met:
        shop.switch(backed_up)
        shop.roll_back(backed_up)
    assert met["failed"] == []
    assert met["reads"] > 10


def test_who_holds_a_table_is_named_and_readers_do_not_wait_for_the_switch(backed_up):
    with psycopg.connect(backed_up, application_name="the long report") as holder, reading(backed_up) as met:
        holder.execute("SELECT count(*) FROM artworks")
        pid = holder.info.backend_pid
        with pytest.raises(switching.LocksNotGrantedError) as refused:
            shop.switch(backed_up, attempts=3, lock_timeout_ms=100)
    assert f"pid {pid} (shop_owner, the long report, idle in transaction)" in str(refused.value)
    assert met["failed"] == []
    assert met["longest"] < 5
    assert phase_of(backed_up) is Phase.EXPANDED


def test_once_the_long_reader_ends_the_next_attempt_goes_through(backed_up):
    told = []
    with psycopg.connect(backed_up) as holder:
        holder.execute("SELECT count(*) FROM artworks")

        def log(line):
            told.append(line)
            holder.rollback()

        outcome = shop.switch(backed_up, lock_timeout_ms=100, log=log)
    assert outcome.attempts == len(told) + 1 == 2


def test_what_is_written_between_the_comparison_and_the_locks_is_compared_under_them(
    backed_up, query, monkeypatch
):
    inside = switching.exchange

    def written_meanwhile(*arguments):
        query(
            backed_up,
            "UPDATE artworks SET pet_name = 'late' WHERE id = (SELECT min(id::text)::uuid FROM artworks)",
        )
        monkeypatch.setattr(switching, "exchange", inside)
        return inside(*arguments)

    monkeypatch.setattr(switching, "exchange", written_meanwhile)
    assert shop.switch(backed_up).touched_rows == 1


def test_what_was_written_past_the_triggers_meanwhile_stops_it_under_the_locks(
    backed_up, query, monkeypatch, unseen
):
    inside = switching.exchange

    def written_meanwhile(*arguments):
        query(
            backed_up,
            "UPDATE artworks SET pet_name = 'late' WHERE id = (SELECT min(id::text)::uuid FROM artworks)",
        )
        query(backed_up, "UPDATE artwork_migration.plan SET source_hash = 'other' "
                         "WHERE artwork_id = (SELECT min(id::text)::uuid FROM artworks)")  # fmt: skip
        return inside(*arguments)

    monkeypatch.setattr(switching, "exchange", written_meanwhile)
    with pytest.raises(PermanentError, match="rows written since both tables were compared are not the same"):
        shop.switch(backed_up)
    assert phase_of(backed_up) is Phase.EXPANDED


def test_what_comes_to_hang_there_meanwhile_is_looked_at_before_the_next_attempt(
    backed_up, query, monkeypatch
):
    inside, told = switching.exchange, []

    def made_meanwhile(*arguments):
        query(
            backed_up,
            "CREATE TRIGGER late AFTER UPDATE ON artworks FOR EACH ROW EXECUTE FUNCTION announce_artwork()",
        )
        monkeypatch.setattr(switching, "exchange", inside)
        return inside(*arguments)

    monkeypatch.setattr(switching, "exchange", made_meanwhile)
    outcome = shop.switch(backed_up, log=told.append)
    assert outcome.attempts == 2
    assert "trigger late" in told[0]
    assert "trigger late" in hanging(backed_up)


@pytest.mark.parametrize("place", ["_off", "_on", "_details"])
def test_killed_anywhere_under_the_locks_nothing_is_changed_and_the_next_start_goes_through(place, backed_up):
    before, inside = hanging(backed_up), getattr(exchange, place)

    def killed(*arguments):
        connection = next((one for one in arguments if isinstance(one, psycopg.Connection)), None)
        if connection is not None:
            with psycopg.connect(backed_up, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        else:
            raise KeyboardInterrupt
        return inside(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, place, killed)
        with pytest.raises((Exception, KeyboardInterrupt)):
            shop.switch(backed_up)
    assert phase_of(backed_up) is Phase.EXPANDED
    assert the_same(before, hanging(backed_up)) == {}
    assert shop.switch(backed_up) is not None
    assert shop.switch(backed_up) is None


def test_of_two_who_switch_over_at_once_one_does_it_and_neither_fails(backed_up):
    outcomes, failed = [], []

    def run():
        try:
            outcomes.append(shop.switch(backed_up))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    assert sorted(one is None for one in outcomes) == [False, True]
    with session(backed_up) as connection:
        assert [one.to_phase for one in phase.history(connection)] == [Phase.EXPANDED, Phase.SWITCHED]


def _before_the_exchange(monkeypatch, do):
    """Do something once, after all was looked at and before anything is locked."""
    inside = switching.exchange

    def meanwhile(*arguments):
        do()
        monkeypatch.setattr(switching, "exchange", inside)
        return inside(*arguments)

    monkeypatch.setattr(switching, "exchange", meanwhile)


def test_a_view_that_is_made_otherwise_meanwhile_stays_as_it_was_made(backed_up, query, monkeypatch):
    changed = (
        "CREATE OR REPLACE VIEW paid_artworks_of_customers AS "
        "SELECT customer_email, 7::bigint AS artworks FROM artworks"
    )
    _before_the_exchange(monkeypatch, lambda: query(backed_up, changed))
    assert shop.switch(backed_up).attempts == 2
    assert query(backed_up, "SELECT DISTINCT artworks FROM paid_artworks_of_customers") == [(7,)]


def test_a_view_that_is_made_meanwhile_goes_along(backed_up, query, monkeypatch):
    made = "CREATE VIEW late AS SELECT artworks.pet_name FROM paid_artworks JOIN artworks USING (id)"
    _before_the_exchange(monkeypatch, lambda: query(backed_up, made))
    assert shop.switch(backed_up).attempts == 2
    assert "view public.late" in hanging(backed_up)


def test_a_view_that_is_dropped_meanwhile_is_not_missed(backed_up, query, monkeypatch):
    _before_the_exchange(
        monkeypatch, lambda: query(backed_up, "DROP VIEW paid_artworks_of_customers, paid_artworks")
    )
    assert shop.switch(backed_up).attempts == 2


def test_an_index_that_is_made_meanwhile_is_made_on_the_clean_table_as_well(backed_up, query, monkeypatch):
    _before_the_exchange(monkeypatch, lambda: query(backed_up, "CREATE INDEX late ON artworks (pet_name)"))
    assert "index btree (pet_name)" in shop.switch(backed_up).indexes_made


def test_what_comes_to_point_at_artworks_meanwhile_is_not_forgotten(backed_up, query, monkeypatch):
    _before_the_exchange(monkeypatch, lambda: query(backed_up, "CREATE TABLE late (artwork_id uuid)"))
    with pytest.raises(PermanentError, match=r"triggers: public\.artworks"):
        shop.switch(backed_up)
    assert phase_of(backed_up) is Phase.EXPANDED


def test_all_locks_together_are_waited_for_no_longer_than_one(backed_up):
    waits = ["SELECT pg_sleep(0.06)"] * 3
    with (
        session(backed_up) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
        connection.transaction(),
    ):
        locks.take(connection, waits, within_ms=130)


def test_functions_that_read_for_long_are_stopped_and_called_last(backed_up, query):
    query(backed_up, """
        CREATE FUNCTION a_slow_one() RETURNS bigint LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.2); RETURN (SELECT count(*) FROM artworks); END $$;
        CREATE FUNCTION b_slow_one() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM artworks, pg_sleep(0.2)'
    """)  # fmt: skip
    functions = [one for one in hanging(backed_up).values() if one.kind == "function"]
    with session(backed_up) as connection:
        alone = smoke_test(connection, functions)
        slow = {one.key for one in alone if one.was_stopped}
        assert slow == {"function public.a_slow_one()", "function public.b_slow_one()"}
        told = smoke_test(connection, functions, together_ms=40, last=slow)
    assert [one.key for one in told] == sorted(slow)
    assert "not called" in told[-1].message


def test_an_index_that_rows_break_is_taken_away_without_anybody_waiting(backed_up, query):
    query(backed_up, "CREATE UNIQUE INDEX once ON artworks (id, customer_name)")
    wanted = indexes.missing(hanging(backed_up), hanging(backed_up, "public.artworks_v2"))
    broken = next(one for one in wanted if one.detail["own_name"] == "once")
    broken = replace(
        broken, definition="CREATE UNIQUE INDEX once ON public.artworks USING btree (generation_status)"
    )
    failed = []

    def make():
        try:
            with session(backed_up) as connection:
                indexes.make(connection, [broken], "artworks_v2")
        except PermanentError as wrong:
            failed.append(wrong)

    with psycopg.connect(backed_up) as holder:
        # Reads of it began already; writes are still to come.
        holder.execute("SELECT count(*) FROM artworks_v2")
        run = threading.Thread(target=make)
        run.start()
        with reading(backed_up, ["SELECT count(*) FROM artworks_v2"]) as met:
            run.join(1)
        assert met["failed"] == []
        holder.rollback()
    run.join()
    assert "it is unique" in str(failed[0])
    assert query(backed_up, "SELECT count(*) FROM pg_class WHERE relname LIKE '%once%'") == [(1,)]
