"""A desk over the test's own registry, and people who are logged in to it; or the desk as a process of its own."""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from asset_registry_pipeline.desk.app import create_app
from asset_registry_pipeline.desk.security.tokens import line_of
from asset_registry_pipeline.desk.state import Desk, opened_desk
from asset_registry_pipeline.registry.roles import Role
from tests.integration.asset_registry_pipeline.conftest import World

TOKENS = {
    "eddi": "token-of-eddi-the-editor",
    "cora": "token-of-cora-the-curator",
    "carl": "token-of-carl-the-curator",
    "ada": "token-of-ada-the-admin",
}
ROLES = {"eddi": Role.EDITOR, "cora": Role.CURATOR, "carl": Role.CURATOR, "ada": Role.ADMIN}
ENVIRONMENT = {
    "CURATOR_TOKENS": ",".join(line_of(name, ROLES[name], token) for name, token in TOKENS.items()),
    "DESK_URL": "http://testserver",
}
_ADDRESSES = itertools.count(1)
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


def csrf_of(page: str) -> str:
    """What the forms of a page carry."""
    found = _CSRF.search(page)
    assert found, "the page has no form"
    return found[1]


class Person:
    """Somebody's browser: a client with cookies; `post` sends a form of the desk's own page."""

    def __init__(self, client: Any, token: str | None = None) -> None:
        self.client = client
        self.csrf = ""
        if token is not None:
            self.log_in(token)

    def log_in(self, token: str) -> Any:
        """Fill in the login form."""
        given = {"csrf_token": csrf_of(self.client.get("/login").text), "token": token}
        answer = self.client.post("/login", data=given, follow_redirects=False)
        if answer.status_code == 303:
            self.csrf = csrf_of(self.client.get("/").text)
        return answer

    def get(self, path: str, **more: Any) -> Any:
        """Open a page."""
        return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        """Send a form, as a page of the desk does; a redirect is followed."""
        return self.client.post(path, data={"csrf_token": self.csrf, **(data or {})}, **more)


@dataclass
class DeskPlace:
    """The app, what it works with, and people logged in to it."""

    app: FastAPI
    state: Desk
    _open: ExitStack = field(repr=False)

    def visitor(self, **more: Any) -> Person:
        """Somebody with a browser who is not logged in, at an address of their own."""
        more.setdefault("client", (f"host-{next(_ADDRESSES)}", 50_000))
        return Person(self._open.enter_context(TestClient(self.app, raise_server_exceptions=False, **more)))

    def person(self, name: str) -> Person:
        """One of `TOKENS`, in a browser of their own."""
        visitor = self.visitor()
        assert visitor.log_in(TOKENS[name]).status_code == 303
        return visitor

    @cached_property
    def editor(self) -> Person:
        """Eddi."""
        return self.person("eddi")

    @cached_property
    def curator(self) -> Person:
        """Cora."""
        return self.person("cora")

    @cached_property
    def other_curator(self) -> Person:
        """Carl."""
        return self.person("carl")

    @cached_property
    def admin(self) -> Person:
        """Ada."""
        return self.person("ada")

    def api(self, name: str = "cora") -> TestClient:
        """A program with somebody's bearer token."""
        headers = {"Authorization": f"Bearer {TOKENS[name]}"}
        return self._open.enter_context(TestClient(self.app, raise_server_exceptions=False, headers=headers))


@contextmanager
def desk_over(world: World, **environment: str) -> Iterator[DeskPlace]:
    """A desk over this world; `environment` replaces what the desk reads of its own variables."""
    with opened_desk(world.settings(), ENVIRONMENT | environment) as state, ExitStack() as stack:
        yield DeskPlace(create_app(state), state, stack)


@pytest.fixture
def desk(world: World) -> Iterator[DeskPlace]:
    """The desk over the registry of this test, in this process."""
    with desk_over(world) as place:
        yield place


@pytest.fixture(scope="module")
def shared_desk(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """One desk over a nearly empty registry, for tests that only come in, look, and go."""
    with desk_over(make_shared_world(layers=dict.fromkeys("SLWMGC", 2), dirt=False)) as place:
        yield place


@dataclass(frozen=True)
class Served:
    """A desk that runs as a process, at this address."""

    url: str
    process: "subprocess.Popen[str]"

    def person(self, name: str) -> Person:
        """One of `TOKENS`, over the network; to be closed by `client.close()`."""
        return Person(httpx.Client(base_url=self.url, follow_redirects=True, timeout=20), TOKENS[name])


@contextmanager
def serving(world: World, *, port: int = 0, **environment: str) -> Iterator[Served]:
    """`python -m asset_registry_pipeline.desk serve` on this port, 0 for a free one; ended with the block."""
    variables = {**os.environ, **world.environment, **ENVIRONMENT, "DESK_URL": "", **environment}
    command = [sys.executable, "-m", "asset_registry_pipeline.desk", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            assert "http://" in told, "the desk did not start"
            yield Served(told.split()[-1], process)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def running_desk(world: World) -> Iterator[Served]:
    """The desk over the registry of this test, as a process of its own."""
    with serving(world) as served:
        yield served
