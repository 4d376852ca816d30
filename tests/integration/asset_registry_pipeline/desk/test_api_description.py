"""The API's description: a page without anything from elsewhere, and schemathesis, which holds every answer to it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from asset_registry_pipeline.desk import app as app_module
from asset_registry_pipeline.desk.api.throttle import ReadLimit
from asset_registry_pipeline.steps.curation.refreshing import refresh
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.api_world import register
from tests.integration.asset_registry_pipeline.desk.conftest import TOKENS, DeskPlace, desk_over

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6


@pytest.fixture(scope="module")
def desk(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """A desk over a planned world, with a queue and an asset in development."""
    world = make_shared_world(layers=dict.fromkeys("SLWMGC", 2), dirt=False)
    world.environment["REGISTRY_DECISIONS"] = ""
    world.use_profile(curation={"components": "required", "songs": "required", "composites": "none"})
    with world.steps() as steps:
        steps.plan("S")
        refresh(steps.registry, "S")
    with desk_over(world) as place:
        object.__setattr__(place.state, "read_limit", ReadLimit(world.development, reads_a_minute=100_000))
        register(place.api("cora"))
        yield place


@pytest.fixture(scope="module")
def schema(desk: DeskPlace) -> Any:
    """The description as schemathesis reads it, once for all that is made of it."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", desk.app)


def test_the_page_describes_every_address_and_loads_nothing_from_elsewhere(desk: DeskPlace) -> None:
    page = desk.visitor().client.get("/api/docs")
    assert page.status_code == 200
    text = page.text
    for path in desk.app.openapi()["paths"]:
        assert path in text
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', text) == []
    assert "<script>" not in text
    assert "style=" not in text
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_every_route_of_the_api_is_described_and_none_deletes_an_asset(desk: DeskPlace) -> None:
    paths = desk.app.openapi()["paths"]
    assert all(path.startswith("/api/") for path in paths)
    assert {*paths["/api/assets/{id}"]} == {"get", "put", "patch"}
    for path, methods in paths.items():
        for method, said in methods.items():
            assert said["summary"], (method, path)
            assert said["description"], (method, path)
            assert said["security"] == [{"token": []}], (method, path)
            assert {"401", "403", "422"} <= {*said["responses"]}, (method, path)


def test_no_request_waits_until_the_routes_are_made(desk: DeskPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    app_module._routes.cache_clear()
    app = app_module.create_app(desk.state)
    monkeypatch.setattr("fastapi.routing.create_model_field", lambda *_, **__: 1 / 0)
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/api/assets/search").status_code == 401


@pytest.mark.parametrize("mode", GenerationMode)
def test_no_answer_is_a_500_or_other_than_described(
    desk: DeskPlace, schema: Any, mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['ada']}"}
    wrong: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        # Of things that are there, so that more is reached than 404.
        path = _known(desk, operation.path) if mode is GenerationMode.POSITIVE else None

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode, path_parameters=path))
        def check(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        try:
            check()
        except Exception as error:
            wrong.append(f"{operation.label}: {error}")
    assert wrong == []


def _known(desk: DeskPlace, path: str) -> dict[str, str] | None:
    """What stands in the path of things that are there; None where nothing can be named."""
    if "{id}" in path:
        database = desk.state.registry.development._database
        found = database["assets" if path.startswith("/api/assets") else "migration_queue"].find_one()
        assert found is not None
        return {"id": str(found["item"] if "item" in found else found["_id"])}
    return {"layer": "S"} if "{layer}" in path else None
