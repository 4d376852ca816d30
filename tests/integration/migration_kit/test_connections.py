"""A server that is down, or says no, gives one line that names it without its password."""

import pytest

from migration_kit import mongo as kit_mongo
from migration_kit import postgres as kit_postgres
from migration_kit.failures import PermanentError, TransientError


def test_a_postgresql_that_is_down_is_named_without_its_password():
    with pytest.raises(TransientError) as down:
        kit_postgres.connect("postgresql://writer:hunter2@127.0.0.1:1/nabo")
    told = str(down.value)
    assert told.startswith("postgresql://***@127.0.0.1:1/nabo: PostgreSQL does not answer")
    assert "hunter2" not in told
    assert "\n" not in told


def test_a_database_that_does_not_exist_is_a_permanent_error(postgres_url):
    with pytest.raises(PermanentError, match="does not exist"):
        kit_postgres.connect(postgres_url.rsplit("/", 1)[0] + "/nowhere")


def test_a_mongodb_that_is_down_is_named_without_its_password(monkeypatch):
    monkeypatch.setattr(kit_mongo, "SERVER_SELECTION_SECONDS", 0.1)
    with (
        pytest.raises(TransientError, match=r"mongodb://\*\*\*@127.0.0.1:1: MongoDB does not answer"),
        kit_mongo.connect("mongodb://writer:hunter2@127.0.0.1:1"),
    ):
        pass


def test_an_address_that_is_none_of_mongodbs_is_a_permanent_error():
    with pytest.raises(PermanentError, match="MongoDB cannot be used"), kit_mongo.connect("postgresql://db"):
        pass


def test_a_lock_that_is_not_available_is_transient(postgres_url):
    with kit_postgres.connect(postgres_url) as holder, kit_postgres.connect(postgres_url) as waiter:
        holder.execute("CREATE TABLE held (id int)")
        holder.commit()
        holder.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        waiter.execute("SET lock_timeout = '10ms'")
        with (
            pytest.raises(TransientError, match="the table held"),
            kit_postgres.transient_errors("the table held"),
        ):
            waiter.execute("SELECT * FROM held")


def test_a_connection_that_breaks_is_transient(postgres_url):
    with kit_postgres.connect(postgres_url, autocommit=True) as victim:
        (pid,) = victim.execute("SELECT pg_backend_pid()").fetchone()
        with kit_postgres.connect(postgres_url, autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(TransientError), kit_postgres.transient_errors("a batch"):
            victim.execute("SELECT 1")


def test_a_suite_runs_on_postgresql_itself_and_names_the_rows(postgres_url):
    from migration_kit.suites import Suite, rule, validate_query

    with kit_postgres.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pictures (id int, hash text)")
        connection.execute("INSERT INTO pictures VALUES (1, 'a'), (2, 'a'), (3, 'b')")
    suite = Suite(
        "pictures", (rule("expect_column_values_to_be_unique", column="hash"),), key_columns=("id",)
    )
    report = validate_query(postgres_url, "SELECT id, hash FROM pictures", suite)
    assert report.rows == 3
    assert not report.passed
    assert report.broken[0].unexpected == 2
    other_name = postgres_url.replace("postgresql://", "postgres://")
    assert not validate_query(other_name, "SELECT id, hash FROM pictures WHERE false", suite).passed
    assert validate_query(postgres_url, "SELECT id, hash FROM pictures WHERE id > 1", suite).passed


def test_a_suite_reaches_a_server_whose_password_holds_a_dollar_sign(postgres_url):
    from urllib.parse import urlsplit

    from migration_kit.suites import Suite, validate_query

    parts = urlsplit(postgres_url)
    with kit_postgres.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE dollar LOGIN PASSWORD 'p$HOMEw'")
        try:
            url = parts._replace(netloc=f"dollar:p$HOMEw@{parts.hostname}:{parts.port}").geturl()
            assert validate_query(url, "SELECT 1 AS id", Suite("one", ())).passed
        finally:
            connection.execute("DROP ROLE dollar")
