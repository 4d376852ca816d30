"""What is published for the application: who may call it, whose names it takes, and that it goes without a trace."""

import uuid

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase, tables_of
from artwork_pipeline.stores import published
from artwork_pipeline.stores.published import FUNCTIONS, VIEW
from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline import shop

CREATE = "SELECT id, access_token FROM create_artwork(%s, %s, %s, %s, %s)"
NEW = ("Ida", "ida@example.net", "Rex", "https://img.example.org/mom.jpg", "https://img.example.org/pet.jpg")
CALLED = (
    "create_artwork('I', 'i@example.net', 'R', 'm', 'p')",
    "update_artwork_lifecycle(gen_random_uuid(), '{}')",
    "customer_artworks('ida@example.net')",
    "artwork_by_token('token')",
)


@pytest.fixture
def installed_anew():
    """Put the published functions in again: as if they had never been there, or as a switch-over does it."""

    def put(url, *, anew=True):
        tables = tables_of(Phase.EXPANDED)
        with psycopg.connect(url) as session:
            if anew:
                session.execute(published.removal())
            session.execute(published.functions(tables))
            session.execute(published.installation(tables))

    return put


@pytest.fixture
def roles(clones):
    """The roles of Supabase, as a server has them."""
    shop.make_roles(clones.server.url)
    return ("anon", "authenticated", "service_role")


def test_the_server_of_supabase_may_call_and_nobody_else_whatever_is_granted_by_default(
    roles, migrated, query, installed_anew
):
    roles = (*roles, shop.OWNER)
    for grant in ("FUNCTIONS", "TABLES"):
        # As Supabase does it for its roles, on whatever comes into the schema public.
        query(
            migrated, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON {grant} TO {', '.join(roles)}"
        )
    installed_anew(migrated)
    with psycopg.connect(migrated) as session:
        for role in roles:
            session.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
            session.execute(f"SET LOCAL ROLE {role}")
            for call in (*CALLED, VIEW):
                try:
                    with session.transaction():
                        session.execute(f"SELECT * FROM {call}")
                except psycopg.errors.InsufficientPrivilege:
                    assert role != "service_role", call
                except psycopg.errors.NoDataFound:
                    assert role == "service_role", call
                else:
                    assert role == "service_role", call
            session.execute("RESET ROLE")
        session.rollback()


def test_what_the_owner_grants_later_stays(roles, migrated, query, installed_anew):
    installed_anew(migrated)
    query(migrated, "GRANT EXECUTE ON FUNCTION artwork_by_token(text) TO anon")
    installed_anew(migrated, anew=False)
    allowed = "SELECT has_function_privilege('anon', 'artwork_by_token(text)', 'EXECUTE')"
    assert query(migrated, allowed) == [(True,)]


def test_every_function_acts_with_a_search_path_of_its_own_and_for_nobody_unasked(migrated, query):
    found = query(
        migrated,
        "SELECT proname, proconfig::text LIKE '%%search_path=%%', has_function_privilege(0, oid, 'EXECUTE') "
        "FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = ANY (%s) ORDER BY 1",
        list(FUNCTIONS),
    )
    assert found == [(name, True, False) for name in FUNCTIONS]


def test_who_reads_through_the_view_needs_no_right_on_what_lies_behind_it(
    roles, migrated, query, installed_anew
):
    installed_anew(migrated)
    made, _ = query(migrated, CREATE, *NEW)[0]
    with psycopg.connect(migrated) as session:
        session.execute("SET ROLE service_role")
        assert session.execute("SELECT count(*) FROM routed_artworks WHERE id = %s", [made]).fetchone() == (
            1,
        )
        session.execute("UPDATE routed_artworks SET pet_name = 'Bella' WHERE id = %s", [made])
        assert session.execute("SELECT pet_name FROM routed_artworks WHERE id = %s", [made]).fetchone() == (
            "Bella",
        )
        other = uuid.uuid4()
        session.execute(
            "INSERT INTO routed_artworks (id, customer_name, customer_email, pet_mom_image_url, pet_image_url) "
            "VALUES (%s, 'V', 'Via@example.net', 'm', 'p')",
            [other],
        )
        found = session.execute(
            "SELECT customer_email, generation_status FROM routed_artworks WHERE id = %s", [other]
        )
        assert found.fetchone() == ("via@example.net", "pending")
        assert session.execute("DELETE FROM routed_artworks WHERE id = %s", [other]).rowcount == 1


def test_an_operator_that_somebody_put_into_public_is_not_called_with_the_owners_rights(
    roles, migrated, query
):
    query(migrated, "GRANT USAGE, CREATE ON SCHEMA public TO anon; CREATE TABLE caught (who text)")
    query(migrated, "GRANT INSERT ON caught TO anon")
    made, _ = query(migrated, CREATE, *NEW)[0]
    nearer = (
        ("->", "jsonb", "jsonb"),
        ("->>", "jsonb", "text"),
        ("#>>", "jsonb", "text"),
        ("*<>", "artworks_v2", "boolean"),
    )
    with psycopg.connect(migrated, autocommit=True) as session:
        session.execute("SET ROLE anon")
        for number, (operator, sides, gives) in enumerate(nearer):
            session.execute(
                f"CREATE FUNCTION trap_{number}({sides}, {sides}) RETURNS {gives} LANGUAGE plpgsql AS "
                "'BEGIN INSERT INTO public.caught VALUES (current_user); RETURN NULL; END'"
            )
            session.execute(
                f"CREATE OPERATOR public.{operator} (leftarg = {sides}, rightarg = {sides}, function = trap_{number})"
            )
    changes = '{"generation_status": "processing", "generation_params": {"seed": 1}, "mockup_urls": []}'
    query(migrated, "SELECT * FROM update_artwork_lifecycle(%s, %s)", made, changes)
    query(migrated, "UPDATE routed_artworks SET mockup_urls = NULL WHERE id = %s", made)
    assert query(migrated, "SELECT * FROM caught") == []


@pytest.mark.parametrize(
    "made",
    [
        "CREATE FUNCTION create_artwork(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION artwork_by_token(token text) RETURNS SETOF artworks LANGUAGE sql AS 'SELECT * FROM artworks'",
        "CREATE VIEW routed_artworks AS SELECT * FROM artworks",
    ],
)
def test_what_somebody_else_made_under_one_of_the_names_is_told_and_never_replaced(
    made, source, steps, query
):
    query(source, made)
    with pytest.raises(PermanentError, match="is there already, and this pipeline did not make it"):
        steps.prepare(source)
    assert query(source, "SELECT to_regclass('artworks_v2')") == [(None,)]


def test_what_somebody_makes_under_one_of_the_names_later_is_not_taken_away(migrated, query):
    query(migrated, "CREATE FUNCTION create_artwork(text) RETURNS text LANGUAGE sql AS 'SELECT $1'")
    with psycopg.connect(migrated) as session:
        session.execute(published.removal())
    assert query(migrated, "SELECT create_artwork('theirs')") == [("theirs",)]


def test_what_was_published_goes_without_a_trace(migrated, query):
    with psycopg.connect(migrated) as connection:
        connection.execute(published.removal())
        connection.execute(published.removal())
    left = query(migrated, "SELECT proname FROM pg_proc WHERE proname = ANY (%s)", list(published.FUNCTIONS))
    assert left == []
    assert query(migrated, "SELECT to_regclass('routed_artworks')") == [(None,)]
    query(
        migrated,
        "UPDATE artworks SET pet_name = 'followed' WHERE id = (SELECT min(id::text) FROM artworks_v2)::uuid",
    )
    assert query(migrated, "SELECT count(*) FROM artworks_v2 WHERE pet_name = 'followed'") == [(1,)]
