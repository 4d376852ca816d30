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
from artwork_pipeline.artworks.emails import normalise_email
from artwork_pipeline.artworks.mapping import JSON_NULL
from artwork_pipeline.artworks.months import FIRST_MONTH
from artwork_pipeline.artworks.slices import Slicing
from artwork_pipeline.artworks.twins import Candidate, find_twins
from artwork_pipeline.stores import rendering
from tests.unit.artwork_pipeline.rows import (
    addresses,
    clean_changes,
    cleaned,
    migratable,
    moments,
    source_changes,
    source_rows,
)

# Many rows of 24 columns are more than an example may hold now and then: those are left out.
AT_ONCE = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
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


def typed(row, columns, kind):
    """The row as a value of a composite type, and its parameters."""
    places = ", ".join(f"%s::{each}" for each in columns.values())
    values = [
        Jsonb(row[name]) if each == "jsonb" and isinstance(row[name], str) else as_parameter(row[name])
        for name, each in columns.items()
    ]
    return f"ROW ({places})::{kind}", values


@AT_ONCE
@given(
    st.lists(st.tuples(migratable, clean_changes, migratable, source_changes), min_size=2, max_size=5),
    st.uuids(),
    st.sampled_from([None, uuid.UUID(int=7)]),
)
def test_whatever_was_written_goes_back_and_is_held_alike_in_both(database, candidates, owner, other):
    """Also a row that never came from the old table, and an old row that changed in a few columns since."""
    for row, changes, later, names in candidates:
        before, found = cleaned(row, changes, owner=owner)
        clean_value, clean_parameters = typed(before, CLEAN_COLUMNS, "public.artworks_v2")
        arguments = [*found.values()]
        said = mapping.back(before, dialect=Dialect.C, **found)
        statement = (
            f"SELECT {fields(SOURCE_COLUMNS)} FROM ("
            f"SELECT artwork_migration.back({clean_value}, %s, %s, %s) AS r OFFSET 0) q"
        )
        record = database.execute(statement, [*clean_parameters, *arguments]).fetchone()
        assert as_python(record, SOURCE_COLUMNS) == said

        now = said | {name: later[name] for name in names}
        plain = mapping.clean(now, **{**found, "owner": other})
        expected = mapping.held(before, plain, now, dialect=Dialect.C, owner_now=other, **found)
        plain_value, plain_parameters = typed(plain, CLEAN_COLUMNS, "public.artworks_v2")
        old_value, old_parameters = typed(now, SOURCE_COLUMNS, "artwork_migration.source_row")
        statement = (
            f"SELECT {fields(CLEAN_COLUMNS)} FROM ("
            f"SELECT artwork_migration.held({clean_value}, {plain_value}, {old_value}, "
            "%s, %s, %s, %s) AS r OFFSET 0) q"
        )
        parameters = [*clean_parameters, *plain_parameters, *old_parameters, owner, other, *arguments[1:]]
        record = database.execute(statement, parameters).fetchone()
        assert as_python(record, CLEAN_COLUMNS) == expected


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
