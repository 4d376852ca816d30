"""On a database like Supabase's: an owner who is no superuser, its roles, and rights that new tables get by default."""

import psycopg
import pytest

from artwork_pipeline.artworks.months import SLICES
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import shop

# What Supabase's databases are made with.
AS_ON_SUPABASE = """
    GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
"""


def fill(url: str) -> None:
    owner = shop.owned(url)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(AS_ON_SUPABASE)
    artworks.fill({"ARTWORK_DATABASE_URL": owner}, rows=200)


@pytest.fixture
def supabase(clones) -> str:
    """A source in the hands of its owner, on a server with Supabase's roles."""
    shop.make_roles(clones.server.url)
    return shop.owned(clones.of("supabase", fill))


@pytest.fixture
def as_role(clones, query):
    """Run statements as one of the roles, as PostgREST does."""

    def run(url: str, role: str, *statements: str):
        superuser = clones.server.url.rsplit("/", 1)[0] + "/" + url.rsplit("/", 1)[1]
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else cursor.rowcount

    return run


def test_the_whole_migration_runs_as_a_plain_owner(supabase, pipeline_of, query, steps):
    assert query(supabase, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]
    pipeline = pipeline_of(supabase)
    assert pipeline.prepare().success
    steps.fill_all(supabase)
    assert pipeline.month("2025-01").success
    shop.pass_verification(supabase, *(name for name in SLICES if name != "2025-01"))
    assert pipeline.report().success
    assert pipeline.run("parallel_run", "state").success
    assert steps.differences(supabase) == []


def test_postgrest_is_told_of_the_new_tables(supabase, steps):
    with psycopg.connect(supabase, autocommit=True) as listener:
        listener.execute("LISTEN pgrst")
        steps.prepare(supabase)
        told = {one.payload for one in listener.notifies(timeout=10, stop_after=1)}
    assert told == {"reload schema"}


def test_nobody_but_the_service_sees_a_row_of_the_new_tables(supabase, steps, as_role):
    steps.prepare(supabase)
    steps.fill_all(supabase)
    for table in ("artworks_v2", "artwork_token_aliases"):
        for role in ("anon", "authenticated"):
            assert as_role(supabase, role, f"SELECT * FROM public.{table}") == []
            assert as_role(supabase, role, f"DELETE FROM public.{table}") == 0
        assert as_role(supabase, "service_role", f"SELECT * FROM public.{table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(
            supabase,
            "anon",
            "INSERT INTO public.artwork_token_aliases SELECT 'x', gen_random_uuid(), now()",
        )
    with pytest.raises(psycopg.Error, match="TRUNCATE"):
        as_role(supabase, "anon", "TRUNCATE public.artworks_v2 CASCADE")
    for role in ("anon", "authenticated", "service_role"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="artwork_migration"):
            as_role(supabase, role, "SELECT * FROM artwork_migration.plan")


def test_what_the_service_and_a_user_write_reaches_the_new_table(supabase, steps, as_role, query):
    steps.prepare(supabase)
    steps.fill_all(supabase)
    insert = (
        "INSERT INTO artworks (original_image_url, customer_name, customer_email)"
        " VALUES ('x', 'Ida', 'Ida@Example.net') RETURNING id"
    )
    ((made,),) = as_role(supabase, "service_role", insert)
    assert query(supabase, "SELECT customer_email FROM artworks_v2 WHERE id = %s", made) == [
        ("ida@example.net",)
    ]

    ((owned, user),) = query(
        supabase, "SELECT a.id, a.user_id FROM artworks a WHERE a.user_id IS NOT NULL ORDER BY a.id LIMIT 1"
    )
    changed = as_role(
        supabase,
        "authenticated",
        f"SET request.jwt.claim.sub = '{user}'",
        f"UPDATE artworks SET pet_name = 'Renamed' WHERE id = '{owned}'",
    )
    assert changed == 1
    assert query(supabase, "SELECT pet_name FROM artworks_v2 WHERE id = %s", owned) == [("Renamed",)]
    assert steps.differences(supabase) == []
