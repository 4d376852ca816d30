"""Which variable stands for which server."""

from pathlib import Path

import pytest

from local_stack.given import place
from local_stack.servers.process import Server
from local_stack.variables import VARIABLES, given_variables, parts_to_start, stack_environment

_PG = {
    "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://a",
    "NABO_DATABASE_URL": "postgresql://b",
    "ARTWORK_DATABASE_URL": "postgresql://c",
}
_S3 = {"access_key": "ours", "secret_key": "our-secret", "region": "us-east-1"}


def _server(name: str, url: str, **credentials: str) -> Server:
    return Server(name, url, 1, process=None, credentials=credentials)


_RUNNING = {
    "postgres": _server("postgres", "postgresql://postgres:pw@127.0.0.1:1/postgres"),
    "mongo": _server("mongo", "mongodb://127.0.0.1:2/?replicaSet=rs0"),
    "s3": _server("s3", "http://127.0.0.1:3", **_S3),
    "storage": _server("storage", "http://127.0.0.1:4", service_role_key="key"),
    "music": _server("music", "https://localhost:5", authority="/data/music/authority.pem"),
    "openai_api": _server("openai_api", "http://127.0.0.1:6/v1", key="key"),
}
_WHERE = {"data_dir": Path("/data"), "project": Path("/project")}


@pytest.mark.parametrize(
    ("given", "started"),
    [
        ({}, ["postgres", "mongo", "s3", "storage", "music", "openai_api"]),
        (_PG, ["mongo", "s3", "storage", "music", "openai_api"]),
        (
            {"NABO_DATABASE_URL": "postgresql://b"},
            ["postgres", "mongo", "s3", "storage", "music", "openai_api"],
        ),
        (
            {"REGISTRY_STAGING_URI": "x", "REGISTRY_DEVELOPMENT_URI": "y"},
            ["postgres", "s3", "storage", "music", "openai_api"],
        ),
        ({"S3_BACKUP_PATH": "/backup"}, ["postgres", "mongo", "storage", "music", "openai_api"]),
        ({"S3_ENDPOINT_URL": "http://s3"}, ["postgres", "mongo", "storage", "music", "openai_api"]),
        ({"SUPABASE_URL": "http://supabase"}, ["postgres", "mongo", "s3", "music", "openai_api"]),
        ({"ITUNES_URL": "https://music"}, ["postgres", "mongo", "s3", "storage", "openai_api"]),
        ({"OPENAI_API_KEY": "sk-mine"}, ["postgres", "mongo", "s3", "storage", "music"]),
        (
            {"SUPABASE_SERVICE_ROLE_KEY": "of nothing"},
            ["postgres", "mongo", "s3", "storage", "music", "openai_api"],
        ),
    ],
)
def test_a_part_that_is_given_is_not_started(given, started):
    assert parts_to_start(given) == started


def test_every_variable_of_the_pipelines_is_there():
    environment = stack_environment(_RUNNING, {}, **_WHERE)
    assert set(environment) == set(VARIABLES)
    assert environment["DAGSTER_POSTGRES_URL"] == "postgresql+psycopg2://postgres:pw@127.0.0.1:1/dagster"
    assert environment["NABO_DATABASE_URL"] == "postgresql://postgres:pw@127.0.0.1:1/nabo"
    assert environment["ARTWORK_DATABASE_URL"] == "postgresql://postgres:pw@127.0.0.1:1/artwork"
    assert environment["REGISTRY_STAGING_DB"] == "nna-registry-service-staging"
    assert environment["REGISTRY_DEVELOPMENT_DB"] == "nna-registry-service-dev"
    assert environment["S3_BACKUP_PATH"] == "s3://nabo-backup/backup"
    assert environment["NABO_MAPPINGS_PATH"].startswith("/data/")
    assert environment["REGISTRY_DECISIONS"].startswith("/data/")
    assert environment["REPORTS_PATH"] == "/project/reports"
    assert environment["ALBUM_ART_PUBLIC_URL"] == "http://127.0.0.1:3/nna-registry-assets-dev"
    assert environment["AI_PROVIDER"] == "rules"
    assert environment["ALBUM_ART_CA"] == "/data/music/authority.pem"


def test_a_given_bucket_for_album_art_is_used_with_its_own_keys_only():
    environment = stack_environment(_RUNNING, {"ALBUM_ART_BUCKET": "theirs"}, **_WHERE)
    assert {
        name: value for name, value in environment.items() if name.startswith("ALBUM_ART_") and "127" in value
    } == {}
    assert environment["ALBUM_ART_BUCKET"] == "theirs"
    assert "ALBUM_ART_SECRET_ACCESS_KEY" not in environment


def test_a_given_variable_is_never_changed():
    given = {
        "NABO_DATABASE_URL": "postgresql://mine",
        "REGISTRY_DEVELOPMENT_URI": "mongodb://mine",
        "REPORTS_PATH": "/r",
    }
    environment = stack_environment(_RUNNING, given, **_WHERE)
    assert {name: environment[name] for name in given} == given
    assert environment["ARTWORK_DATABASE_URL"].endswith("/artwork")
    assert environment["REGISTRY_STAGING_URI"] == _RUNNING["mongo"].url


def test_keys_for_another_store_are_not_used_on_ours():
    given = {"AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "theirs", "AWS_SESSION_TOKEN": "theirs"}
    environment = stack_environment(_RUNNING, given, **_WHERE)
    assert environment["AWS_ACCESS_KEY_ID"] == "ours"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "our-secret"
    assert environment["AWS_SESSION_TOKEN"] == ""


def test_keys_of_a_given_store_are_passed_on():
    given = {"S3_ENDPOINT_URL": "http://s3", "AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "t"}
    running = {name: server for name, server in _RUNNING.items() if name != "s3"}
    environment = stack_environment(running, given, **_WHERE)
    assert {name: environment[name] for name in given} == given


def test_an_empty_variable_counts_as_not_given():
    assert given_variables({"NABO_DATABASE_URL": "", "SUPABASE_URL": "http://x", "HOME": "/root"}) == {
        "SUPABASE_URL": "http://x"
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db.example:5432/nabo?sslmode=require", "db.example:5432/nabo"),
        ("mongodb://me:s@ecret@one,two:27017/?replicaSet=rs0", "one,two:27017/"),
        ("http://[broken", "an address that cannot be read"),
        ("nonsense", "an address without a host"),
    ],
)
def test_only_the_place_of_a_url_is_shown(url, shown):
    assert place(url) == shown
