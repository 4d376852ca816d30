"""People who write to the old table while it is migrated: everything they do reaches the clean one."""

import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from artwork_pipeline.artworks.months import SLICES

NEW = (
    "INSERT INTO artworks (original_image_url, customer_name, customer_email, created_at) "
    "VALUES (%s, %s, %s, now()) RETURNING id"
)
OUTCOME = "SELECT state, reason FROM artwork_migration.outcomes WHERE item = %s"


@pytest.fixture(params=["expanded", "migrated"])
def database(request):
    """Before the backfill and after it."""
    return request.getfixturevalue(request.param)


def a_row(query, url, state, reason=None):
    return query(
        url,
        "SELECT artwork_id FROM artwork_migration.plan p JOIN artworks a ON a.id = p.artwork_id "
        "WHERE state = %s AND reason IS NOT DISTINCT FROM %s AND access_token IS NOT NULL ORDER BY 1 LIMIT 1",
        state,
        reason,
    )[0][0]


def settled(url, steps):
    steps.fill_all(url)
    return steps.differences(url)


def test_a_new_artwork_is_in_the_clean_table_with_a_user_and_a_token_at_once(database, query, steps):
    new = query(database, NEW, "pending", "New Customer", "  New.Customer+tag@Example.net ")[0][0]
    row = query(
        database,
        "SELECT v.customer_email, u.email, u.is_anonymous, length(access_token) FROM artworks_v2 v "
        "JOIN users u ON u.id = v.user_id WHERE v.id = %s",
        new,
    )
    address = "new.customer+tag@example.net"
    assert row == [(address, address, True, 64)]
    assert settled(database, steps) == []


def test_an_update_is_followed_to_the_last_column(database, query, steps):
    row = a_row(query, database, "migrated")
    query(
        database,
        "UPDATE artworks SET pet_name = '', upscaled_image_url = 'https://img.example.org/paid.png', "
        "upscale_status = 'completed', upscaled_at = now(), mockup_urls = '{\"a\": 1.00}', token_expires_at = NULL, "
        "customer_email = 'other@example.net' WHERE id = %s",
        row,
    )
    found = query(
        database,
        "SELECT pet_name, upscaled_image_url, upscale_status, mockup_urls::text, u.email FROM artworks_v2 v "
        "JOIN users u ON u.id = v.user_id WHERE v.id = %s",
        row,
    )
    assert found == [
        ("", "https://img.example.org/paid.png", "completed", '{"a": 1.00}', "other@example.net")
    ]
    assert settled(database, steps) == []


def test_a_deleted_artwork_is_not_revived_and_its_twin_is_a_row_of_its_own_again(database, query, steps):
    twin = a_row(query, database, "merged")
    survivor = query(database, "SELECT merged_into FROM artwork_migration.plan WHERE artwork_id = %s", twin)[
        0
    ][0]
    query(database, "DELETE FROM artworks WHERE id = %s", survivor)

    assert query(database, "SELECT count(*) FROM artworks_v2 WHERE id = %s", survivor) == [(0,)]
    assert query(database, OUTCOME, str(survivor)) == []
    assert query(database, OUTCOME, str(twin)) == [("migrated", None)]
    opened = (
        "SELECT v.id FROM artworks_v2 v JOIN artworks a ON a.access_token = v.access_token WHERE a.id = %s"
    )
    assert query(database, opened, twin) == [(twin,)]
    assert settled(database, steps) == []


def test_a_twin_that_is_finished_after_all_is_a_row_of_its_own(database, query, steps):
    twin = a_row(query, database, "merged")
    query(
        database,
        "UPDATE artworks SET generated_image_url = 'https://img.example.org/late.png', generation_status = 'completed' "
        "WHERE id = %s",
        twin,
    )
    assert query(database, OUTCOME, str(twin)) == [("migrated", None)]
    assert settled(database, steps) == []


def test_a_twin_whose_token_is_extended_stays_a_twin_and_its_alias_follows(database, query, steps):
    twin = a_row(query, database, "merged")
    query(
        database,
        "UPDATE artworks SET access_token = 'renewed', token_expires_at = '2040-01-01' WHERE id = %s",
        twin,
    )
    assert query(database, OUTCOME, str(twin)) == [("merged", None)]
    alias = "SELECT count(*) FROM artwork_token_aliases WHERE token = 'renewed' AND expires_at = '2040-01-01'"
    assert query(database, alias) == [(1,)]
    assert settled(database, steps) == []


@pytest.mark.parametrize(("state", "reason"), [("quarantined", "test_prefix"), ("merged", None)])
def test_an_order_makes_a_row_that_was_set_aside_a_real_one(state, reason, database, query, steps):
    row = a_row(query, database, state, reason)
    query(
        database,
        "INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, customer_name) "
        "VALUES (%s, 'cs_live', 'digital', 1900, 'a@example.net', 'A')",
        row,
    )
    assert query(database, "SELECT count(*) FROM artworks_v2 WHERE id = %s", row) == [(1,)]
    assert settled(database, steps) == []


def test_a_test_row_that_comes_live_is_quarantined_and_leaves_when_it_is_corrected(database, query, steps):
    new = query(database, NEW, "TEST-live.jpg", "Somebody", "somebody@example.net")[0][0]
    assert query(database, OUTCOME, str(new)) == [("quarantined", "test_prefix")]
    query(
        database,
        "UPDATE artworks SET original_image_url = 'https://img.example.org/real.jpg' WHERE id = %s",
        new,
    )
    assert query(database, OUTCOME, str(new)) == [("migrated", None)]
    assert settled(database, steps) == []


def test_a_migrated_row_that_begins_to_look_like_a_test_stays_migrated(database, query, steps):
    row = a_row(query, database, "migrated")
    query(database, "UPDATE artworks SET original_image_url = 'test-now' WHERE id = %s", row)
    assert query(database, OUTCOME, str(row)) == [("migrated", None)]
    steps.prepare(database)
    assert settled(database, steps) == []


def test_twins_that_come_live_are_both_migrated_and_stay_so(database, query, steps):
    pair = [query(database, NEW, "pending", "Live Twin", "live@example.net")[0][0] for _ in range(2)]
    query(
        database,
        "UPDATE artworks SET generated_image_url = 'https://img.example.org/x.png' WHERE id = %s",
        pair[0],
    )
    steps.prepare(database)
    assert settled(database, steps) == []
    assert [query(database, OUTCOME, str(row)) for row in pair] == [[("migrated", None)]] * 2


def test_an_artwork_that_changes_its_id_takes_everything_along(database, query, steps):
    row = query(
        database,
        "SELECT artwork_id FROM artwork_migration.plan p WHERE state = 'migrated' AND NOT EXISTS "
        "(SELECT FROM artwork_migration.referenced() r WHERE r.artwork_id = p.artwork_id) ORDER BY 1 LIMIT 1",
    )[0][0]
    query(database, "UPDATE artworks SET id = '00000000-0000-0000-0000-000000000000' WHERE id = %s", row)
    assert query(database, "SELECT count(*) FROM artworks_v2 WHERE id = %s", row) == [(0,)]
    assert settled(database, steps) == []


def test_a_row_that_loses_its_customer_is_set_aside_and_breaks_nothing(database, query, steps):
    query(database, "ALTER TABLE artworks ALTER customer_email DROP NOT NULL")
    twin = a_row(query, database, "merged")
    survivor = query(database, "SELECT merged_into FROM artwork_migration.plan WHERE artwork_id = %s", twin)[
        0
    ][0]
    query(database, "DELETE FROM orders WHERE artwork_id = %s", survivor)
    query(database, "DELETE FROM admin_reviews WHERE artwork_id = %s", survivor)
    query(database, "UPDATE artworks SET customer_email = NULL WHERE id = %s", survivor)
    assert query(database, OUTCOME, str(survivor)) == [("quarantined", "no_customer_email")]
    assert query(database, OUTCOME, str(twin)) == [("migrated", None)]
    assert settled(database, steps) == []


def test_truncate_is_refused_while_the_migration_is_there(database, query):
    with pytest.raises(psycopg.errors.RaiseException, match=r"TRUNCATE of public\.artworks is refused"):
        query(database, "TRUNCATE artworks CASCADE")
    with pytest.raises(psycopg.errors.RaiseException, match=r"TRUNCATE of public\.artworks is refused"):
        query(database, "TRUNCATE users CASCADE")


def test_people_without_rights_on_the_clean_table_go_on_writing(database, query, steps):
    role = f"shop_{random.randrange(10**12)}"
    query(database, f"CREATE ROLE {role}")
    query(database, f"GRANT SELECT, INSERT ON artworks TO {role}")
    query(database, f"CREATE POLICY everything ON artworks TO {role} USING (true) WITH CHECK (true)")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")
        new = connection.execute(NEW, ["pending", "Role", "role@example.net"]).fetchone()[0]
        connection.execute("RESET ROLE")
        assert connection.execute(OUTCOME, [str(new)]).fetchall() == [("migrated", None)]
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


def test_triggers_of_the_installation_find_their_own_names(expanded, query, steps):
    query(expanded, "CREATE TABLE audit (id uuid)")
    query(
        expanded,
        "CREATE FUNCTION remember_user() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END $$",
    )
    query(
        expanded,
        "CREATE TRIGGER remember AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION remember_user()",
    )
    query(expanded, NEW, "pending", "Audited", "audited@example.net")
    assert query(expanded, "SELECT email FROM users JOIN audit USING (id)") == [("audited@example.net",)]


def test_what_a_client_of_another_encoding_writes_is_followed_like_any_other(database, query, steps):
    query(
        database,
        "UPDATE artworks SET customer_name = '\u5c71\u7530' WHERE id = (SELECT min(id::text)::uuid FROM artworks)",
    )
    with psycopg.connect(database, client_encoding="latin1", autocommit=True) as connection:
        connection.execute(NEW, ["pending", "Zo\u00eb", "zoe@example.net"])
        # A name that this client could not even be shown.
        connection.execute(
            "UPDATE artworks SET pet_name = 'Rex' WHERE id = (SELECT min(id::text)::uuid FROM artworks)"
        )
        assert connection.execute("SHOW client_encoding").fetchone() == ("LATIN1",)
    assert settled(database, steps) == []


def test_a_function_that_somebody_puts_into_public_is_not_run_with_the_migrations_rights(migrated, query):
    query(migrated, "CREATE TABLE stolen (as_whom text)")
    query(
        migrated,
        "CREATE FUNCTION public.cardinality(ids uuid[]) RETURNS integer LANGUAGE sql AS "
        "$$ INSERT INTO public.stolen VALUES (current_user); SELECT pg_catalog.cardinality(ids) $$",
    )
    query(migrated, NEW, "pending", "New Customer", "new@example.net")
    assert query(migrated, "SELECT * FROM stolen") == []


def test_a_customer_is_not_shot_in_a_deadlock_with_the_backfill(expanded, steps, query):
    """The customer holds a twin and wants the other row; the backfill holds that one and wants the twin."""
    survivor, between, twin = query(
        expanded,
        "SELECT p.merged_into, x.artwork_id, p.artwork_id FROM artwork_migration.plan p JOIN artwork_migration.plan x "
        "ON x.partition = p.partition AND x.artwork_id > p.merged_into AND x.artwork_id < p.artwork_id "
        "WHERE p.state = 'merged' AND p.partition = '2025-03' ORDER BY 3, 2 LIMIT 1",
    )[0]
    waiting = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                 AND query LIKE %s"""

    def wait_for(what):
        assert any(query(expanded, waiting, what) == [(1,)] for _ in range(2000)), what

    with psycopg.connect(expanded) as holder, ThreadPoolExecutor(2) as pool:
        holder.execute("SELECT FROM artworks WHERE id = %s FOR UPDATE", [between])
        filling = pool.submit(steps.fill_month, expanded, "2025-03")
        wait_for("%%backfill_batch%%")
        customer = pool.submit(query, expanded, "UPDATE artworks SET pet_name = 'Rex' WHERE id = %s", twin)
        wait_for("UPDATE artworks%%")
        holder.rollback()
        customer.result()
        filling.result()
    assert query(expanded, "SELECT pet_name FROM artworks WHERE id = %s", twin) == [("Rex",)]
    assert query(expanded, OUTCOME, str(survivor)) == [("migrated", None)]
    assert settled(expanded, steps) == []


def test_four_people_who_write_through_the_whole_backfill_lose_nothing(expanded, query, steps):
    rows = [row for (row,) in query(expanded, "SELECT id FROM artworks ORDER BY id")]

    def write(seed):
        chance = random.Random(seed)
        with psycopg.connect(expanded, autocommit=True) as connection:
            for turn in range(60):
                row, what = chance.choice(rows), chance.randrange(10)
                if what < 5:
                    connection.execute(
                        "UPDATE artworks SET pet_name = %s WHERE id = %s", [f"{seed}-{turn}", row]
                    )
                elif what < 7:
                    connection.execute(NEW, ["pending", f"Writer {seed}", f"Writer{turn % 7}@Example.net"])
                elif what < 8:
                    connection.execute("DELETE FROM artworks WHERE id = %s", [row])
                else:
                    connection.execute(
                        "INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, "
                        "customer_name) SELECT id, %s, 'digital', 1, 'a@example.net', 'A' FROM artworks WHERE id = %s",
                        [f"cs-{seed}-{turn}", row],
                    )

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write, seed) for seed in range(4)]
        filling = pool.submit(lambda: [steps.fill_month(expanded, month, batch_size=20) for month in SLICES])
        filling.result()
        for writer in writers:
            writer.result()
    assert settled(expanded, steps) == []
    dangling = """SELECT count(*) FROM orders
                  WHERE artwork_id IS NOT NULL AND artwork_id NOT IN (SELECT id FROM artworks_v2)"""
    assert query(expanded, dangling) == [(0,)]
