"""The switch-over, the rollback and the switch-over again, by a plain owner, with all that hangs there.

What others do meanwhile stands in `test_switch_meanwhile`.
"""

import psycopg

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import phase, switching
from artwork_pipeline.stores.sessions import session
from local_stack.servers import postgres
from tests.integration.artwork_pipeline import shop
from tests.integration.artwork_pipeline.shop import hanging, phase_of, the_same


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
