"""The expansion: one short transaction, the same result however often it runs, and refusals by name."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from artwork_pipeline.stores import expansion, installation
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError, TransientError
from tests.integration.artwork_pipeline.sides import rename

OBJECTS = """
    SELECT oid::regclass::text, xmin::text FROM pg_class WHERE relnamespace IN
        ('public'::regnamespace, 'artwork_migration'::regnamespace)
    UNION ALL SELECT tgname, xmin::text FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT oid::regprocedure::text, xmin::text FROM pg_proc WHERE pronamespace IN
        ('public'::regnamespace, 'artwork_migration'::regnamespace)
    ORDER BY 1
"""


def expand(url):
    with session(url) as connection:
        return expansion.expand(connection, installation.recognise_source(connection), "run", log=print)


def plan(url, steps, monkeypatch):
    """Everything up to the expansion."""
    with monkeypatch.context() as patch:
        patch.setattr(expansion, "expand", lambda *_, **__: None)
        patch.setattr("artwork_pipeline.stores.backfill.create_users", lambda _: None)
        steps.prepare(url)


def test_a_second_expansion_touches_nothing(expanded, query):
    before = query(expanded, OBJECTS)
    assert expand(expanded) == expansion.Expansion(expanded=False, merged_users=0, attempts=0)
    assert query(expanded, OBJECTS) == before


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TRIGGER artwork_migration_forward ON artworks",
        "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_no_truncate",
        "DROP TRIGGER artwork_migration_artwork_id ON orders",
        "DROP TRIGGER artworks_in_form ON artworks_v2",
        "ALTER TABLE artworks_v2 DISABLE ROW LEVEL SECURITY",
        "DROP INDEX users_normalised_email",
    ],
)
def test_what_somebody_took_away_is_put_back(damage, migrated, query, steps):
    query(migrated, damage)
    assert expand(migrated).expanded
    assert expand(migrated).expanded is False
    assert steps.differences(migrated) == []


def test_row_level_security_is_on_before_the_first_row(expanded, query):
    guarded = "SELECT relname, relrowsecurity FROM pg_class WHERE relname IN ('artworks_v2', 'artwork_token_aliases')"
    assert dict(query(expanded, guarded)) == {"artworks_v2": True, "artwork_token_aliases": True}
    assert query(expanded, "SELECT count(*) FROM artworks_v2") == [(0,)]


def test_existing_users_are_registered_and_those_of_customers_anonymous(source, expanded, query):
    registered = query(source, "SELECT count(DISTINCT normalize(btrim(lower(email)), NFKC)) FROM users")[0][0]
    assert query(expanded, "SELECT count(*) FROM users WHERE NOT is_anonymous")[0][0] == registered
    customers = """
        SELECT count(*) FROM artworks_v2 v LEFT JOIN users u ON u.id = v.user_id WHERE u.id IS NULL
    """
    assert query(expanded, customers) == [(0,)]
    query(expanded, "INSERT INTO users (email) VALUES ('newcomer@example.net')")
    assert query(expanded, "SELECT is_anonymous FROM users WHERE email = 'newcomer@example.net'") == [(True,)]


def test_spellings_of_one_address_become_the_oldest_user_and_what_pointed_at_them_follows(
    source, steps, query
):
    query(source, "DELETE FROM users")
    query(source, "CREATE TABLE favourites (id serial, owner uuid REFERENCES users (id) ON DELETE CASCADE)")
    query(
        source,
        "INSERT INTO users (id, email, created_at) VALUES "
        "('00000000-0000-0000-0000-00000000000a', 'Ida@Example.net', '2024-02-02'), "
        "('00000000-0000-0000-0000-00000000000b', 'ida@example.net', '2024-01-01'), "
        "('00000000-0000-0000-0000-00000000000c', ' IDA@example.net ', NULL), "
        "('00000000-0000-0000-0000-00000000000d', 'i.da@example.net', NULL)",
    )
    query(source, "INSERT INTO favourites (owner) SELECT id FROM users")
    query(source, "UPDATE artworks SET user_id = '00000000-0000-0000-0000-00000000000a' WHERE id = "
                  "(SELECT id FROM artworks ORDER BY id LIMIT 1)")  # fmt: skip
    steps.prepare(source)
    steps.fill_all(source)

    kept = "00000000-0000-0000-0000-00000000000b"
    registered = query(source, "SELECT id::text FROM users WHERE NOT is_anonymous ORDER BY id")
    assert registered == [(kept,), ("00000000-0000-0000-0000-00000000000d",)]
    assert sorted(str(owner) for (owner,) in query(source, "SELECT owner FROM favourites")) == [
        *[kept] * 3,
        "00000000-0000-0000-0000-00000000000d",
    ]
    assert query(
        source, "SELECT merged_into::text, source ->> 'email' FROM artwork_migration.merged_users ORDER BY id"
    ) == [
        (kept, "Ida@Example.net"),
        (kept, " IDA@example.net "),
    ]
    assert query(source, "SELECT count(*) FROM artworks WHERE user_id::text = %s", kept) == [(1,)]
    assert steps.differences(source) == []


def test_two_rows_that_would_be_the_same_for_one_user_stop_the_expansion_whole(source, steps, query):
    query(source, "CREATE TABLE profiles (owner uuid PRIMARY KEY REFERENCES users (id))")
    query(source, "INSERT INTO users (email) VALUES ('twice@example.net'), ('Twice@example.net')")
    query(source, "INSERT INTO profiles SELECT id FROM users WHERE lower(email) = 'twice@example.net'")
    with pytest.raises(
        PermanentError, match=r"public.profiles: two spellings of one address cannot become one user"
    ):
        steps.prepare(source)
    assert query(source, "SELECT to_regclass('artworks_v2')") == [(None,)]
    assert query(source, "SELECT count(*) FROM users WHERE lower(email) = 'twice@example.net'") == [(2,)]


def test_the_expansion_never_waits_long_for_a_lock_and_says_who_holds_it(source, steps, query, monkeypatch):
    plan(source, steps, monkeypatch)
    monkeypatch.setattr(expansion, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(expansion, "ATTEMPTS", 2)
    told = []
    with psycopg.connect(source, application_name="nightly report") as holder:
        holder.execute("UPDATE orders SET updated_at = now()")
        with session(source) as connection, pytest.raises(TransientError, match="the expansion"):
            expansion.expand(connection, installation.recognise_source(connection), "run", log=told.append)
        holder.rollback()
    assert len(told) == 2
    assert "nightly report" in told[0]
    assert query(source, "SELECT to_regclass('artworks_v2')") == [(None,)]
    assert expand(source).expanded


def test_people_read_the_users_while_these_are_merged(source, steps, query, monkeypatch):
    plan(source, steps, monkeypatch)
    monkeypatch.setattr(expansion, "LOCK_TIMEOUT", "20s")
    query(
        source,
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN OLD; END $$",
    )
    query(source, "CREATE TRIGGER wait BEFORE DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION wait()")
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
    with psycopg.connect(source) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("SELECT pg_advisory_xact_lock(7)")
        expanding = pool.submit(expand, source)
        assert any(query(source, waits) == [(1,)] for _ in range(2000))
        with psycopg.connect(source, options="-c lock_timeout=2s") as reader:
            assert reader.execute("SELECT count(*) FROM users").fetchone() != (0,)
        holder.rollback()
        assert expanding.result().expanded
    assert query(source, "SELECT count(*) FROM users WHERE is_anonymous") == [(0,)]


def test_whoever_reads_the_users_for_long_is_told_before_the_work_is_done(source, steps, monkeypatch):
    plan(source, steps, monkeypatch)
    monkeypatch.setattr(expansion, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(expansion, "ATTEMPTS", 1)
    monkeypatch.setattr("artwork_pipeline.stores.rendering.expansion", lambda *_: "SELECT 1 / 0")
    told = []
    with psycopg.connect(source, application_name="nightly report") as holder, session(source) as connection:
        holder.execute("SELECT FROM users")
        with pytest.raises(TransientError, match="the expansion"):
            expansion.expand(connection, installation.recognise_source(connection), "run", log=told.append)
    assert "nightly report" in told[0]


def test_an_expansion_that_a_switch_over_overtook_does_nothing(migrated, query, monkeypatch):
    query(migrated, "DROP TRIGGER artwork_migration_artwork_id ON orders")
    monkeypatch.setattr(expansion, "_refuse_other_table", lambda *_: rename(migrated, switched=True))
    with pytest.raises(PermanentError, match=r"the phase is switched.*Roll back first"):
        expand(migrated)


def test_a_lost_connection_is_not_asked_again_but_told_as_a_passing_trouble(source, steps, monkeypatch):
    plan(source, steps, monkeypatch)
    monkeypatch.setattr(
        expansion,
        "_expand_once",
        lambda connection, *_: connection.execute("SELECT pg_terminate_backend(pg_backend_pid())"),
    )
    told = []
    with session(source) as connection, pytest.raises(TransientError, match="the expansion"):
        expansion.expand(connection, installation.recognise_source(connection), "run", log=told.append)
    assert told == []


def test_a_user_who_may_not_change_the_tables_is_refused_before_anything_is_tried(source):
    role = f"reader_{uuid.uuid4().hex}"
    with session(source) as connection:
        connection.execute(f"CREATE ROLE {role}")
        connection.execute(f"SET ROLE {role}")
        with pytest.raises(
            PermanentError, match=r"may not change artworks, orders, the database, users.*owner of these"
        ):
            installation.recognise_source(connection)
        connection.execute("RESET ROLE")
        connection.execute(f"DROP ROLE {role}")


def test_another_table_of_that_name_is_refused_and_left_alone(source, steps, query):
    query(source, "CREATE TABLE artworks_v2 (id uuid, pet_name integer)")
    query(source, "INSERT INTO artworks_v2 (pet_name) VALUES (7)")
    with pytest.raises(
        PermanentError, match=r"public.artworks_v2: there is another table of this name.*pet_name"
    ):
        steps.prepare(source)
    assert query(source, "SELECT pet_name FROM artworks_v2") == [(7,)]


def test_what_changes_between_plan_and_expansion_is_taken_up(source, steps, query, monkeypatch):
    plan(source, steps, monkeypatch)
    changed, deleted, promoted = (
        query(source, f"SELECT artwork_id FROM artwork_migration.plan p WHERE {which} ORDER BY 1 LIMIT 1")[0][
            0
        ]
        for which in (
            "state = 'migrated'",
            "state = 'migrated' AND EXISTS (SELECT FROM artwork_migration.plan t WHERE t.merged_into = p.artwork_id)",
            "reason = 'test_token'",
        )
    )
    query(source, "UPDATE artworks SET pet_name = 'meanwhile' WHERE id = %s", changed)
    query(source, "DELETE FROM artworks WHERE id = %s", deleted)
    query(source, "INSERT INTO admin_reviews (artwork_id) VALUES (%s)", promoted)
    query(
        source,
        "INSERT INTO artworks (original_image_url, customer_name, customer_email) "
        "VALUES ('pending', 'M', 'm@example.net')",
    )
    steps.prepare(source)
    steps.fill_all(source)
    assert steps.differences(source) == []
    state = "SELECT state FROM artwork_migration.outcomes WHERE item = %s"
    assert query(source, state, str(promoted)) == [("migrated",)]
    assert query(source, state, str(deleted)) == []


def test_an_order_index_is_made_where_there_is_none(expanded, query):
    assert query(expanded, "SELECT indexdef FROM pg_indexes WHERE indexname = 'orders_artwork_id'")


def test_who_signed_up_twice_while_the_index_was_gone_keeps_the_artworks(migrated, steps, query):
    address, user, rows = query(
        migrated,
        "SELECT u.email, u.id, array_agg(v.id) FROM users u JOIN artworks_v2 v ON v.user_id = u.id "
        "WHERE u.is_anonymous GROUP BY u.id ORDER BY 1 LIMIT 1",
    )[0]
    query(migrated, "DROP INDEX users_normalised_email")
    query(migrated, "INSERT INTO users (email, is_anonymous) VALUES (%s, false)", address.upper())
    assert expand(migrated).merged_users == 1
    assert query(migrated, "SELECT count(*) FROM users WHERE id = %s", user) == [(0,)]
    assert query(
        migrated,
        "SELECT DISTINCT u.email FROM artworks_v2 v JOIN users u ON u.id = v.user_id WHERE v.id = ANY (%s)",
        rows,
    ) == [(address.upper(),)]
    assert steps.differences(migrated) == []
