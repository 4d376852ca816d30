"""The compose file: what can be known of it without an engine. Its parts fit together and hold no credential."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_stack.stack import PROJECT
from local_stack.variables import ALBUM_ART_BUCKET, BACKUP_BUCKET, DATABASES

_FOLDER: Path = PROJECT / "deploy"
_TEXT = (_FOLDER / "docker-compose.yml").read_text(encoding="utf-8")
_COMPOSE: dict[str, Any] = yaml.safe_load(_TEXT)
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_REQUIRED = re.compile(r"\$\{([A-Z0-9_]+):\?[^}]+\}")


@pytest.mark.parametrize("name", _SERVICES)
def test_every_service_is_pinned_watched_bounded_and_closed_to_other_machines(name):
    service = _SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:v?\d[\w.-]*", service["image"])
    assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert service["mem_limit"] in {"1g", "128m"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", _SERVICES)
def test_every_credential_comes_from_the_environment(name):
    for variable, value in _SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|SECRET|ACCESS_KEY|DATABASE_URL", variable):
            assert _REQUIRED.search(value), variable


def test_everything_a_service_refers_to_is_there():
    for service in _SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in _SERVICES
            assert how == {"condition": "service_healthy"}
        assert {config["source"] for config in service.get("configs", [])} <= set(_COMPOSE["configs"])
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= {*_COMPOSE["volumes"], ".."}  # the desk reads the project's own folder


def test_the_same_databases_and_bucket_are_made_as_in_the_local_stack():
    statements = _COMPOSE["configs"]["databases"]["content"]
    assert set(re.findall(r"create database (\w+);", statements)) == set(DATABASES.values())
    assert _SERVICES["s3"]["environment"]["S3_BUCKET"] == f"{BACKUP_BUCKET},{ALBUM_ART_BUCKET}"


def test_the_readme_names_every_variable_the_file_reads():
    readme = (_FOLDER / "README.md").read_text(encoding="utf-8")
    variables = set(re.findall(r"\$\{([A-Z0-9_]+)", _TEXT))
    assert {variable for variable in variables if f"`{variable}`" not in readme} == set()
    exported = set(re.findall(r"export ([A-Z0-9_]+)=", readme))
    assert set(_REQUIRED.findall(_TEXT)) <= exported
