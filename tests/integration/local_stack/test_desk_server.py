"""The curators' desk as the demo starts it."""

import re
from pathlib import Path

import httpx
import psutil
import pytest

from local_stack.desk_server import running_desk
from local_stack.servers.process import ServerFailed
from local_stack.sources import registry
from local_stack.stack import PROJECT, Stack


@pytest.fixture
def environment(stack: Stack, mongo, tmp_path: Path) -> dict[str, str]:
    names = {"REGISTRY_STAGING_DB": mongo.staging, "REGISTRY_DEVELOPMENT_DB": mongo.development}
    return stack.environment | names | {"REGISTRY_DECISIONS": str(tmp_path / "decisions.csv")}


def test_the_desk_opens_with_fresh_tokens_that_are_in_no_file_and_leaves_nothing_running(
    environment, tmp_path
):
    registry.fill(environment, layers=dict.fromkeys("SLWMGC", 2), dirt=False)
    with running_desk(tmp_path, environment, project=PROJECT, preferred_port=None) as desk:
        with httpx.Client(base_url=desk.url, follow_redirects=True, timeout=20) as client:
            csrf = re.search(r'name="csrf_token" value="(\w+)"', client.get("/login").text)[1]
            page = client.post("/login", data={"csrf_token": csrf, "token": desk.tokens["curator"]})
        assert page.url.path == "/"
        family = [
            psutil.Process(desk.process.pid),
            *psutil.Process(desk.process.pid).children(recursive=True),
        ]
    assert psutil.wait_procs(family, timeout=20)[1] == []
    for file in tmp_path.rglob("*.log"):
        assert not any(token in file.read_text() for token in desk.tokens.values())


def test_a_desk_that_cannot_open_says_why_on_one_line(environment, tmp_path):
    with (
        pytest.raises(ServerFailed, match="taxonom") as failed,
        running_desk(tmp_path, environment, project=PROJECT, preferred_port=None),
    ):
        pass
    assert "\n" not in str(failed.value)
