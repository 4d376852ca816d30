"""Whoever writes to the old table, with whatever rights and beside whomever: nothing of it is lost or in the way."""

import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from artwork_pipeline.artworks.months import SLICES
from tests.integration.artwork_pipeline.sides import ORDER, OUTCOME

NEW = (
    "INSERT INTO artworks (original_image_url, customer_name, customer_email, created_at) "
    "VALUES (%s, %s, %s, now()) RETURNING id"
)


def test_people_without_rights_on_the_clean_table_go_on_writing(migrated, query, steps):
    role = f"shop_{random.randrange(10**12)}"
    query(migrated, f"CREATE ROLE {role}")
    query(migrated, f"GRANT SELECT, INSERT ON artworks TO {role}")
    query(migrated, f"CREATE POLICY everything ON artworks TO {role} USING (true) WITH CHECK (true)")
    with psycopg.connect(migrated, autocommit=True) as connection:
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


def test_what_a_client_of_another_encoding_writes_is_followed_like_any_other(migrated, query, steps):
    query(
        migrated,
        "UPDATE artworks SET customer_name = '\u5c71\u7530' WHERE id = (SELECT min(id::text)::uuid FROM artworks)",
    )
    with psycopg.connect(migrated, client_encoding="latin1", autocommit=True) as connection:
        connection.execute(NEW, ["pending", "Zo\u00eb", "zoe@example.net"])
        # A name that this client could not even be shown.
        connection.execute(
            "UPDATE artworks SET pet_name = 'Rex' WHERE id = (SELECT min(id::text)::uuid FROM artworks)"
        )
        assert connection.execute("SHOW client_encoding").fetchone() == ("LATIN1",)
    assert steps.differences(migrated) == []


STEALS = "INSERT INTO public.stolen VALUES (current_user);"
DECOYS = {
    "cardinality": f"""CREATE FUNCTION public.cardinality(ids uuid[]) RETURNS integer LANGUAGE sql AS
                       $$ {STEALS} SELECT pg_catalog.cardinality(ids) $$""",
    "to_jsonb": f"""CREATE FUNCTION public.to_jsonb(anything record) RETURNS jsonb LANGUAGE plpgsql AS
                    $$ BEGIN {STEALS} RETURN '{{}}'; END $$""",
    "equals": f"""CREATE FUNCTION public.alike(a uuid[], b uuid[]) RETURNS boolean LANGUAGE sql AS
                  $$ {STEALS} SELECT false $$;
                  CREATE OPERATOR public.= (FUNCTION = public.alike, LEFTARG = uuid[], RIGHTARG = uuid[])""",
}


@pytest.mark.parametrize("decoy", DECOYS)
def test_what_somebody_puts_into_public_is_not_run_with_the_migrations_rights(decoy, migrated, query):
    query(migrated, "CREATE TABLE stolen (as_whom text)")
    query(migrated, DECOYS[decoy])
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
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []


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
                    connection.execute(ORDER.format("artworks"), [f"cs-{seed}-{turn}", row])

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write, seed) for seed in range(4)]
        filling = pool.submit(lambda: [steps.fill_month(expanded, month, batch_size=20) for month in SLICES])
        filling.result()
        for writer in writers:
            writer.result()
    steps.fill_all(expanded)
    assert steps.differences(expanded) == []
    dangling = """SELECT count(*) FROM orders
                  WHERE artwork_id IS NOT NULL AND artwork_id NOT IN (SELECT id FROM artworks_v2)"""
    assert query(expanded, dangling) == [(0,)]
