"""Every kind of bad input that installations are known to have, through each phase of the migration."""

import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from local_stack.sources import artworks
from tests.integration.artwork_pipeline import journey, shop

FULL = {
    "original_image_url": "https://img.example.org/original.jpg", "generated_image_url": "https://img.example.org/g.png",
    "upscaled_image_url": "https://img.example.org/u.png", "upscale_status": "completed",
    "upscaled_at": "2025-05-05 05:06:00+00", "pet_name": "Rex", "customer_name": "Full Row",
    "customer_email": "full@example.net", "original_pet_mom_url": "https://img.example.org/m.jpg",
    "original_pet_url": "https://img.example.org/p.jpg", "token_expires_at": "2040-01-01 00:00:00+00",
    "generation_status": "completed", "mockup_urls": '[{"url": "x", "price": 1.50}]',
    "mockup_generated_at": "2025-05-05 05:07:00+00", "created_at": "2025-05-05 05:05:00+00",
    "updated_at": "2025-05-05 05:08:00+00",
}  # fmt: skip
NULLED = {name: uuid.uuid5(uuid.NAMESPACE_URL, f"null in {name}") for name in (*FULL, "access_token")}
WITHOUT_CUSTOMER = {"customer_name", "customer_email"}
VARIANTS = (
    "Spelled@Example.net", " spelled@example.net ", "spelled@example.net\u00a0", "\u200bspelled@example.net",
    "\uff53pelled@example.net", "SPELLED@EXAMPLE.NET\t", "spelled@exa\u2060mple.net",
)  # fmt: skip
OTHERS = ("s.pelled@example.net", "spelled+tag@example.net")
"""Addresses that look alike and are not the same person's."""
EXPIRED, IN_FLIGHT, TWO_YEARS_ON = (
    uuid.uuid5(uuid.NAMESPACE_URL, name) for name in ("expired", "in flight", "future")
)


def _insert(connection, **values):
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    connection.execute(
        sql.SQL("INSERT INTO artworks ({}) VALUES ({})").format(
            names, sql.SQL(", ").join([sql.Placeholder()] * len(values))
        ),
        list(values.values()),
    )


def _bad(url):
    environment = {"ARTWORK_DATABASE_URL": url}
    artworks.fill(environment, rows=20)
    artworks.make_hostile(environment)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE artworks DISABLE TRIGGER artworks_touch")
        for name, row in NULLED.items():
            _insert(connection, id=row, **{**FULL, "access_token": f"token of {name}", name: None})
        for number, email in enumerate((*VARIANTS, *OTHERS)):
            created = f"2025-06-{number + 1:02} 00:00:00+00"
            _insert(
                connection,
                **{**FULL, "customer_name": "Spelled", "customer_email": email, "created_at": created},
            )
        connection.execute(
            "INSERT INTO users (email) SELECT unnest(%s::text[])", [[*VARIANTS[:4], OTHERS[0]]]
        )
        _insert(
            connection, id=EXPIRED, **{**FULL, "access_token": "long ago", "token_expires_at": "2001-01-01"}
        )
        _insert(connection, id=IN_FLIGHT, **{**FULL, "upscale_status": "processing", "upscaled_image_url": None,
                                             "upscaled_at": None, "generation_status": "processing"})  # fmt: skip
        _insert(connection, id=TWO_YEARS_ON, **{**FULL, "created_at": "2099-01-01 00:00:00+00"})
        connection.execute(
            "INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, "
            "customer_name) VALUES (NULL, 'cs_without_artwork', 'digital', 1, 'nobody@example.net', 'Nobody')"
        )
        connection.execute("ALTER TABLE artworks ENABLE TRIGGER artworks_touch")


def _brought_to(phase, url, steps):
    _bad(url)
    steps.prepare(url)
    steps.fill_all(url)
    if phase != "migrated":
        journey.verify(url)
        journey.back_up(url)
        assert shop.switch(url)
    if phase == "rolled back":
        assert shop.roll_back(url)


@pytest.fixture(scope="module", params=["migrated", "switched", "rolled back"])
def lived(request, templates, steps, archives):
    """Bad input that has come as far as this phase; the tests only look at it."""
    own = type(templates)(templates.server)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REPORTS_PATH", str(archives))
        yield own.of(f"bad input, {request.param}", lambda url: _brought_to(request.param, url, steps))
        own.drop()


@pytest.fixture
def clean(lived, query):
    """Ask the clean table, whatever it is called."""
    table = (
        "artworks_v2" if query(lived, "SELECT to_regclass('public.artworks_v2')") != [(None,)] else "artworks"
    )
    return lambda statement, *parameters: query(lived, statement.replace("@clean@", table), *parameters)


def test_it_goes_through_with_both_sides_equal(lived, steps):
    assert steps.differences(lived) == []


def test_a_null_in_a_column_costs_no_row_but_that_of_nobody(clean):
    found = {row for (row,) in clean("SELECT id FROM @clean@ WHERE id = ANY (%s)", [*NULLED.values()])}
    assert {name for name, row in NULLED.items() if row not in found} == WITHOUT_CUSTOMER


def test_a_null_stays_null_or_becomes_what_the_contract_says(clean):
    rows = clean(
        "SELECT id, generation_status, upscale_status, length(access_token), token_expires_at, created_at, pet_name, "
        "pet_image_url, generated_image_url FROM @clean@ WHERE id = ANY (%s)",
        [*NULLED.values()],
    )
    by_id = {row[0]: row[1:] for row in rows}
    assert by_id[NULLED["generation_status"]][0] == "completed"
    assert by_id[NULLED["upscale_status"]][1] == "completed"
    assert by_id[NULLED["access_token"]][2] == 64
    assert by_id[NULLED["token_expires_at"]][3] == datetime(2025, 6, 4, 5, 5, tzinfo=UTC)
    assert by_id[NULLED["created_at"]][4] is None
    assert by_id[NULLED["pet_name"]][5] is None
    assert by_id[NULLED["original_pet_url"]][6] is None
    assert by_id[NULLED["generated_image_url"]][7] is None


def test_spellings_of_one_address_are_one_user_and_look_alikes_are_not(clean):
    rows = clean(
        "SELECT customer_email, count(*), count(DISTINCT user_id), bool_or(user_id IS NULL) FROM @clean@ "
        "WHERE customer_name = 'Spelled' GROUP BY 1 ORDER BY 1"
    )
    expected = [("spelled@example.net", 7, 1, False), *((one, 1, 1, False) for one in OTHERS)]
    assert rows == sorted(expected)
    assert clean(
        "SELECT count(*) FROM users WHERE public.normalised_email(email) = 'spelled@example.net'"
    ) == [(1,)]


def test_an_expired_token_stays_expired(clean):
    assert clean("SELECT access_token, token_expires_at < now() FROM @clean@ WHERE id = %s", EXPIRED) == [
        ("long ago", True)
    ]


def test_a_date_in_the_future_is_a_date(clean):
    assert clean("SELECT extract(year FROM created_at)::int FROM @clean@ WHERE id = %s", TWO_YEARS_ON) == [
        (2099,)
    ]


def test_a_status_in_flight_goes_on_in_flight(clean):
    assert clean("SELECT generation_status, upscale_status FROM @clean@ WHERE id = %s", IN_FLIGHT) == [
        ("processing", "processing")
    ]


@pytest.mark.parametrize("name", ["prefix", "host", "customer", "token"])
def test_what_only_looks_like_a_test_is_migrated(name, clean):
    row = uuid.uuid5(uuid.NAMESPACE_URL, f"hostile/lookalike_{name}")
    assert clean("SELECT count(*) FROM @clean@ WHERE id = %s", row) == [(1,)]


def test_an_order_without_an_artwork_is_left_alone(clean):
    order = "SELECT artwork_id, order_status FROM orders WHERE stripe_session_id = 'cs_without_artwork'"
    assert clean(order) == [(None, "pending")]


def test_a_truncate_is_refused_on_either_side(lived, query):
    for table in ("artworks", "users"):
        with pytest.raises(psycopg.Error, match=r"TRUNCATE of .* is refused"):
            query(lived, f"TRUNCATE {table} CASCADE")
