"""The stand-in for a model behind OpenAI's protocol (`local_stack.openai_api`) in a process of its own, on loopback.

Here belongs the process; what the stand-in answers belongs in `local_stack.openai_api`.
"""

import os
import sys
from pathlib import Path

import local_stack
from local_stack.servers.ports import LOOPBACK
from local_stack.servers.process import Server, launch, start_on_a_free_port, wait_until_ready


def start(data_dir: Path, *, key: str, preferred_port: int | None = None) -> Server:
    """Start the stand-in, which takes this key.

    The server's url is what OPENAI_BASE_URL holds; its one credential is `key`. Raises ServerFailed with one line that
    says why and where the log is.
    """
    folder = data_dir / "openai_api"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    root = str(Path(local_stack.__file__).parents[1])
    search_path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))

    def start_on(port: int) -> Server:
        url = f"http://{LOOPBACK}:{port}"
        process = launch(
            "openai_api",
            [sys.executable, "-m", "local_stack.openai_api", "--port", str(port)],
            log_path=folder / "openai_api.log",
            cwd=folder,
            environment={"OPENAI_API_KEY": key, "PYTHONPATH": search_path},
        )
        wait_until_ready(process, lambda: _answers(url))
        return Server("openai_api", f"{url}/v1", port, process, {"key": key})

    return start_on_a_free_port(preferred_port, start_on, folder / "openai_api.log")


def environment(server: Server) -> dict[str, str]:
    """The variables that let the registry's migration ask this server for songs' metadata."""
    return {
        "AI_PROVIDER": "openai",
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": server.credentials["key"],
        "OPENAI_MODEL": "stand-in",
    }


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/control/asked", timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
