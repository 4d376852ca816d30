"""The SQL that does the work says what the Python says that specifies it, on whatever a table may hold."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from artwork_pipeline.artworks import mapping, rules
from artwork_pipeline.artworks.columns import CLEAN_COLUMNS, SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import Dialect
from artwork_pipeline.artworks.emails import SPACES, ZERO_WIDTH, normalise_email
from artwork_pipeline.artworks.mapping import JSON_NULL
from artwork_pipeline.artworks.months import FIRST_MONTH
from artwork_pipeline.artworks.slices import Slicing
from artwork_pipeline.artworks.twins import Candidate, find_twins
from artwork_pipeline.stores import rendering

AT_ONCE = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# What both sides know: PostgreSQL's Unicode is newer than Python's, and has no surrogates and no zero byte.
letters = st.characters(exclude_categories=("Cs", "Cn", "Co"), exclude_characters="\x00")
words = st.text(letters, max_size=12)
awkward = st.sampled_from(
    [*SPACES, *ZERO_WIDTH, "İ", "Σ", "ς", "ß", "ﬃ", "\uff21", "Å", "K", "@", ".", "+", " "]
)
addresses = st.lists(st.one_of(awkward, letters), max_size=16).map("".join)

statuses = st.sampled_from(
    [None, "", "pending", "processing", "completed", "failed", "not_required", "not_started", "odd"]
)
generation_steps = st.sampled_from(
    [
        None,
        "pending",
        "monalisa_generation",
        "pet_integration",
        "upscaling",
        "mockup_generation",
        "completed",
        "failed",
        "odd",
    ]
)
urls = st.sampled_from(
    [None, "", "pending", "test-pending", "Test-Uploaded", "TEST-1.jpg", "testament.jpg", "https://img.example.org/test-1.jpg",
     "http://localhost", "HTTP://LOCALHOST:3000/x", "https://localhost.example.org", "http://127.0.0.1/x", "http://[::1]:3000",
     "http://localhost\n"]
)  # fmt: skip
tokens = st.sampled_from([None, "", "Test-Token-1", "test-token", "latest-token-1"]) | st.uuids().map(str)
# Microseconds and offsets, and no moment that thirty days more would push out of either calendar.
moments = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
texts_in_json = st.sampled_from(
    ["", "pending", "test-1", "http://localhost/x", "https://img.example.org/1.png"]
)
documents = st.sampled_from([None, JSON_NULL]) | st.one_of(
    st.dictionaries(
        st.sampled_from(["pet_photo", "pet_mom_photo", "artwork_preview", "artwork_full_res", "mockups"]),
        st.one_of(texts_in_json, st.none(), st.integers(-5, 5), st.booleans(),
                  st.sampled_from([{}, [], {"a": "é"}, ["x"]])),
        max_size=4,
    ),
    st.lists(texts_in_json, max_size=2),
    texts_in_json,
)  # fmt: skip

source_rows = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "user_id": st.none() | st.uuids(),
        "original_image_url": urls,
        "generated_image_url": urls,
        "upscaled_image_url": urls,
        "upscale_status": statuses,
        "upscaled_at": moments,
        "pet_name": st.none() | words,
        "customer_name": st.sampled_from([None, "Test Customer", "TEST CUSTOMER", "Test Customer ", "Ida"]),
        "customer_email": st.none()
        | addresses
        | st.sampled_from(["A@Example.com", "a@example.com.au", "a@b.example.com"]),
        "original_pet_mom_url": urls,
        "original_pet_url": urls,
        "access_token": tokens,
        "token_expires_at": moments,
        "generation_status": statuses,
        "mockup_urls": documents,
        "mockup_generated_at": moments,
        "created_at": moments,
        "updated_at": moments,
        "source_images": documents,
        "generated_images": documents,
        "delivery_images": documents,
        "generation_steps": documents,
        "generation_step": generation_steps,
    }
)


@pytest.fixture(scope="module")
def database(templates):
    from contextlib import closing

    from artwork_pipeline.stores import expansion, installation, plan
    from artwork_pipeline.stores.sessions import SCHEMA, session
    from local_stack.sources import artworks
    from migration_kit.ledger.postgres import PostgresLedger

    def make(url):
        artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=20, dialect="C")
        with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
            ledger.install()
            source = installation.recognise_source(connection)
            plan.make_plan(connection, ledger, source, "run")
            expansion.expand(connection, source, "run", log=print)

    with psycopg.connect(templates.of("functions", make), autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def as_parameter(value):
    if value is JSON_NULL:
        return Jsonb(None)
    return Jsonb(value) if isinstance(value, dict | list) else value


def source_row(row):
    """The row as a value of the SQL type, and its parameters."""
    places = ", ".join(f"%s::{kind}" for kind in SOURCE_COLUMNS.values())
    values = [
        as_parameter(row[name] if kind != "jsonb" or not isinstance(row[name], str) else Jsonb(row[name]))
        for name, kind in SOURCE_COLUMNS.items()
    ]
    return f"ROW ({places})::artwork_migration.source_row", values


def as_python(record, columns):
    """A row from the database as the specification writes it: JSON null is not NULL."""
    return {
        name: (None if value is None else JSON_NULL if json.loads(value) is None else json.loads(value))
        if columns[name] == "jsonb"
        else value
        for name, value in zip(columns, record, strict=True)
    }


def fields(columns):
    return ", ".join(
        f"(r).{name}::text" if kind == "jsonb" else f"(r).{name}" for name, kind in columns.items()
    )


@AT_ONCE
@given(st.lists(addresses, min_size=20, max_size=60))
def test_an_address_has_one_form_in_both(database, candidates):
    rows = database.execute(
        "SELECT a, normalised_email(a) FROM unnest(%s::text[]) AS a", [candidates]
    ).fetchall()
    assert rows == [(address, normalise_email(address)) for address in candidates]


@AT_ONCE
@given(
    st.lists(st.tuples(st.uuids(), moments), min_size=10, max_size=40), st.sampled_from([None, 2, 16, 250])
)
def test_a_row_is_in_one_slice_in_both(database, candidates, buckets):
    slicing = Slicing(buckets)
    edges = [FIRST_MONTH, FIRST_MONTH - timedelta(microseconds=1)]
    rows = [*((uuid.UUID(int=0), edge) for edge in edges), *candidates]
    given_rows = [[one for one, _ in rows], [moment for _, moment in rows]]
    expected = [(*row, slicing.slice_of(*row)) for row in rows]
    with database.transaction(force_rollback=True):
        database.execute(rendering.slices(slicing))
        found = database.execute(
            "SELECT id, t, artwork_migration.slice_of(id, t) FROM unnest(%s::uuid[], %s::timestamptz[]) AS r (id, t)",
            given_rows,
        ).fetchall()
        within = database.execute(
            "SELECT id, t, slice FROM unnest(%s::text[]) AS slice "
            "CROSS JOIN LATERAL artwork_migration.slice_named(slice) AS b "
            "CROSS JOIN unnest(%s::uuid[], %s::timestamptz[]) AS r (id, t) "
            "WHERE artwork_migration.is_within(id, t, b.first_moment, b.end_before, b.bucket)",
            [[*slicing.names], *given_rows],
        ).fetchall()
    assert found == expected
    assert sorted(within, key=repr) == sorted(expected, key=repr)


@AT_ONCE
@given(st.lists(source_rows, min_size=8, max_size=20))
def test_a_row_is_set_aside_for_the_same_reason_in_both(database, candidates):
    for row in candidates:
        value, parameters = source_row(row)
        found = database.execute(
            f"SELECT artwork_migration.quarantine_reason({value})", parameters
        ).fetchone()
        assert found == (rules.quarantine_reason(row),)


@AT_ONCE
@given(
    st.lists(source_rows.filter(lambda row: row["customer_email"] is not None), min_size=8, max_size=20),
    st.uuids(),
)
def test_a_row_is_mapped_to_the_same_clean_row_and_back_in_both(database, candidates, owner):
    issued_at = datetime(2026, 1, 1, tzinfo=UTC)
    for row in candidates:
        value, parameters = source_row(row)
        email = normalise_email(row["customer_email"])
        statement = (
            f"SELECT {fields(CLEAN_COLUMNS)} FROM ("
            f"SELECT artwork_migration.clean({value}, %s, %s, %s, %s) AS r OFFSET 0) q"
        )
        record = database.execute(statement, [*parameters, email, owner, "issued", issued_at]).fetchone()
        expected = mapping.clean(row, owner=owner, issued_token="issued", issued_at=issued_at)
        assert as_python(record, CLEAN_COLUMNS) == expected

        restored = (
            f"SELECT {fields(SOURCE_COLUMNS)} FROM (SELECT artwork_migration.back("
            f"artwork_migration.clean({value}, %s, %s, %s, %s), %s, %s, %s) AS r OFFSET 0) q"
        )
        found = {"owner": owner, "issued_token": "issued", "issued_at": issued_at}
        record = database.execute(
            restored, [*parameters, email, owner, "issued", issued_at, *found.values()]
        ).fetchone()
        assert as_python(record, SOURCE_COLUMNS) == row == mapping.back(expected, dialect=Dialect.C, **found)


uploads = st.lists(
    st.tuples(
        st.sampled_from(["a@example.net", "A@example.net", "b@example.net"]),
        st.sampled_from(["Ida", "Ida ", "Bo"]),
        st.sampled_from([None, "", "Rex", "Mia"]),
        st.sampled_from([None, 0, 5, 20, 31, 50, 70, 110, 4000]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=14,
)


@AT_ONCE
@given(uploads)
def test_twins_are_found_alike_in_both(database, candidates):
    begin = datetime(2025, 5, 5, tzinfo=UTC)
    expected = []
    with database.transaction(force_rollback=True):
        database.execute("ALTER TABLE artworks DISABLE TRIGGER USER")
        database.execute("DELETE FROM artworks")
        for number, (email, name, pet, seconds, done, ordered) in enumerate(candidates):
            key = uuid.UUID(int=number + 1)
            created_at = None if seconds is None else begin + timedelta(seconds=seconds)
            database.execute(
                "INSERT INTO artworks (id, customer_email, customer_name, pet_name, created_at, generated_image_url) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                [key, email, name, pet, created_at, "https://img.example.org/1.png" if done else None],
            )
            if ordered:
                database.execute("INSERT INTO admin_reviews (artwork_id) VALUES (%s)", [key])
            unfinished = not done and not ordered
            expected.append(
                Candidate(
                    key,
                    normalise_email(email),
                    name.strip(),
                    (pet or "").strip(),
                    created_at,
                    unfinished,
                    done or ordered,
                )
            )
        found = database.execute(
            "SELECT artwork_id, merged_into FROM artwork_migration.classify() WHERE state = 'merged'"
        )
        assert dict(found.fetchall()) == dict(find_twins(expected))
