"""The Supabase Storage stand-in (`local_stack.storage_api`) in a process of its own, on loopback.

Here belongs the process; what the stand-in answers belongs in `local_stack.storage_api`.
"""

import os
import sys
from pathlib import Path

import local_stack
from local_stack.servers.ports import LOOPBACK
from local_stack.servers.process import Server, launch, start_on_a_free_port, wait_until_ready


def start(data_dir: Path, *, jwt_secret: str, preferred_port: int | None = None) -> Server:
    """Start the stand-in on the data in `data_dir/storage`.

    The server's url is what SUPABASE_URL holds (the client adds `/storage/v1`); its one credential is
    `service_role_key`. Raises ServerFailed with one line that says why and where the log is.
    """
    from local_stack.storage_api.tokens import service_role_key

    folder = data_dir / "storage"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    root = str(Path(local_stack.__file__).parents[1])
    search_path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))

    def start_on(port: int) -> Server:
        url = f"http://{LOOPBACK}:{port}"
        process = launch(
            "storage",
            [
                *(sys.executable, "-m", "local_stack.storage_api"),
                *("--data", folder / "data", "--port", str(port)),
            ],
            log_path=folder / "storage.log",
            cwd=folder,
            environment={"STORAGE_JWT_SECRET": jwt_secret, "PYTHONPATH": search_path},
        )
        wait_until_ready(process, lambda: _answers(url))
        return Server("storage", url, port, process, {"service_role_key": service_role_key(jwt_secret)})

    return start_on_a_free_port(preferred_port, start_on, folder / "storage.log")


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/storage/v1/status", timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
