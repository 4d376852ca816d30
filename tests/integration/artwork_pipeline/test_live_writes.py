"""People who write to the old table while it is migrated: everything they do reaches the clean one."""

import psycopg
import pytest

from tests.integration.artwork_pipeline.sides import ORDER, OUTCOME

NEW = (
    "INSERT INTO artworks (original_image_url, customer_name, customer_email, created_at) "
    "VALUES (%s, %s, %s, now()) RETURNING id"
)


@pytest.fixture(params=["expanded", "migrated"])
def database(request):
    """Before the backfill and after it."""
    return request.getfixturevalue(request.param)


def a_row(query, url, state, reason=None):
    return query(
        url,
        "SELECT artwork_id FROM artwork_migration.plan p JOIN artworks a ON a.id = p.artwork_id "
        "WHERE state = %s AND reason IS NOT DISTINCT FROM %s AND access_token IS NOT NULL ORDER BY 1 LIMIT 1",
        state,
        reason,
    )[0][0]


def settled(url, steps, query):
    """What differs once everything is filled in."""
    if query(url, "SELECT FROM artwork_migration.cursors LIMIT 1") == []:
        steps.fill_all(url)
    return steps.differences(url)


def test_a_new_artwork_is_in_the_clean_table_with_a_user_and_a_token_at_once(database, query, steps):
    new = query(database, NEW, "pending", "New Customer", "  New.Customer+tag@Example.net ")[0][0]
    row = query(
        database,
        "SELECT v.customer_email, u.email, u.is_anonymous, length(access_token) FROM artworks_v2 v "
        "JOIN users u ON u.id = v.user_id WHERE v.id = %s",
        new,
    )
    address = "new.customer+tag@example.net"
    assert row == [(address, address, True, 64)]
    assert settled(database, steps, query) == []


def test_an_update_is_followed_to_the_last_column(database, query, steps):
    row = a_row(query, database, "migrated")
    query(
        database,
        "UPDATE artworks SET pet_name = '', upscaled_image_url = 'https://img.example.org/paid.png', "
        "upscale_status = 'completed', upscaled_at = now(), mockup_urls = '{\"a\": 1.00}', token_expires_at = NULL, "
        "customer_email = 'other@example.net' WHERE id = %s",
        row,
    )
    found = query(
        database,
        "SELECT pet_name, upscaled_image_url, upscale_status, mockup_urls::text, u.email FROM artworks_v2 v "
        "JOIN users u ON u.id = v.user_id WHERE v.id = %s",
        row,
    )
    assert found == [
        ("", "https://img.example.org/paid.png", "completed", '{"a": 1.00}', "other@example.net")
    ]
    assert settled(database, steps, query) == []


def test_a_deleted_artwork_is_not_revived_and_its_twin_is_a_row_of_its_own_again(database, query, steps):
    twin = a_row(query, database, "merged")
    survivor = query(database, "SELECT merged_into FROM artwork_migration.plan WHERE artwork_id = %s", twin)[
        0
    ][0]
    query(database, "DELETE FROM artworks WHERE id = %s", survivor)

    assert query(database, "SELECT count(*) FROM artworks_v2 WHERE id = %s", survivor) == [(0,)]
    assert query(database, OUTCOME, str(survivor)) == []
    assert query(database, OUTCOME, str(twin)) == [("migrated", None)]
    opened = (
        "SELECT v.id FROM artworks_v2 v JOIN artworks a ON a.access_token = v.access_token WHERE a.id = %s"
    )
    assert query(database, opened, twin) == [(twin,)]
    assert settled(database, steps, query) == []


def test_a_twin_that_is_finished_after_all_is_a_row_of_its_own(database, query, steps):
    twin = a_row(query, database, "merged")
    query(
        database,
        "UPDATE artworks SET generated_image_url = 'https://img.example.org/late.png', generation_status = 'completed' "
        "WHERE id = %s",
        twin,
    )
    assert query(database, OUTCOME, str(twin)) == [("migrated", None)]
    assert settled(database, steps, query) == []


def test_a_twin_whose_token_is_extended_stays_a_twin_and_its_alias_follows(database, query, steps):
    twin = a_row(query, database, "merged")
    query(
        database,
        "UPDATE artworks SET access_token = 'renewed', token_expires_at = '2040-01-01' WHERE id = %s",
        twin,
    )
    assert query(database, OUTCOME, str(twin)) == [("merged", None)]
    alias = "SELECT count(*) FROM artwork_token_aliases WHERE token = 'renewed' AND expires_at = '2040-01-01'"
    assert query(database, alias) == [(1,)]
    assert settled(database, steps, query) == []


@pytest.mark.parametrize(("state", "reason"), [("quarantined", "test_prefix"), ("merged", None)])
def test_an_order_makes_a_row_that_was_set_aside_a_real_one(state, reason, database, query, steps):
    row = a_row(query, database, state, reason)
    query(database, ORDER.format("artworks"), "cs_live", row)
    assert query(database, "SELECT count(*) FROM artworks_v2 WHERE id = %s", row) == [(1,)]
    assert settled(database, steps, query) == []


def test_a_test_row_that_comes_live_is_quarantined_and_leaves_when_it_is_corrected(database, query, steps):
    new = query(database, NEW, "TEST-live.jpg", "Somebody", "somebody@example.net")[0][0]
    assert query(database, OUTCOME, str(new)) == [("quarantined", "test_prefix")]
    query(
        database,
        "UPDATE artworks SET original_image_url = 'https://img.example.org/real.jpg' WHERE id = %s",
        new,
    )
    assert query(database, OUTCOME, str(new)) == [("migrated", None)]
    assert settled(database, steps, query) == []


def test_a_migrated_row_that_begins_to_look_like_a_test_stays_migrated(database, query, steps):
    row = a_row(query, database, "migrated")
    query(database, "UPDATE artworks SET original_image_url = 'test-now' WHERE id = %s", row)
    assert query(database, OUTCOME, str(row)) == [("migrated", None)]
    steps.prepare(database)
    steps.fill_all(database)
    assert settled(database, steps, query) == []


def test_twins_that_come_live_are_both_migrated_and_stay_so(database, query, steps):
    pair = [query(database, NEW, "pending", "Live Twin", "live@example.net")[0][0] for _ in range(2)]
    query(
        database,
        "UPDATE artworks SET generated_image_url = 'https://img.example.org/x.png' WHERE id = %s",
        pair[0],
    )
    steps.prepare(database)
    steps.fill_all(database)
    assert settled(database, steps, query) == []
    assert [query(database, OUTCOME, str(row)) for row in pair] == [[("migrated", None)]] * 2


def test_an_artwork_that_changes_its_id_takes_everything_along(database, query, steps):
    row = query(
        database,
        "SELECT artwork_id FROM artwork_migration.plan p WHERE state = 'migrated' AND NOT EXISTS "
        "(SELECT FROM artwork_migration.referenced() r WHERE r.artwork_id = p.artwork_id) ORDER BY 1 LIMIT 1",
    )[0][0]
    query(database, "UPDATE artworks SET id = '00000000-0000-0000-0000-000000000000' WHERE id = %s", row)
    assert query(database, "SELECT count(*) FROM artworks_v2 WHERE id = %s", row) == [(0,)]
    assert settled(database, steps, query) == []


def test_a_row_that_loses_its_customer_is_set_aside_and_breaks_nothing(database, query, steps):
    query(database, "ALTER TABLE artworks ALTER customer_email DROP NOT NULL")
    twin = a_row(query, database, "merged")
    survivor = query(database, "SELECT merged_into FROM artwork_migration.plan WHERE artwork_id = %s", twin)[
        0
    ][0]
    query(database, "DELETE FROM orders WHERE artwork_id = %s", survivor)
    query(database, "DELETE FROM admin_reviews WHERE artwork_id = %s", survivor)
    query(database, "UPDATE artworks SET customer_email = NULL WHERE id = %s", survivor)
    assert query(database, OUTCOME, str(survivor)) == [("quarantined", "no_customer_email")]
    assert query(database, OUTCOME, str(twin)) == [("migrated", None)]
    assert settled(database, steps, query) == []


def test_truncate_is_refused_while_the_migration_is_there(database, query):
    with pytest.raises(psycopg.errors.RaiseException, match=r"TRUNCATE of public\.artworks is refused"):
        query(database, "TRUNCATE artworks CASCADE")
    with pytest.raises(psycopg.errors.RaiseException, match=r"TRUNCATE of public\.artworks is refused"):
        query(database, "TRUNCATE users CASCADE")
