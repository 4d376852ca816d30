"""What customers see: their artworks by address, one artwork by its token, and nothing else to nobody else."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artwork_pipeline.artworks import lifecycle
from artwork_pipeline.artworks.phases import Phase, tables_of
from artwork_pipeline.stores import published
from artwork_pipeline.stores.published import FUNCTIONS, VIEW
from tests.integration.artwork_pipeline import shop

CREATE = "SELECT id, access_token FROM create_artwork(%s, %s, %s, %s, %s)"
NEW = ("Ida", "ida@example.net", "Rex", "https://img.example.org/mom.jpg", "https://img.example.org/pet.jpg")
CALLED = (
    "create_artwork('I', 'i@example.net', 'R', 'm', 'p')",
    "update_artwork_lifecycle(gen_random_uuid(), '{}')",
    "customer_artworks('ida@example.net')",
    "artwork_by_token('token')",
)

listed = "SELECT id, label FROM customer_artworks(%s)"
opened = "SELECT id FROM artwork_by_token(%s)"


def a_row(query, url, state, reason=None, *, among="true"):
    found = query(
        url,
        "SELECT a.id, a.customer_email, a.access_token, p.merged_into FROM artwork_migration.plan p "
        f"JOIN artworks a ON a.id = p.artwork_id WHERE state = %s AND reason IS NOT DISTINCT FROM %s AND {among} "
        "ORDER BY 1 LIMIT 1",
        state,
        reason,
    )
    return found[0]


def test_artworks_are_listed_newest_first_whatever_the_spelling_of_the_address(migrated, query):
    with psycopg.connect(migrated, autocommit=True) as session:
        made = [session.execute(CREATE, NEW).fetchone()[0] for _ in range(3)]
    undated = query(migrated, CREATE, *NEW)[0][0]
    query(migrated, "UPDATE artworks_v2 SET created_at = NULL WHERE id = %s", undated)
    found = [row[0] for row in query(migrated, listed, " IDA@Example.net\u00a0")]
    assert found == [*reversed(made), undated]


@pytest.mark.parametrize("nobody", [None, "", "  ", "nobody@example.net", "%", "ida", "' OR true --"])
def test_an_address_that_nobody_has_lists_nothing(nobody, migrated, query):
    query(migrated, CREATE, *NEW)
    assert query(migrated, listed, nobody) == []


def test_test_rows_and_twins_are_hidden(migrated, query):
    twin, email, _, survivor = a_row(query, migrated, "merged")
    ids = {row[0] for row in query(migrated, listed, email)}
    assert survivor in ids
    assert twin not in ids
    hidden, email, _, _ = a_row(query, migrated, "quarantined", "test_prefix")
    assert hidden not in {row[0] for row in query(migrated, listed, email)}


def test_a_test_row_that_somebody_paid_for_is_shown(migrated, query):
    paid, email, _, _ = a_row(
        query, migrated, "migrated", among="original_image_url ILIKE 'test-%%' AND EXISTS (SELECT FROM orders o "
        "WHERE o.artwork_id = a.id)",
    )  # fmt: skip
    assert paid in {row[0] for row in query(migrated, listed, email)}


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ([{}], "pending"),
        ([{"generation_status": "failed"}], "failed"),
        ([{"generation_status": "processing"}], "processing, 5 min remaining"),
        (
            [{"generation_status": "completed", "generated_image_url": "https://img.example.org/1.png"}],
            "completed, ready for prints",
        ),
        (
            [
                {"generation_status": "completed", "generated_image_url": "https://img.example.org/1.png"},
                {"upscale_status": "processing"},
                {"upscale_status": "completed", "upscaled_image_url": "https://img.example.org/2.png"},
            ],
            "completed, high-res available",
        ),
    ],
)
def test_each_state_has_its_label(changes, label, connection):
    made = connection.execute(CREATE, NEW).fetchone()
    for change in changes:
        update = "SELECT id FROM update_artwork_lifecycle(%s, %s)"
        assert connection.execute(update, [made["id"], json.dumps(change)]).fetchone()
    assert connection.execute(listed, [NEW[1]]).fetchone()["label"] == label


def test_labels_in_the_database_are_those_of_the_specification(connection):
    now = connection.execute("SELECT now()").fetchone()["now"]
    moments = st.one_of(
        st.none(),
        st.timedeltas(timedelta(minutes=-20), timedelta(minutes=20)).map(lambda apart: now + apart),
        st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    )

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.sampled_from(sorted(lifecycle.GENERATION_STEPS)),
        st.sampled_from(sorted(lifecycle.UPSCALE_STEPS)),
        moments,
        moments,
    )
    def equal(generation, upscale, begun, created):
        row = {"generation_status": generation, "upscale_status": upscale, "generation_started_at": begun}
        asked = [generation, upscale, begun, created]
        said = connection.execute("SELECT artwork_label(%s, %s, %s, %s) AS label", asked).fetchone()
        assert said["label"] == lifecycle.label(row | {"created_at": created}, now)

    equal()


def test_a_token_opens_its_artwork_alone(migrated, query):
    made, token = query(migrated, CREATE, *NEW)[0]
    assert query(migrated, opened, token) == [(made,)]
    for other in (token.upper(), token[:-1], f" {token}", "", None, "%", "0" * 64):
        assert query(migrated, opened, other) == []


def test_the_token_of_a_twin_opens_the_row_that_it_was_merged_into(migrated, query):
    _, _, token, survivor = a_row(
        query, migrated, "merged", among="access_token IS NOT NULL AND token_expires_at > now()"
    )
    assert query(migrated, opened, token) == [(survivor,)]


def test_a_token_that_was_made_in_the_migration_opens_its_row(migrated, query):
    row, token = query(
        migrated, "SELECT v.id, v.access_token FROM artwork_migration.issued_tokens JOIN artworks_v2 v "
        "ON v.id = artwork_id WHERE v.access_token = issued_tokens.access_token LIMIT 1"
    )[0]  # fmt: skip
    query(migrated, "UPDATE artworks SET token_expires_at = now() + interval '1 day' WHERE id = %s", row)
    assert query(migrated, opened, token) == [(row,)]


def test_an_expired_token_opens_nothing(migrated, query):
    made, token = query(migrated, CREATE, *NEW)[0]
    query(
        migrated, "UPDATE artworks_v2 SET token_expires_at = now() - interval '1 second' WHERE id = %s", made
    )
    assert query(migrated, opened, token) == []
    _, _, alias, _ = a_row(
        query, migrated, "merged", among="access_token IS NOT NULL AND token_expires_at < now()"
    )
    assert query(migrated, opened, alias) == []


def test_neither_list_nor_token_tells_a_token_or_what_is_the_migrations_own(connection):
    made = connection.execute(CREATE, NEW).fetchone()
    for statement, asked in (
        ("SELECT * FROM customer_artworks(%s)", NEW[1]),
        ("SELECT * FROM artwork_by_token(%s)", made["access_token"]),
    ):
        row = connection.execute(statement, [asked]).fetchone()
        assert row["id"] == made["id"]
        assert not {"access_token", "legacy", "user_id", "generation_params", "fal_request_id"} & set(row)
        assert made["access_token"] not in map(str, row.values())


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


def test_on_supabase_the_server_may_call_and_nobody_else(roles, migrated, query, installed_anew):
    for grant in ("FUNCTIONS", "TABLES"):
        # What Supabase gives to everybody on whatever comes into the schema public.
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
