"""The synthetic artworks: the same for the same seed, made once, with every kind of row that a test wants."""

from dataclasses import replace

import psycopg
import pytest

from local_stack.sources import artworks

CONTENT = """
    SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text))
    FROM (SELECT a::text AS t FROM artworks a UNION ALL SELECT u::text FROM users u
          UNION ALL SELECT o::text FROM orders o UNION ALL SELECT h::text FROM order_status_history h
          UNION ALL SELECT r::text FROM admin_reviews r) AS t
"""


def ask(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def fresh(postgres_url):
    """Fill a database, read its content, and leave it empty again."""

    def make(**options):
        filled = artworks.fill({"ARTWORK_DATABASE_URL": postgres_url}, **options)
        content = ask(postgres_url, CONTENT)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public, synthetic_source CASCADE")
            connection.execute("CREATE SCHEMA public")
        return filled, content

    return make


@pytest.mark.parametrize("dialect", ["A", "B", "C"])
def test_the_same_seed_makes_the_same_rows_and_another_seed_others(fresh, dialect):
    one, again = (fresh(rows=200, seed=7, dialect=dialect) for _ in range(2))
    other = fresh(rows=200, seed=8, dialect=dialect)
    assert one == again
    assert one[1] != other[1]
    assert replace(other[0], seed=7).tables["artworks"] == one[0].tables["artworks"] == 200


def test_a_second_fill_leaves_everything_untouched(postgres_url):
    environment = {"ARTWORK_DATABASE_URL": postgres_url}
    first = artworks.fill(environment, rows=200)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE artworks SET pet_name = 'migrated since'")
    before = ask(postgres_url, CONTENT)
    assert artworks.fill(environment, rows=200) == first
    assert ask(postgres_url, CONTENT) == before


def test_other_options_and_other_peoples_artworks_are_refused(postgres_url):
    environment = {"ARTWORK_DATABASE_URL": postgres_url}
    artworks.fill(environment, rows=200)
    with pytest.raises(ValueError, match="take an empty database"):
        artworks.fill(environment, rows=300)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA synthetic_source CASCADE")
    with pytest.raises(ValueError, match="not made here"):
        artworks.fill(environment, rows=200)


def test_what_is_expected_adds_up_and_every_kind_of_row_is_there(postgres_url):
    filled = artworks.fill({"ARTWORK_DATABASE_URL": postgres_url}, rows=500)
    assert (
        filled.migrated + filled.merged + sum(filled.quarantined.values()) == filled.tables["artworks"] == 500
    )
    assert len(filled.quarantined) == 6
    kinds = {
        "twins under review": "SELECT 1 FROM synthetic_source.expected e JOIN admin_reviews r ON r.artwork_id = e.id "
        "JOIN artworks a ON a.id = e.id WHERE a.generated_image_url IS NULL",
        "tests with an order": "SELECT 1 FROM artworks a JOIN orders o ON o.artwork_id = a.id "
        "WHERE original_image_url ILIKE 'test-%'",
        "orders of no artwork": "SELECT 1 FROM orders WHERE artwork_id IS NULL",
        "tokens missing": "SELECT 1 FROM artworks WHERE access_token IS NULL",
        "tokens expired": "SELECT 1 FROM artworks WHERE token_expires_at < '2026-01-01'",
        "dates missing": "SELECT 1 FROM artworks WHERE created_at IS NULL",
        "dates to come": "SELECT 1 FROM artworks WHERE created_at > '2030-01-01'",
        "pending originals": "SELECT 1 FROM artworks WHERE original_image_url = 'pending'",
        "users twice": "SELECT 1 FROM users GROUP BY lower(btrim(email)) HAVING count(*) > 1",
        "addresses with invisible characters": "SELECT 1 FROM artworks WHERE customer_email LIKE U&'%\\200B%'",
        "statuses missing": "SELECT 1 FROM artworks WHERE generation_status IS NULL",
    }
    with psycopg.connect(postgres_url) as connection:
        missing = [kind for kind, query in kinds.items() if connection.execute(query).fetchone() is None]
    assert missing == []


def test_hostile_rows_are_added_once_and_known_by_name(postgres_url):
    environment = {"ARTWORK_DATABASE_URL": postgres_url}
    artworks.fill(environment, rows=20)
    ids = artworks.make_hostile(environment)
    assert artworks.make_hostile(environment) == ids
    assert ask(postgres_url, "SELECT count(*) FROM artworks") == [(20 + len(ids),)]
