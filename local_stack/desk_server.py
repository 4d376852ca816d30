"""The curators' desk on this machine, as one server beside the stack, with a fresh token for whoever started it.

What the desk is belongs to the registry's pipeline.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asset_registry_pipeline.desk.security.tokens import line_of, new_token
from asset_registry_pipeline.registry.roles import Role
from local_stack.servers.ports import LOOPBACK, preferred_or_free
from local_stack.servers.process import Process, launch, wait_until_ready

PREFERRED_PORT = 8090


@dataclass(frozen=True)
class RunningDesk:
    """A desk that answers at `url`; `tokens` by the name of who logs in with them, known to nobody else."""

    url: str
    tokens: Mapping[str, str] = field(repr=False)
    process: Process


@contextmanager
def running_desk(
    data_dir: Path,
    environment: Mapping[str, str],
    *,
    project: Path,
    preferred_port: int | None = PREFERRED_PORT,
) -> Iterator[RunningDesk]:
    """Run the desk over the registry of this environment while the block runs.

    Raises:
        ServerFailed: it does not come up; one line that says why.
    """
    port = preferred_or_free(preferred_port)
    tokens = {"curator": new_token(), "admin": new_token()}
    lines = [line_of(name, Role(name), token) for name, token in tokens.items()]
    url = f"http://{LOOPBACK}:{port}"
    process = launch(
        "desk",
        [
            sys.executable,
            "-m",
            "asset_registry_pipeline.desk",
            "serve",
            "--host",
            LOOPBACK,
            "--port",
            str(port),
        ],
        log_path=data_dir / "desk.log",
        cwd=project,
        environment={
            **environment,
            "CURATOR_TOKENS": ",".join([*lines, *filter(None, [environment.get("CURATOR_TOKENS")])]),
            "DESK_URL": url,
        },
    )
    try:
        wait_until_ready(process, lambda: _answers(url))
        yield RunningDesk(url, tokens, process)
    finally:
        process.stop()


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/login", timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
