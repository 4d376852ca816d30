"""People who write to the clean table: everything they do is in the old one, and comes forward unchanged."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from artwork_pipeline.artworks.phases import AFTER, BEFORE, Phase
from artwork_pipeline.stores import installation, phase, rendering
from artwork_pipeline.stores.sessions import session

NEW = (
    "INSERT INTO {} (customer_name, customer_email, pet_mom_image_url, pet_image_url) "
    "VALUES (%s, %s, 'https://img.example.org/m.png', 'https://img.example.org/p.png') RETURNING id"
)
OUTCOME = "SELECT state, reason FROM artwork_migration.outcomes WHERE item = %s"


def rename(url, *, switched):
    """The names, the functions and the phase, in one transaction; the installation's triggers go along."""
    with session(url) as connection, connection.transaction():
        source = installation.recognise_source(connection)
        served = connection.execute(
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'artworks'::regclass "
            "AND NOT tgisinternal AND tgname NOT ILIKE 'artwork%migration%' AND tgname <> 'artworks_in_form'"
        ).fetchall()
        for name, _ in served:
            connection.execute(f"DROP TRIGGER {name} ON artworks")
        before, after = ("artworks_v2", "artworks_v1") if switched else ("artworks_v1", "artworks_v2")
        connection.execute(f"ALTER TABLE artworks RENAME TO {after}")
        connection.execute(f"ALTER TABLE {before} RENAME TO artworks")
        for _, definition in served:
            connection.execute(definition)
        connection.execute(rendering.functions(source, AFTER if switched else BEFORE))
        phase.advance(connection, Phase.SWITCHED if switched else Phase.ROLLED_BACK, by="test", run_id="run")


NAMES = {"expanded": ("artworks", "artworks_v2"), "switched": ("artworks_v1", "artworks")}


@pytest.fixture
def sides(request, migrated):
    """The database, and what the old and the clean table are called in it: switched, unless a test asks for more."""
    state = getattr(request, "param", "switched")
    if state == "switched":
        rename(migrated, switched=True)
    return migrated, *NAMES[state]


either_way = pytest.mark.parametrize("sides", NAMES, indirect=True)


def a_row(query, url, clean, where="true"):
    return query(
        url,
        f"SELECT v.id FROM {clean} v JOIN artwork_migration.plan p ON p.artwork_id = v.id WHERE {where} "
        "ORDER BY 1 LIMIT 1",
    )[0][0]


@either_way
def test_a_new_artwork_is_in_the_old_table_in_its_words(sides, query, steps):
    url, old, clean = sides
    new = query(url, NEW.format(clean), "New Customer", "new@example.net")[0][0]
    row = query(
        url,
        "SELECT a.original_image_url, a.generation_status, a.upscale_status, a.customer_email, a.original_pet_url, "
        f"a.access_token = v.access_token, length(a.access_token) FROM {old} a JOIN {clean} v USING (id) WHERE id = %s",
        new,
    )
    assert row == [
        ("pending", "pending", "pending", "new@example.net", "https://img.example.org/p.png", True, 64)
    ]
    assert query(url, OUTCOME, str(new)) == [("migrated", None)]
    assert steps.differences(url) == []


@either_way
def test_what_the_old_table_cannot_say_outlives_a_write_on_its_side(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean, "v.generation_status = 'pending'")
    query(
        url,
        f"UPDATE {clean} SET generation_status = 'processing', generation_started_at = '2026-01-01', "
        "fal_request_id = 'fal-1', generation_params = '{\"seed\": 1.00}', upscale_status = 'pending' WHERE id = %s",
        row,
    )
    assert query(url, f"SELECT generation_status, upscale_status FROM {old} WHERE id = %s", row) == [
        ("pending", "pending")
    ]
    assert steps.differences(url) == []
    query(url, f"UPDATE {old} SET pet_name = 'Rex' WHERE id = %s", row)
    said = (
        "SELECT pet_name, generation_status, upscale_status, fal_request_id, generation_params::text "
        f"FROM {clean} WHERE id = %s"
    )
    assert query(url, said, row) == [("Rex", "processing", "pending", "fal-1", '{"seed": 1.00}')]
    assert steps.differences(url) == []
    query(
        url,
        f"UPDATE {old} SET generation_status = 'completed', generated_image_url = 'https://x' WHERE id = %s",
        row,
    )
    assert query(url, said, row) == [("Rex", "completed", "pending", "fal-1", '{"seed": 1.00}')]
    assert steps.differences(url) == []


@either_way
def test_every_column_that_both_know_is_carried_back(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean)
    query(
        url,
        f"UPDATE {clean} SET pet_name = '', customer_name = 'Other', pet_image_url = 'https://p', upscaled_image_url = "
        "'https://u', upscale_status = 'completed', upscale_completed_at = '2026-02-02', mockup_urls = '[1.0]', "
        "mockup_generated_at = '2026-02-03', access_token = 'renewed', token_expires_at = '2040-01-01', "
        "customer_email = 'other@example.net', generation_status = 'failed', created_at = '2025-04-04' WHERE id = %s",
        row,
    )
    found = query(
        url,
        "SELECT pet_name, customer_name, original_pet_url, upscaled_image_url, upscale_status, "
        "upscaled_at::date::text, mockup_urls::text, access_token, "
        "token_expires_at::date::text, customer_email, generation_status "
        f"FROM {old} WHERE id = %s",
        row,
    )
    assert found == [
        ("", "Other", "https://p", "https://u", "completed", "2026-02-02", "[1.0]", "renewed", "2040-01-01",
         "other@example.net", "failed")
    ]  # fmt: skip
    assert steps.differences(url) == []


def test_a_token_that_was_issued_is_not_told_to_the_old_table_until_it_changes(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean, "v.legacy ? 'access_token'")
    kept = query(url, f"SELECT access_token FROM {old} WHERE id = %s", row)
    query(url, f"UPDATE {clean} SET pet_name = 'Rex' WHERE id = %s", row)
    assert query(url, f"SELECT access_token FROM {old} WHERE id = %s", row) == kept
    query(url, f"UPDATE {clean} SET access_token = 'mine' WHERE id = %s", row)
    assert query(url, f"SELECT access_token FROM {old} WHERE id = %s", row) == [("mine",)]
    assert steps.differences(url) == []


def test_a_customer_who_takes_another_address_is_another_user_on_both_sides(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean)
    query(url, "INSERT INTO users (email) VALUES ('moved@example.net')")
    query(
        url,
        f"UPDATE {clean} SET customer_email = 'moved@example.net', user_id = (SELECT id FROM users WHERE "
        "email = 'moved@example.net') WHERE id = %s",
        row,
    )
    assert query(url, f"SELECT customer_email, user_id FROM {old} WHERE id = %s", row) == [
        ("moved@example.net", None)
    ]
    query(url, f"UPDATE {old} SET pet_name = 'Rex' WHERE id = %s", row)
    assert query(
        url, f"SELECT email FROM {clean} JOIN users u ON u.id = user_id WHERE {clean}.id = %s", row
    ) == [("moved@example.net",)]
    assert steps.differences(url) == []


@either_way
def test_a_deleted_user_leaves_artworks_of_nobody_and_is_not_made_anew(sides, query, steps):
    url, old, clean = sides
    new = query(url, NEW.format(clean), "New", "leaving@example.net")[0][0]
    user = query(
        url, "INSERT INTO users (email) VALUES ('leaving@example.net') ON CONFLICT DO NOTHING RETURNING id"
    )
    query(
        url,
        f"UPDATE {clean} SET user_id = (SELECT id FROM users WHERE email = 'leaving@example.net') WHERE id = %s",
        new,
    )
    row = a_row(query, url, clean, "v.user_id IS NOT NULL AND v.legacy IS NOT NULL")
    both = query(url, f"SELECT user_id FROM {clean} WHERE id = ANY (%s)", [new, row])
    assert user or both
    query(url, "DELETE FROM users WHERE id = ANY (%s)", [one for (one,) in both])
    assert query(url, f"SELECT user_id FROM {clean} WHERE id = ANY (%s)", [new, row]) == [(None,)] * 2
    assert query(url, f"SELECT user_id FROM {old} WHERE id = ANY (%s)", [new, row]) == [(None,)] * 2
    assert steps.differences(url) == []
    for table in (old, clean, old):
        query(url, f"UPDATE {table} SET pet_name = %s WHERE id = ANY (%s)", table, [new, row])
        assert query(url, f"SELECT user_id FROM {clean} WHERE id = ANY (%s)", [new, row]) == [(None,)] * 2
        assert steps.differences(url) == []


def test_a_survivor_that_is_deleted_releases_its_twins(sides, query, steps):
    url, old, clean = sides
    twin, survivor = query(
        url,
        "SELECT p.artwork_id, p.merged_into FROM artwork_migration.plan p JOIN artwork_token_aliases l "
        "ON l.artwork_id = p.merged_into WHERE p.state = 'merged' ORDER BY 1 LIMIT 1",
    )[0]
    query(url, f"DELETE FROM {clean} WHERE id = %s", survivor)
    assert query(url, f"SELECT count(*) FROM {old} WHERE id = %s", survivor) == [(0,)]
    assert query(url, OUTCOME, str(survivor)) == []
    assert query(url, OUTCOME, str(twin)) == [("migrated", None)]
    assert query(
        url, f"SELECT count(*) FROM {clean} v JOIN {old} a USING (id, access_token) WHERE id = %s", twin
    ) == [(1,)]
    assert steps.differences(url) == []


def test_an_artwork_that_changes_its_id_stays_one_artwork(sides, query, steps):
    url, old, clean = sides
    query(url, "DELETE FROM favourites") if query(url, "SELECT to_regclass('favourites')") != [
        (None,)
    ] else None
    row = a_row(
        query, url, clean,
        "v.id NOT IN (SELECT artwork_id FROM artwork_migration.referenced()) AND v.legacy ? 'access_token'",
    )  # fmt: skip
    token = query(url, f"SELECT access_token FROM {clean} WHERE id = %s", row)
    for table, after in ((clean, uuid.UUID(int=1)), (old, uuid.UUID(int=2))):
        query(url, f"UPDATE {table} SET id = %s WHERE id = %s", after, row)
        row = after
        for each in (old, clean):
            assert query(url, f"SELECT count(*) FROM {each} WHERE id = %s", row) == [(1,)]
        assert query(url, f"SELECT access_token FROM {clean} WHERE id = %s", row) == token
        assert steps.differences(url) == []


def test_an_order_is_never_deleted_because_an_id_changes(sides, query):
    url, old, clean = sides
    paid = query(url, "SELECT artwork_id FROM orders WHERE artwork_id IS NOT NULL ORDER BY 1 LIMIT 1")[0][0]
    orders = query(url, "SELECT count(*) FROM orders")
    for table in (old, clean):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            query(url, f"UPDATE {table} SET id = gen_random_uuid() WHERE id = %s", paid)
        assert query(url, "SELECT count(*) FROM orders") == orders


def test_a_new_artwork_cannot_take_the_id_of_one_that_was_set_aside(sides, query, steps):
    url, old, clean = sides
    for state in ("merged", "quarantined"):
        row = query(
            url, "SELECT artwork_id FROM artwork_migration.plan WHERE state = %s ORDER BY 1 LIMIT 1", state
        )[0][0]
        before = query(url, f"SELECT {old}::text FROM {old} WHERE id = %s", row)
        with pytest.raises(psycopg.errors.UniqueViolation, match=f"{row} is in the old table already"):
            query(
                url,
                f"INSERT INTO {clean} (id, customer_name, customer_email, pet_mom_image_url, pet_image_url) "
                "VALUES (%s, 'Taken', 'taken@example.net', 'https://m', 'https://p')",
                row,
            )
        assert query(url, f"SELECT {old}::text FROM {old} WHERE id = %s", row) == before
    assert steps.differences(url) == []


@either_way
def test_a_row_born_in_the_clean_table_stays_migrated_though_it_looks_like_a_test(sides, query, steps):
    url, old, clean = sides
    new = query(url, NEW.format(clean), "Test Customer", "tester@example.com")[0][0]
    query(
        url,
        f"UPDATE {clean} SET pet_image_url = 'test-1.jpg', access_token = 'test-token-9' WHERE id = %s",
        new,
    )
    query(url, f"UPDATE {old} SET original_image_url = 'test-2.jpg' WHERE id = %s", new)
    assert query(url, OUTCOME, str(new)) == [("migrated", None)]
    if old == "artworks":
        steps.prepare(url)
        steps.fill_all(url)
    assert query(url, f"SELECT count(*) FROM {clean} WHERE id = %s", new) == [(1,)]
    assert steps.differences(url) == []


def test_many_rows_at_once_and_copied_ones_are_carried_each(sides, query, steps):
    url, old, clean = sides
    columns = "customer_name, customer_email, pet_mom_image_url, pet_image_url"
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.cursor().copy(f"COPY {clean} ({columns}) FROM STDIN") as copy:
            for number in range(30):
                copy.write_row(("Copied", f"copied{number % 3}@example.net", "https://m", "https://p"))
        connection.execute(f"UPDATE {clean} SET pet_name = 'many' WHERE customer_name = 'Copied'")
        connection.execute(f"DELETE FROM {clean} WHERE customer_email = 'copied0@example.net'")
    assert query(url, f"SELECT count(*) FROM {old} WHERE pet_name = 'many'") == [(20,)]
    assert steps.differences(url) == []


def test_truncate_of_the_clean_table_is_refused(sides, query):
    url, _, clean = sides
    with pytest.raises(psycopg.errors.RaiseException, match=rf"TRUNCATE of public\.{clean} is refused"):
        query(url, f"TRUNCATE {clean} CASCADE")


def test_whoever_may_write_the_clean_table_alone_may_go_on(sides, query, steps):
    url, _, clean = sides
    role = f"shop_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True, client_encoding="latin1") as connection:
        connection.execute(f"CREATE ROLE {role}")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {clean} TO {role}")
        connection.execute(f"CREATE POLICY everything ON {clean} TO {role} USING (true) WITH CHECK (true)")
        connection.execute(f"SET ROLE {role}")
        new = connection.execute(NEW.format(clean), ["Zo\u00eb", "zoe@example.net"]).fetchone()[0]
        connection.execute(f"UPDATE {clean} SET pet_name = 'Rex' WHERE id = %s", [new])
        connection.execute("RESET ROLE")
        assert (
            connection.execute("SELECT current_setting('artwork_migration.carrying', true)").fetchone()[0]
            != "on"
        )
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")
    assert query(url, OUTCOME, str(new)) == [("migrated", None)]
    assert steps.differences(url) == []


def test_a_write_that_the_old_table_refuses_is_refused_whole_and_the_next_is_carried(sides, query, steps):
    url, old, clean = sides
    query(url, f"ALTER TABLE {old} ADD CONSTRAINT short CHECK (length(pet_name) < 5) NOT VALID")
    row = a_row(query, url, clean)
    with psycopg.connect(url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE {clean} SET pet_name = 'much too long' WHERE id = %s", [row])
        connection.execute(f"UPDATE {clean} SET pet_name = 'Rex' WHERE id = %s", [row])
    assert query(url, f"SELECT pet_name FROM {old} WHERE id = %s", row) == [("Rex",)]
    assert steps.differences(url) == []


def test_a_write_that_failed_in_a_savepoint_leaves_the_next_ones_of_the_transaction_carried(
    sides, query, steps
):
    url, old, clean = sides
    first, second = (row for (row,) in query(url, f"SELECT id FROM {clean} ORDER BY id LIMIT 2"))
    query(url, f"ALTER TABLE {old} ADD CONSTRAINT short CHECK (length(pet_name) < 5) NOT VALID")
    query(url, f"ALTER TABLE {clean} ADD CONSTRAINT shorter CHECK (length(pet_name) < 4) NOT VALID")
    with psycopg.connect(url) as connection:
        for table, other in ((clean, old), (old, clean)):
            with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
                connection.execute(f"UPDATE {table} SET pet_name = 'long' || id WHERE id = %s", [first])
            connection.execute(f"UPDATE {table} SET pet_name = %s WHERE id = %s", [table[-2:], second])
            found = connection.execute(f"SELECT pet_name FROM {other} WHERE id = %s", [second]).fetchone()
            assert found == (table[-2:],)
    assert steps.differences(url) == []


def test_a_fault_in_a_row_that_live_writes_made_is_found(migrated, query, steps, unseen):
    new = query(migrated, NEW.format("artworks_v2"), "New", "new@example.net")[0][0]
    unseen(migrated, f"UPDATE artworks_v2 SET fal_request_id = 'planted' WHERE id = '{new}'")
    assert {one.artwork_id for one in steps.differences(migrated)} == {str(new)}
    unseen(migrated, f"UPDATE artworks_v2 SET fal_request_id = NULL, pet_name = 'planted' WHERE id = '{new}'")
    assert "changed: pet_name" in {one.rule for one in steps.differences(migrated)}


def test_writers_on_both_sides_at_once_leave_both_alike(sides, query, steps):
    url, old, clean = sides
    rows = [row for (row,) in query(url, f"SELECT id FROM {clean} ORDER BY id LIMIT 12")]

    def write(number):
        table, mine = (old, rows[:8]) if number % 2 else (clean, rows[4:])
        with psycopg.connect(url, autocommit=True) as connection:
            for turn in range(30):
                try:
                    connection.execute(
                        f"UPDATE {table} SET pet_name = %s WHERE id = %s",
                        [f"{number}-{turn}", mine[turn % 8]],
                    )
                except psycopg.errors.DeadlockDetected:
                    continue

    with ThreadPoolExecutor(4) as pool:
        for writer in [pool.submit(write, number) for number in range(4)]:
            writer.result()
    assert steps.differences(url) == []


def test_applying_the_plan_to_rows_that_live_writes_made_writes_nothing(sides, query):
    """What is compared again under the locks of a switch-over is told apart by just this."""
    url, old, clean = sides
    born = query(url, NEW.format(clean), "New", "new@example.net")[0][0]
    rows = [
        row for (row,) in query(url, f"SELECT id FROM {clean} WHERE legacy ? 'user_id' ORDER BY id LIMIT 5")
    ]
    query(url, "INSERT INTO users (email) VALUES ('somebody@example.net')")
    somebody = "(SELECT id FROM users WHERE email = 'somebody@example.net')"
    for change, row in zip(
        (f"user_id = {somebody}", "customer_email = 'another@example.net'", "pet_name = 'Rex'",
         "generation_status = 'processing'", "user_id = NULL"),
        rows, strict=True,
    ):  # fmt: skip
        query(url, f"UPDATE {clean} SET {change} WHERE id = %s", row)
    query(url, f"UPDATE {clean} SET user_id = {somebody} WHERE id = %s", born)
    query(url, "DELETE FROM users WHERE id = (SELECT user_id FROM artworks WHERE id = %s)", rows[2])
    everything = "SELECT clean_rows, outcomes FROM artwork_migration.apply_rows(%s, 'live', 'live')"
    for _ in range(2):
        assert query(url, everything, [born, *rows]) == [(0, 0)]
        query(url, f"UPDATE {old} SET pet_name = 'Mia' WHERE id = ANY (%s)", [born, *rows])
