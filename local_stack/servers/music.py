"""The stand-in for music services (`local_stack.music`) in a process of its own, on loopback, over TLS.

Here belongs the process; what the stand-in answers belongs in `local_stack.music`.
"""

import os
import ssl
import sys
from pathlib import Path

import local_stack
from local_stack.servers.process import Server, launch, start_on_a_free_port, wait_until_ready

HOST = "localhost"


def start(data_dir: Path, *, preferred_port: int | None = None) -> Server:
    """Start the stand-in, with its certificates in `data_dir/music`.

    The server's url is what ITUNES_URL, MUSICBRAINZ_URL and COVERART_URL hold; its one credential is `authority`, the
    path for ALBUM_ART_CA. Raises ServerFailed with one line that says why and where the log is.
    """
    from local_stack.music.certificates import certificates

    folder = data_dir / "music"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = str(certificates(folder).authority)
    root = str(Path(local_stack.__file__).parents[1])
    search_path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))

    def start_on(port: int) -> Server:
        url = f"https://{HOST}:{port}"
        process = launch(
            "music",
            [sys.executable, "-m", "local_stack.music", "--data", folder, "--port", str(port)],
            log_path=folder / "music.log",
            cwd=folder,
            environment={"PYTHONPATH": search_path},
        )
        wait_until_ready(process, lambda: _answers(url, authority))
        return Server("music", url, port, process, {"authority": authority})

    return start_on_a_free_port(preferred_port, start_on, folder / "music.log")


def environment(server: Server) -> dict[str, str]:
    """The variables that let the registry's migration use this server in the place of the real services."""
    return {
        **dict.fromkeys(("ITUNES_URL", "MUSICBRAINZ_URL", "COVERART_URL"), server.url),
        "MUSICBRAINZ_CONTACT": "https://registry.example/contact",
        "ALBUM_ART_LOCAL": f"{HOST}:{server.port}",
        "ALBUM_ART_CA": server.credentials["authority"],
    }


def _answers(url: str, authority: str) -> bool:
    import httpx

    try:
        with httpx.Client(verify=ssl.create_default_context(cafile=authority), trust_env=False) as client:
            return client.get(f"{url}/control/asked", timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
