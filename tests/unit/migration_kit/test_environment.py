"""Each check on the environment names the variable and the remedy, and never repeats a secret."""

import re
from pathlib import Path

import pytest

from migration_kit.environment import (
    refuse_literal_credentials,
    refuse_production,
    refuse_same_database,
    required,
    required_folder,
    required_url,
)
from migration_kit.failures import PermanentError
from migration_kit.variables import VARIABLES

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("value", [None, "", "  ", "<your key>", "${KEY}", "changeme", " eyJabc"])
def test_a_missing_or_half_filled_variable_is_named_with_its_remedy(value):
    with pytest.raises(PermanentError, match=r"SUPABASE_SERVICE_ROLE_KEY: .* Set SUPABASE_SERVICE_ROLE_KEY"):
        required("SUPABASE_SERVICE_ROLE_KEY", value)


@pytest.mark.parametrize(
    "value", ["mysql://u:hunter2@db/nabo", "db.example/nabo", "postgresql://", "http://[::1"]
)
def test_an_address_of_the_wrong_kind_is_refused_without_its_password(value):
    with pytest.raises(PermanentError, match="NABO_DATABASE_URL") as refused:
        required_url("NABO_DATABASE_URL", value, schemes=("postgresql",))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "mongodb://localhost#@prod.example/registry",
        "mongodb://writer:hunter2#x@db.example",
        "mongodb://writer:hunter2/x@db.example",
        "mongodb://writer:hunter2?x@db.example",
        "mongodb://writer:x@hunter2/x@db.example",
        "mongodb://writer:x@hunter2@db.example",
    ],
)
def test_an_address_in_which_two_readers_may_find_two_hosts_is_refused_without_its_password(value):
    with pytest.raises(PermanentError, match=r"REGISTRY_STAGING_URI: .*Escape user and password") as refused:
        required_url("REGISTRY_STAGING_URI", value, schemes=("mongodb",))
    assert "hunter2" not in str(refused.value)
    escaped = "mongodb://writer:hunter2%23%40@db.example/registry?replicaSet=rs0"
    assert required_url("REGISTRY_STAGING_URI", escaped, schemes=("mongodb",)) == escaped


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(PermanentError, match=r"NABO_MAPPINGS_PATH: there is no folder .*mappings"):
        required_folder("NABO_MAPPINGS_PATH", str(tmp_path / "mappings"))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mongodb://localhost:27017", "mongodb://127.0.0.1"),
        (
            "mongodb://reader:a@db1.example,db2.example",
            "mongodb://writer:b@DB2.example:27017/?replicaSet=rs0",
        ),
    ],
)
def test_one_database_under_two_names_is_refused_as_source_and_target(source, target):
    with pytest.raises(PermanentError, match="A and B: source and target are the same database"):
        refuse_same_database((source, "registry"), (target, "registry"), variables=("A", "B"))


def test_two_databases_of_one_server_are_no_conflict():
    address = "mongodb://localhost"
    refuse_same_database((address, "staging"), (address, "dev"), variables=("A", "B"))


def test_production_needs_a_confirmation():
    with pytest.raises(PermanentError, match="REGISTRY_DEVELOPMENT_DB: the name says production"):
        refuse_production("REGISTRY_DEVELOPMENT_DB", "nna-registry-service-Production")
    with pytest.raises(PermanentError, match="add product-registry to REGISTRY_CONFIRMED"):
        refuse_production("V", "registry", "product-registry", confirmed="x", listed_in="REGISTRY_CONFIRMED")
    refuse_production("V", "Product-Registry", "registry", confirmed="other, product-registry")


def test_a_password_in_a_config_file_is_refused_by_line_and_not_repeated(tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text("mode: copy\nuri: mongodb://writer:hunter2@db.example\n")
    with pytest.raises(PermanentError, match="line 2 holds credentials") as refused:
        refuse_literal_credentials(path)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "mongodb+srv://writer:pa$$w0rd@db.example",
        "mongodb://writer:$ecret@db.example",
        "mongodb://writer:${half}secret@db.example",
        r"mongodb:\/\/writer:hunter2@db.example",
        "redis://:hunter2@cache.example",
    ],
)
def test_a_password_is_found_in_whatever_form_a_file_may_write_it(tmp_path, address):
    path = tmp_path / "taxonomy.json"
    path.write_bytes(b'{"caf\xe9": 1,\n"uri": "' + address.encode() + b'"}')
    with pytest.raises(PermanentError, match="line 2 holds credentials"):
        refuse_literal_credentials(path)


def test_a_config_file_that_names_a_variable_is_accepted(tmp_path):
    path = tmp_path / "profile.yaml"
    path.write_text(
        "uri: mongodb://${USER}:${PASSWORD}@db.example\nurl: https://host:443/path@2x.png\n"
        "other: mongodb://user:<password>@db.example\nanother: mongodb://$USER:$PASSWORD@db.example\n"
    )
    refuse_literal_credentials(path)


def test_the_example_file_lists_every_variable_and_no_other():
    text = (PROJECT / ".env.example").read_text()
    listed = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, flags=re.MULTILINE))
    assert listed == set(VARIABLES)


@pytest.mark.parametrize(
    "pattern", ["*.yaml", "*.yml", "*.toml", ".env.example", "docs/*.md", "deploy/*", "README.md"]
)
def test_no_file_of_the_project_holds_credentials(pattern):
    for path in PROJECT.glob(pattern):
        if path.is_file():
            refuse_literal_credentials(path)
