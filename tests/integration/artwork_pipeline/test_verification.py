"""Faults planted in a finished migration: each is found, and named with its row and column."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from artwork_pipeline.artworks.phases import BEFORE
from artwork_pipeline.stores.sessions import session
from artwork_pipeline.stores.verification import as_compared, clean_rows_query, compare
from artwork_pipeline.suites.verify import CLEAN_ROWS
from migration_kit.failures import TransientError
from migration_kit.suites import validate_query

A_ROW = """(SELECT v.id FROM artworks_v2 v JOIN artworks a ON a.id = v.id
            WHERE {} ORDER BY v.id LIMIT 1)"""
ANY = A_ROW.format("true")
PAID = "(SELECT artwork_id FROM orders WHERE artwork_id IS NOT NULL ORDER BY artwork_id LIMIT 1)"
ALIASED = "(SELECT token FROM artwork_token_aliases ORDER BY token LIMIT 1)"
UNPOINTED = A_ROW.format("NOT EXISTS (SELECT FROM artwork_token_aliases l WHERE l.artwork_id = v.id)")


def without_triggers(statement):
    return f"""
        ALTER TABLE artworks DISABLE TRIGGER USER; {statement}; ALTER TABLE artworks ENABLE TRIGGER USER;
    """


TOO_MANY = """
    INSERT INTO artworks_v2 (id, customer_name, customer_email, access_token, token_expires_at, legacy, created_at)
    VALUES (gen_random_uuid(), 'x', 'x@example.net', 'x', now(), '{{}}', {})
"""
FIRST = "(SELECT min(id::text)::uuid FROM artworks_v2)"
SET_ASIDE = "(SELECT artwork_id FROM artwork_migration.set_aside ORDER BY 1 LIMIT 1)"
OF_NOTHING = """
    INSERT INTO artwork_migration.outcomes (item, partition, state, run_id, batch_id)
    VALUES (gen_random_uuid()::text, '2025-03', 'migrated', '', '')
"""
UNSEEN = """
    INSERT INTO artworks (original_image_url, customer_name, customer_email, created_at)
    VALUES ('pending', 'x', 'x@example.net', '2025-03-01')
"""

FAULTS = {
    "a row lost": (f"DELETE FROM artworks_v2 WHERE id = {UNPOINTED}", {"missing"}),
    "a paid row lost": (
        f"DELETE FROM artwork_token_aliases WHERE artwork_id = {PAID}; DELETE FROM artworks_v2 WHERE id = {PAID}",
        {"missing", "dangling", "lost alias"},
    ),
    "a row too many": (TOO_MANY.format("'2025-03-01'"), {"extra"}),
    "a row too many, undated": (TOO_MANY.format("NULL"), {"extra"}),
    "a column changed": (
        f"UPDATE artworks_v2 SET customer_name = 'x' WHERE id = {ANY}",
        {"changed: customer_name"},
    ),
    "NULL made empty": (
        f"UPDATE artworks_v2 SET pet_name = '' WHERE id = {A_ROW.format('v.pet_name IS NULL')}",
        {"changed: pet_name"},
    ),
    "empty made NULL": (
        f"UPDATE artworks_v2 SET pet_name = NULL WHERE id = {A_ROW.format(chr(118) + '.pet_name = ' + chr(39) * 2)}",
        {"changed: pet_name"},
    ),
    "a number of another scale": (
        f"""UPDATE artworks SET mockup_urls = '[1.00]' WHERE id = {FIRST};
            UPDATE artworks_v2 SET mockup_urls = '[1.0]' WHERE id = {FIRST}""",
        {"changed: mockup_urls"},
    ),
    "a JSON null for no value": (
        f"UPDATE artworks_v2 SET mockup_urls = 'null' WHERE id = {A_ROW.format('v.mockup_urls IS NULL')}",
        {"changed: mockup_urls"},
    ),
    "a microsecond": (
        f"UPDATE artworks_v2 SET token_expires_at = token_expires_at + interval '1 microsecond' WHERE id = {ANY}",
        {"changed: token_expires_at"},
    ),
    "another user": (
        f"UPDATE artworks_v2 SET user_id = (SELECT id FROM users u WHERE u.id <> user_id LIMIT 1) WHERE id = {ANY}",
        {"changed: user_id"},
    ),
    "an original picture forgotten": (
        f"UPDATE artworks_v2 SET legacy = legacy - 'original_image_url' WHERE id = {ANY}",
        {"changed: legacy"},
    ),
    "an alias lost": (
        f"DELETE FROM artwork_token_aliases WHERE token = {ALIASED}",
        {"lost alias: access_token"},
    ),
    "an alias cut short": (
        f"UPDATE artwork_token_aliases SET expires_at = expires_at - interval '1 day' WHERE token = {ALIASED}",
        {"lost alias: access_token"},
    ),
    "an alias that opens another row": (
        f"UPDATE artwork_token_aliases SET artwork_id = {UNPOINTED} WHERE token = {ALIASED}",
        {"lost alias: access_token", "extra alias: access_token"},
    ),
    "an alias of nobody": (
        f"INSERT INTO artwork_token_aliases VALUES ('forged', {ANY}, now())",
        {"extra alias: access_token"},
    ),
    "a row set aside and forgotten": (
        f"DELETE FROM artwork_migration.set_aside WHERE artwork_id = {SET_ASIDE}",
        {"not kept"},
    ),
    "an outcome lost": (
        f"DELETE FROM artwork_migration.outcomes WHERE item = {ANY}::text",
        {"unaccounted", "extra"},
    ),
    "an outcome of nothing": (OF_NOTHING, {"unaccounted"}),
    "a new row that no trigger saw": (without_triggers(UNSEEN), {"unaccounted"}),
    "a change that no trigger saw": (
        without_triggers(f"UPDATE artworks SET pet_name = 'unseen' WHERE id = {ANY}"),
        {"unaccounted", "changed: pet_name"},
    ),
    "a row deleted and no trigger saw it": (
        without_triggers(f"DELETE FROM artworks WHERE id = {UNPOINTED}"),
        {"unaccounted", "extra"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_named(fault, migrated, query, unseen, steps):
    statement, named = FAULTS[fault]
    unseen(migrated, statement)
    found = {difference.rule for difference in steps.differences(migrated)}
    assert {
        name for name in named if name in found or any(one.startswith(f"{name}:") for one in found)
    } == named
    assert len(found) == len(named), found


def test_a_fault_is_mended_by_filling_the_month_again(migrated, query, unseen, steps):
    unseen(migrated, f"UPDATE artworks_v2 SET customer_name = 'x', legacy = '{{}}' WHERE id = {ANY}")
    query(migrated, f"DELETE FROM artwork_token_aliases WHERE token = {ALIASED}")
    assert len(steps.differences(migrated)) > 1
    steps.fill_all(migrated)
    assert steps.differences(migrated) == []


def test_no_value_of_a_person_is_told_by_a_difference(migrated, query, unseen, steps):
    unseen(
        migrated,
        f"UPDATE artworks_v2 SET customer_email = 'secret@example.net', access_token = 't' WHERE id = {ANY}",
    )
    told = " ".join(f"{one.expected} {one.found}" for one in steps.differences(migrated))
    assert "secret" not in told
    assert "text of 18 characters, sha256 " in told


BROKEN_RULES = {
    "an address is in its one form": "customer_email = 'Upper@Example.net'",
    "a missing picture is NULL, not a word": "pet_image_url = 'migrated-missing'",
    "a token is no alias too": f"access_token = {ALIASED}",
}


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_a_rule_on_the_clean_rows_fires(rule, migrated, query, unseen):
    row = query(migrated, "SELECT v.id FROM artworks_v2 v JOIN artwork_migration.outcomes o ON o.item = v.id::text "
                          "WHERE o.partition = '2025-03' ORDER BY 1 LIMIT 1")[0][0]  # fmt: skip
    unseen(migrated, f"UPDATE artworks_v2 SET {BROKEN_RULES[rule]} WHERE id = '{row}'")
    report = validate_query(migrated, clean_rows_query("2025-03", BEFORE), CLEAN_ROWS)

    assert {result.rule for result in report.broken if result.severity == "critical"} == {rule}
    assert any(str(row) in example for result in report.broken for example in result.examples)
    assert not report.passed


def test_the_database_itself_refuses_what_the_clean_schema_forbids(migrated, query):
    import psycopg

    for change, refusal in {
        "generation_status = 'paused'": psycopg.errors.CheckViolation,
        "upscale_status = 'not_required'": psycopg.errors.CheckViolation,
        "access_token = NULL": psycopg.errors.NotNullViolation,
        "access_token = ''": psycopg.errors.CheckViolation,
        "token_expires_at = NULL": psycopg.errors.NotNullViolation,
        "legacy = NULL, pet_image_url = NULL": psycopg.errors.CheckViolation,
    }.items():
        with pytest.raises(refusal):
            query(migrated, f"UPDATE artworks_v2 SET {change} WHERE id = {ANY}")


def test_a_mapping_that_loses_something_is_found_though_both_sides_agree_with_it(migrated, query, steps):
    mapping = query(migrated, "SELECT pg_get_functiondef('artwork_migration.legacy'::regproc)")[0][0]
    forgetful = mapping.replace("ARRAY[s.original_image_url", "ARRAY['pending'")
    assert forgetful != mapping
    query(migrated, forgetful)
    steps.fill_all(migrated)
    assert {one.rule for one in steps.differences(migrated)} == {"not restorable: original_image_url"}


def test_a_slice_that_is_filled_while_it_is_compared_is_not_called_verified(migrated, steps):
    with session(migrated) as connection:
        comparison = compare(connection, "2025-03")
        with as_compared(connection, comparison):
            pass
        steps.fill_month(migrated, "2025-03")
        refusal = pytest.raises(TransientError, match="2025-03: it was filled while it was compared")
        with refusal, as_compared(connection, comparison):
            pytest.fail("the verdict would have been published")


def test_nobody_fills_a_slice_while_its_verdict_is_published(migrated, query, steps):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with session(migrated) as connection, ThreadPoolExecutor(1) as pool:
        with as_compared(connection, compare(connection, "2025-03")):
            filling = pool.submit(steps.fill_month, migrated, "2025-03")
            assert any(query(migrated, waiting)[0][0] for _ in range(2000))
            assert not filling.done()
        assert filling.result() == 0
