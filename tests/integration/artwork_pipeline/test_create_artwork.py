"""New artworks: made by the application's call or past it, by many at once, with their customers' users."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from threading import Barrier

import psycopg
import pytest

from migration_kit.failures import PermanentError
from tests.integration.artwork_pipeline import callers

CREATE = "SELECT * FROM create_artwork(%s, %s, %s, %s, %s)"
MOM, PET = "https://img.example.org/mom.jpg", "https://img.example.org/pet.jpg"


def create(connection, **given):
    asked = {"name": "Ida", "email": "ida@example.net", "pet": "Rex", "mom": MOM, "picture": PET} | given
    return connection.execute(CREATE, list(asked.values())).fetchone()


def put(connection, artwork, **columns):
    """Bring a row into a state, whatever leads there."""
    names = ", ".join(f"{name} = %s" for name in columns)
    connection.execute(f"UPDATE artworks_v2 SET {names} WHERE id = %s", [*columns.values(), artwork["id"]])
    return connection.execute("SELECT * FROM artworks_v2 WHERE id = %s", [artwork["id"]]).fetchone()


def test_a_new_artwork_has_a_token_for_thirty_days_and_an_anonymous_user(connection):
    made = create(connection, email="  New.Customer+tag@Example.NET ")
    assert made["customer_email"] == "new.customer+tag@example.net"
    assert len(made["access_token"]) == 64
    assert int(made["access_token"], 16)
    assert made["token_expires_at"] - made["created_at"] == timedelta(days=30)
    assert (made["generation_status"], made["upscale_status"]) == ("pending", "not_started")
    user = connection.execute("SELECT * FROM users WHERE id = %s", [made["user_id"]]).fetchone()
    assert (user["email"], user["is_anonymous"]) == ("new.customer+tag@example.net", True)


def test_a_registered_customer_in_another_spelling_is_not_made_a_second_time(connection):
    connection.execute("INSERT INTO users (email, is_anonymous) VALUES ('Registered@Example.net', false)")
    made = create(connection, email="\u200bregistered@example.net\u00a0")
    user = connection.execute("SELECT * FROM users WHERE id = %s", [made["user_id"]]).fetchone()
    assert (user["email"], user["is_anonymous"]) == ("Registered@Example.net", False)


@pytest.mark.parametrize("sessions", [3, 8])
def test_everybody_who_creates_for_one_new_address_at_once_succeeds_with_one_user(sessions, migrated, query):
    ready = Barrier(sessions)
    spellings = [
        "together@example.net",
        "Together@Example.net",
        " together@example.net",
        "TOGETHER@EXAMPLE.NET",
    ]

    def one(number):
        with psycopg.connect(migrated) as session:
            ready.wait()
            return session.execute(CREATE, ["T", spellings[number % 4], "R", MOM, PET]).fetchone()[0]

    with ThreadPoolExecutor(sessions) as pool:
        made = list(pool.map(one, range(sessions)))
    assert len(set(made)) == sessions
    held = query(
        migrated,
        "SELECT count(DISTINCT user_id), count(*) FROM artworks_v2 WHERE customer_email = 'together@example.net'",
    )
    assert held == [(1, sessions)]
    users = "SELECT count(*) FROM users WHERE normalised_email(email) = 'together@example.net'"
    assert query(migrated, users) == [(1,)]


def test_who_creates_while_another_is_not_finished_waits_and_uses_what_that_one_made(migrated, query):
    with psycopg.connect(migrated) as first, ThreadPoolExecutor(1) as pool:
        first.execute(CREATE, ["A", "slow@example.net", None, MOM, PET])
        second = pool.submit(query, migrated, CREATE, "B", "slow@example.net", None, MOM, PET)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while not query(migrated, waiting)[0][0]:
            assert not second.done()
        first.commit()
        assert second.result()
    users = "SELECT count(*) FROM users WHERE email = 'slow@example.net'"
    assert query(migrated, users) == [(1,)]


def test_who_creates_while_another_takes_back_makes_the_user(migrated, query):
    with psycopg.connect(migrated) as first, ThreadPoolExecutor(1) as pool:
        first.execute(CREATE, ["A", "undone@example.net", None, MOM, PET])
        second = pool.submit(query, migrated, CREATE, "B", "undone@example.net", None, MOM, PET)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while not query(migrated, waiting)[0][0]:
            assert not second.done()
        first.rollback()
        assert second.result()
    assert query(migrated, "SELECT count(*) FROM users WHERE email = 'undone@example.net'") == [(1,)]


def test_a_table_of_users_that_swallows_new_ones_is_told_and_not_tried_for_ever(connection):
    connection.execute(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    connection.execute(
        "CREATE TRIGGER swallow BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="neither be found nor made"):
        create(connection, email="swallowed@example.net")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *product(["name"], [None, "", "  "]),
        *product(
            ["email"],
            [None, "", " \u00a0\u200b ", "nobody", "@example.net", "a@", "a@b@c", "a b@example.net"],
        ),
        ("email", "a" * 400 + "@example.net"),
        *product(["mom", "picture"], [None, "", " "]),
    ],
)
def test_a_new_artwork_without_what_it_needs_is_refused_by_name_and_without_its_value(
    column, value, connection
):
    named = {"name": "customer_name", "email": "customer_email", "mom": "pet_mom_image_url"}
    with pytest.raises(psycopg.errors.InvalidParameterValue) as told, connection.transaction():
        create(connection, **{column: value})
    name = named.get(column, "pet_image_url")
    assert told.value.diag.message_primary == f"create_artwork: {name} is missing or is none"
    assert told.value.diag.column_name == name


@pytest.mark.parametrize("text", ["'; DROP TABLE users; --", "ß", "雪", "%s", "{}", "a" * 10_000])
def test_any_text_is_kept_as_it_is(text, connection):
    made = create(connection, name=text, pet=text)
    assert (made["customer_name"], made["pet_name"]) == (text, text)


def test_rows_written_past_the_functions_are_in_form_too(connection):
    made = connection.execute(
        "INSERT INTO artworks_v2 (customer_name, customer_email, pet_mom_image_url, pet_image_url, generation_status) "
        "VALUES ('D', ' Direct@Example.NET', %s, %s, 'processing') RETURNING *",
        [MOM, PET],
    ).fetchone()
    assert made["customer_email"] == "direct@example.net"
    assert made["user_id"]
    assert made["generation_started_at"] == made["created_at"]
    other = put(connection, made, customer_email="Other@example.net")
    assert other["customer_email"] == "other@example.net"
    assert other["user_id"] != made["user_id"]
    connection.execute("DELETE FROM users WHERE id = %s", [other["user_id"]])
    alone = connection.execute("SELECT * FROM artworks_v2 WHERE id = %s", [made["id"]]).fetchone()
    assert alone["user_id"] is None


@pytest.mark.parametrize("address", [" ", "\u200b", None])
def test_a_row_without_an_address_is_refused_whoever_writes_it(address, connection):
    with pytest.raises(psycopg.errors.IntegrityError):
        connection.execute(
            "INSERT INTO artworks_v2 (customer_name, customer_email, pet_mom_image_url, pet_image_url) "
            "VALUES ('D', %s, %s, %s)",
            [address, MOM, PET],
        )


def test_a_new_row_without_its_pictures_is_refused_whoever_writes_it(connection):
    with pytest.raises(psycopg.errors.CheckViolation, match="new_rows_have_pictures"):
        connection.execute(
            "INSERT INTO artworks_v2 (customer_name, customer_email) VALUES ('D', 'd@example.net')"
        )


def test_who_calls_before_the_functions_are_there_is_told_what_to_do(source):
    with pytest.raises(PermanentError, match=r"the lifecycle functions are not there.*expanded_schema first"):
        callers.create(source, callers.PILOT)


def test_a_trigger_of_the_installation_that_finds_no_function_is_not_taken_for_that(migrated, query):
    query(
        migrated,
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nowhere(); RETURN NEW; END'",
    )
    query(migrated, "CREATE TRIGGER broken BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION broken()")
    with pytest.raises(PermanentError, match=r"function nowhere\(\) does not exist"):
        callers.create(migrated, callers.PILOT)
