"""What a test says to the stand-in beside the services' own addresses."""

from __future__ import annotations

import dataclasses
import functools
import ssl
from typing import Any

from local_stack.music.catalogue import Song
from local_stack.music.faults import Fault


@dataclasses.dataclass(frozen=True)
class MusicControl:
    """The stand-in at a URL, whose certificate is of `authority` (a PEM file)."""

    url: str
    authority: str

    def order(self, fault: Fault) -> None:
        """Let a fault hit the next requests that fit it."""
        self._send("POST", "/faults", dataclasses.asdict(fault))

    def add(self, song: Song) -> None:
        """Let the services know one more song."""
        self._send("POST", "/songs", dataclasses.asdict(song))

    def asked(self) -> dict[str, int]:
        """How often each service was asked: by the first part of the path (`search`, `ws`, `release`, `image`)."""
        return dict(self._send("GET", "/asked"))

    def reset(self) -> None:
        """Forget faults, added songs and what was asked."""
        self._send("DELETE", "")

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        import httpx

        with httpx.Client(verify=_trusted(self.authority), trust_env=False, timeout=30.0) as client:
            answer = client.request(method, f"{self.url}/control{path}", json=body)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said


@functools.cache
def _trusted(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)
