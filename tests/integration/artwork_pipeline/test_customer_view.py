"""What customers see: their artworks by address, one artwork by its token, and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artwork_pipeline.artworks import lifecycle

CREATE = "SELECT id, access_token FROM create_artwork(%s, %s, %s, %s, %s)"
NEW = ("Ida", "ida@example.net", "Rex", "https://img.example.org/mom.jpg", "https://img.example.org/pet.jpg")

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
def test_an_address_that_nobody_has_lists_nothing(nobody, connection):
    connection.execute(CREATE, NEW)
    assert connection.execute(listed, [nobody]).fetchall() == []


def test_test_rows_and_twins_are_hidden(untouched, query):
    twin, email, _, survivor = a_row(query, untouched, "merged")
    ids = {row[0] for row in query(untouched, listed, email)}
    assert survivor in ids
    assert twin not in ids
    hidden, email, _, _ = a_row(query, untouched, "quarantined", "test_prefix")
    assert hidden not in {row[0] for row in query(untouched, listed, email)}


def test_a_test_row_that_somebody_paid_for_is_shown(untouched, query):
    paid, email, _, _ = a_row(
        query, untouched, "migrated", among="original_image_url ILIKE 'test-%%' AND EXISTS (SELECT FROM orders o "
        "WHERE o.artwork_id = a.id)",
    )  # fmt: skip
    assert paid in {row[0] for row in query(untouched, listed, email)}


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


def test_a_token_opens_its_artwork_alone(connection):
    made = connection.execute(CREATE, NEW).fetchone()
    token = made["access_token"]
    assert connection.execute(opened, [token]).fetchall() == [{"id": made["id"]}]
    for other in (token.upper(), token[:-1], f" {token}", "", None, "%", "0" * 64):
        assert connection.execute(opened, [other]).fetchall() == []


def test_the_token_of_a_twin_opens_the_row_that_it_was_merged_into(untouched, query):
    _, _, token, survivor = a_row(
        query, untouched, "merged", among="access_token IS NOT NULL AND token_expires_at > now()"
    )
    assert query(untouched, opened, token) == [(survivor,)]


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
