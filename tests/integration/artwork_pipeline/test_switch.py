"""The switch-over, the rollback and the switch-over again, by a plain owner, with all that hangs there."""

import threading
import time
from contextlib import contextmanager

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import census, phase, switching
from artwork_pipeline.stores.sessions import session
from local_stack.servers import postgres
from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline import shop

SERVED = "public.artworks"


def hanging(url, table=SERVED):
    with session(url) as connection:
        own = census.own_names(connection, switching_source(connection))
        return census.census(connection, table, own)


def switching_source(connection):
    from artwork_pipeline.stores.installation import recognise_source

    return recognise_source(connection)


def phase_of(url):
    with session(url) as connection:
        return phase.current(connection)


def the_same(before, after):
    """What differs between two censuses, but for indexes that the clean table has besides."""
    return {
        key: how
        for key, how in census.differences(before, after).items()
        if not key.startswith("index ") and not (how == "new" and key.startswith("index"))
    }


def test_all_that_hung_on_the_old_table_hangs_on_the_clean_one_and_nothing_on_the_old(backed_up, query):
    before = hanging(backed_up)
    outcome = shop.switch(backed_up)

    assert the_same(before, hanging(backed_up)) == {}
    assert outcome.told == ()
    assert {key.partition(" ")[0] for key in hanging(backed_up, "public.artworks_v1")} <= {
        "policy", "grant", "comment", "index", "function",
    }  # fmt: skip
    assert query(backed_up, "SELECT count(*) FROM information_schema.columns WHERE table_name = 'artworks' "
                            "AND column_name = 'generation_params'") == [(1,)]  # fmt: skip
    assert phase_of(backed_up) is Phase.SWITCHED


def test_names_of_indexes_and_constraints_follow_their_tables_there_and_back(backed_up, query):
    named = (
        "SELECT conname::text FROM pg_constraint WHERE conrelid = '{0}'::regclass "
        "UNION ALL SELECT relname::text FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid "
        "WHERE indrelid = '{0}'::regclass ORDER BY 1"
    )
    before = query(backed_up, named.format("artworks"))
    shop.switch(backed_up)
    assert not [name for (name,) in query(backed_up, named.format("artworks")) if "_v" in name]
    assert all("_v1" in name for (name,) in query(backed_up, named.format("artworks_v1")))
    shop.roll_back(backed_up)
    assert query(backed_up, named.format("artworks")) == before
    assert all("_v2" in name for (name,) in query(backed_up, named.format("artworks_v2")))


def test_switched_rolled_back_and_switched_again_without_losing_what_was_written(backed_up, query, steps):
    before = hanging(backed_up)
    shop.switch(backed_up)
    query(backed_up, "UPDATE artworks SET pet_name = 'Written on the clean one' "
                     "WHERE id = (SELECT min(id::text)::uuid FROM artworks)")  # fmt: skip
    shop.roll_back(backed_up)
    assert query(backed_up, "SELECT count(*) FROM artworks WHERE pet_name = 'Written on the clean one'") == [
        (1,)
    ]
    assert the_same(before, hanging(backed_up)) == {}
    query(backed_up, "UPDATE artworks SET pet_name = 'Written on the old one' "
                     "WHERE pet_name = 'Written on the clean one'")  # fmt: skip
    shop.switch(backed_up)
    assert query(backed_up, "SELECT count(*) FROM artworks WHERE pet_name = 'Written on the old one'") == [
        (1,)
    ]
    assert the_same(before, hanging(backed_up)) == {}
    assert steps.differences(backed_up) == []


def test_a_rollback_restores_what_was_made_otherwise_for_the_clean_table(backed_up, query):
    query(backed_up, "CREATE VIEW originals AS SELECT id, original_image_url FROM artworks")
    key = "view public.originals"
    before = hanging(backed_up)[key].definition
    given = (
        "CREATE OR REPLACE VIEW public.originals AS SELECT id, legacy ->> 'original_image_url' AS original_image_url "
        "FROM public.artworks"
    )
    assert shop.switch(backed_up, replacements={key: given}).changed[key] == "changed"
    assert query(backed_up, "SELECT count(*) > 100 FROM originals WHERE original_image_url IS NOT NULL") == [
        (True,)
    ]
    shop.roll_back(backed_up)
    assert hanging(backed_up)[key].definition == before
    # The SQL that was given once is remembered for the next time.
    assert shop.switch(backed_up).changed[key] == "changed"


def test_a_dependent_that_is_given_up_stays_on_the_old_table(backed_up, query):
    query(backed_up, "CREATE VIEW originals AS SELECT id, original_image_url FROM artworks")
    shop.switch(backed_up, replacements={"view public.originals": ""})
    assert "view public.originals" in hanging(backed_up, "public.artworks_v1")
    shop.roll_back(backed_up)
    assert "view public.originals" in hanging(backed_up)


def test_foreign_keys_are_not_valid_at_first_and_validated_afterwards(backed_up):
    shop.switch(backed_up)
    with session(backed_up) as connection:
        waiting = switching.unvalidated(connection)
        assert waiting == ["admin_reviews.admin_reviews_artwork_id_fkey", "orders.orders_artwork_id_fkey"]
        assert switching.validate(connection, log=print) == waiting
        assert switching.validate(connection, log=print) == []


def test_the_blocking_window_and_who_did_it_are_kept(backed_up):
    outcome = shop.switch(backed_up)
    with session(backed_up) as connection:
        last = phase.history(connection)[-1]
    assert (last.from_phase, last.to_phase, last.by, last.run_id) == ("expanded", "switched", "tests", "run")
    assert 0 < last.blocking_ms == outcome.blocking_ms < 1000 * last.seconds
    assert last.details["definitions"]["trigger artworks_touch"].startswith(
        "CREATE TRIGGER artworks_touch BEFORE"
    )


def test_postgrest_is_told_to_read_the_schema_again(backed_up):
    with psycopg.connect(backed_up, autocommit=True) as listener:
        listener.execute("LISTEN pgrst")
        shop.switch(backed_up)
        told = next(listener.notifies(timeout=10))
    assert told.payload == "reload schema"


def test_the_roles_of_supabase_see_after_it_what_they_saw_before(backed_up, query, servers):
    owner = query(backed_up, "SELECT user_id FROM artworks_v2 WHERE user_id IS NOT NULL LIMIT 1")[0][0]
    query(backed_up, f"UPDATE artworks SET user_id = '{owner}' WHERE id IN "
                     f"(SELECT id FROM artworks_v2 WHERE user_id = '{owner}')")  # fmt: skip

    def seen():
        return {
            role: _seen_by(
                postgres.database_url(servers["postgres"], backed_up.rsplit("/", 1)[1]), role, str(owner)
            )
            for role in ("anon", "authenticated", "service_role")
        }

    before = seen()
    assert set(before["anon"].values()) == {"refused"}
    assert before["authenticated"]["artworks"] > 0
    assert before["authenticated"]["update"] == before["authenticated"]["artworks"]
    assert before["service_role"]["artworks"] > before["authenticated"]["artworks"]
    shop.switch(backed_up)
    after = seen()
    # The service sees every row: the old table has those that were set aside, too.
    assert after["service_role"]["artworks"] < before["service_role"]["artworks"]
    for one in (before, after):
        one["service_role"].pop("artworks")
        one["service_role"].pop("update")
    assert after == before
    shop.roll_back(backed_up)
    assert seen()["authenticated"] == before["authenticated"]


def _seen_by(url, role, user):
    asked = {
        "artworks": "SELECT count(*) FROM artworks",
        "update": "WITH changed AS (UPDATE artworks SET pet_name = pet_name WHERE user_id IS NOT NULL RETURNING 1) "
        "SELECT count(*) FROM changed",
        "token": "SELECT count(*) FROM find_artwork_by_token((SELECT token FROM known))",
        "view": "SELECT count(*) > 0 FROM paid_artworks",
    }
    found = {}
    with psycopg.connect(url) as connection:
        token = connection.execute(
            "SELECT access_token FROM artworks "
            "WHERE token_expires_at > now() AND access_token > '' ORDER BY 1 LIMIT 1"
        ).fetchone()
        connection.execute("CREATE TEMP TABLE known AS SELECT %s::text AS token", token)
        connection.execute(f"GRANT SELECT ON known TO {role}")
        connection.execute("SELECT set_config('request.jwt.claim.sub', %s, false)", [user])
        connection.execute(f"SET ROLE {role}")
        for name, statement in asked.items():
            try:
                with connection.transaction(force_rollback=True):
                    found[name] = connection.execute(statement).fetchone()[0]
            except psycopg.errors.InsufficientPrivilege:
                found[name] = "refused"
        connection.rollback()
    return found


@contextmanager
def reading(url, statements=("SELECT * FROM artworks LIMIT 1",)):
    """Readers who never stop, one for each statement; what they met."""
    stop, met = threading.Event(), {"reads": 0, "failed": [], "longest": 0.0}

    def read(statement):
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
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
    from artwork_pipeline.stores import exchange

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
