"""Rows that come, go and change their ids on the clean side: what points at them holds, what is refused is so whole."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.integration.artwork_pipeline.sides import NEW, ORDER, OUTCOME, a_row, either_way


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


@pytest.mark.parametrize(
    "narrow",
    [
        "ADD CONSTRAINT short CHECK (length(pet_name) <= 40)",
        "ALTER pet_name TYPE varchar(40)",
    ],
)
def test_a_write_that_the_old_table_refuses_is_refused_whole_and_the_next_is_carried(
    narrow, own_sides, query, steps
):
    url, old, clean = own_sides
    query(url, f"ALTER TABLE {old} {narrow}")
    row = a_row(query, url, clean)
    with psycopg.connect(url, autocommit=True) as connection:
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation)):
            connection.execute(f"UPDATE {clean} SET pet_name = repeat('x', 41) WHERE id = %s", [row])
        connection.execute(f"UPDATE {clean} SET pet_name = 'Rex' WHERE id = %s", [row])
    assert query(url, f"SELECT pet_name FROM {old} WHERE id = %s", row) == [("Rex",)]
    assert steps.differences(url) == []


def test_a_write_that_failed_in_a_savepoint_leaves_the_next_ones_of_the_transaction_carried(
    own_sides, query, steps
):
    url, old, clean = own_sides
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


def test_an_old_row_with_orders_cannot_lose_its_customer_once_they_point_at_the_clean_one(
    own_sides, query, steps
):
    url, old, clean = own_sides
    query(url, "ALTER TABLE orders DROP CONSTRAINT orders_artwork_id_fkey")
    query(url, f"ALTER TABLE orders ADD FOREIGN KEY (artwork_id) REFERENCES {clean} ON DELETE CASCADE")
    query(url, f"ALTER TABLE {old} ALTER customer_email DROP NOT NULL")
    paid = query(url, "SELECT artwork_id FROM orders WHERE artwork_id IS NOT NULL ORDER BY 1 LIMIT 1")[0][0]
    orders = query(url, "SELECT count(*) FROM orders")
    with pytest.raises(psycopg.errors.NotNullViolation, match=f"{paid} would lose its customer"):
        query(url, f"UPDATE {old} SET customer_email = NULL WHERE id = %s", paid)
    assert query(url, "SELECT count(*) FROM orders") == orders
    assert steps.differences(url) == []


@either_way
def test_writers_on_both_sides_at_once_leave_both_alike(sides, query, steps):
    url, old, clean = sides
    rows = [row for (row,) in query(url, f"SELECT id FROM {clean} ORDER BY id LIMIT 16")]

    def write(number):
        table, mine = (old, rows[:12]) if number % 2 else (clean, rows[4:])
        with psycopg.connect(url, autocommit=True, options="-c deadlock_timeout=50ms") as connection:
            for turn in range(24):
                row, said = mine[(turn * 5 + number) % 12], f"{number}-{turn}"
                try:
                    if turn % 8 == 7:
                        connection.execute(f"DELETE FROM {table} WHERE id = %s", [row])
                    elif turn % 8 == 5:
                        connection.execute(ORDER.format(table), [f"cs-{table}-{said}", row])
                    elif turn % 8 == 3 and table == clean:
                        connection.execute(NEW.format(table), ["Writer", f"writer{turn}@example.net"])
                    else:
                        connection.execute(f"UPDATE {table} SET pet_name = %s WHERE id = %s", [said, row])
                # One of two who want each other's row, and whoever orders what is deleted meanwhile.
                except (psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation):
                    continue

    with ThreadPoolExecutor(4) as pool:
        for writer in [pool.submit(write, number) for number in range(4)]:
            writer.result()
    assert steps.differences(url) == []
    for table in (old, clean):
        dangling = f"SELECT count(*) FROM orders WHERE artwork_id NOT IN (SELECT id FROM {table})"
        assert query(url, dangling) == [(0,)]
