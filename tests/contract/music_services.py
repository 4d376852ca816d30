"""The music services that the contract is asked of: the stand-in, and the real ones that the environment names.

CONTRACT_ITUNES_URL (https://itunes.apple.com), CONTRACT_MUSICBRAINZ_URL (https://musicbrainz.org) with
CONTRACT_MUSICBRAINZ_CONTACT, and CONTRACT_COVERART_URL (https://coverartarchive.org, if unset) add the real ones. They
are asked a handful of times, one after the other.
"""

import os
import ssl
import time
from dataclasses import dataclass, field

import httpx

from asset_registry_pipeline.lookups.fetching import Policy, policy_of, trusted
from asset_registry_pipeline.stores.settings import Settings

_PAUSE_SECONDS = {"real": 1.1, "stand-in": 0.0}


@dataclass(frozen=True)
class Music:
    """A service at a URL, as what it is known, and under which policy its pictures are fetched."""

    url: str
    cover_art_url: str
    policy: Policy
    kind: str
    contact: str = "https://registry.example/contact"
    asked: list[float] = field(default_factory=list)

    def get(self, path: str, **params: str) -> httpx.Response:
        """One question as it goes over the wire; to a real service no more than one a second."""
        local = self.kind == "stand-in"
        trust: ssl.SSLContext = trusted(self.policy.authority if local else "")
        headers = {
            "User-Agent": f"asset-registry-migration/1 ( {self.contact} )",
            "Accept-Encoding": "identity",
        }
        if self.asked:
            time.sleep(max(0.0, self.asked[-1] + _PAUSE_SECONDS[self.kind] - time.monotonic()))
        self.asked.append(time.monotonic())
        with httpx.Client(verify=trust, trust_env=False, timeout=30, headers=headers) as client:
            return client.get(f"{self.url}{path}", params=params)


def kinds(variable: str) -> list[str]:
    """Whom to ask: the real service, too, where the environment names it."""
    return ["stand-in", "real"] if os.environ.get(variable) else ["stand-in"]


def service(kind: str, variable: str, request) -> Music:
    """The service of a kind."""
    if kind == "real":
        return Music(
            os.environ[variable].rstrip("/"),
            os.environ.get("CONTRACT_COVERART_URL", "https://coverartarchive.org").rstrip("/"),
            Policy(),
            kind,
            os.environ.get("CONTRACT_MUSICBRAINZ_CONTACT", "https://registry.example/contact"),
        )
    music = request.getfixturevalue("music")
    values = {name: music.environment[name.upper()] for name in ("album_art_local", "album_art_ca")}
    return Music(music.url, music.url, policy_of(Settings("", "", "", "", **values)), kind)
