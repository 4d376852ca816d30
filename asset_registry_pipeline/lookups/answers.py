"""Asking a music service one question: its turn awaited, its answer bounded, its refusals kept."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asset_registry_pipeline.lookups.fetching import trusted
from asset_registry_pipeline.lookups.limiter import Limiter, Service
from asset_registry_pipeline.lookups.urls import Policy
from asset_registry_pipeline.registry.song_matches import Source
from migration_kit import environment
from migration_kit.failures import PermanentError, TransientError, retrying

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 4_000_000
SECONDS = 15.0
"""Of a whole answer, however slowly it drips."""
_TRIES = 3
_LONGEST_TEXT = 300
_LONGEST_SONG_MILLISECONDS = 24 * 3_600_000


class ServiceFailedError(TransientError):
    """A service did not answer, or said that it has trouble: nothing is known of what was asked."""


class UnreadableAnswerError(PermanentError):
    """A service answered what cannot be read as its answer: nothing is known of what was asked."""


@dataclass(frozen=True)
class Asking:
    """How services are asked: over which client, in whose turn; `first_delay`: seconds before a second try."""

    client: "httpx.Client"
    limiter: Limiter
    first_delay: float = field(default=0.5)

    def json(
        self,
        service: Service,
        url: str,
        params: Mapping[str, str],
        *,
        patience: float,
        agent: str | None = None,
    ) -> Any:
        """The JSON at a URL, whatever type it is said to be. Passing failures are tried again.

        Raises:
            LockedOutError: the service may not be asked now.
            ServiceFailedError: it failed each time.
            UnreadableAnswerError: it answered something else than JSON, or refused the question.
        """
        tries = retrying(attempts=_TRIES, first_delay=self.first_delay, on=(ServiceFailedError,))
        return tries(self._once, service, url, params, patience, agent)

    def _once(
        self, service: Service, url: str, params: Mapping[str, str], patience: float, agent: str | None
    ) -> Any:
        import httpx

        self.limiter.take(service, patience=patience)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if agent:
            headers["User-Agent"] = agent
        try:
            with self.client.stream("GET", url, params=dict(params), headers=headers) as answer:
                if answer.status_code in service.lockouts:
                    raise self.limiter.lock_out(
                        service, answer.status_code, answer.headers.get("retry-after")
                    )
                _refuse(service.name, answer)
                body = _bounded(service.name, answer)
        except httpx.TransportError as error:
            raise ServiceFailedError(
                f"it cannot be reached: {error or type(error).__name__}", item=service.name
            ) from error
        return _read(service.name, body)


def service_url(variable: str, given: str, default: str) -> str:
    """The address of a service, without a slash at its end.

    Raises:
        PermanentError: the variable holds no https address.
    """
    address = given.strip() or default
    return environment.required_url(variable, address, schemes=("https",)).rstrip("/")


def client_for(policy: Policy, *addresses: str) -> "httpx.Client":
    """A client that takes nothing from the environment and follows no redirects.

    Only where a service is one of the policy's stand-ins are certificates of their authority good.
    """
    import httpx

    places = {(parts.hostname, parts.port or 443) for parts in map(urlsplit, addresses)}
    return httpx.Client(
        verify=trusted(policy.authority if places & policy.local else ""),
        trust_env=False,
        timeout=httpx.Timeout(SECONDS, connect=5.0),
        headers={"User-Agent": "asset-registry-migration"},
    )


def text_of(value: object) -> str:
    """A text of an answer as it can be stored and shown: one line, no control characters, empty where it is none."""
    if not isinstance(value, str):
        return ""
    whole = value[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in whole).split())


def seconds_of(milliseconds: object) -> float | None:
    """A song's length in seconds; None where there is none that a song could have."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return round(milliseconds / 1000, 3) if 0 < milliseconds < _LONGEST_SONG_MILLISECONDS else None


def listed(service: Source, body: object, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list in an answer; what is none among them is left out.

    Raises:
        UnreadableAnswerError: there is no such list.
    """
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise UnreadableAnswerError(f"its answer has no list of {name}", item=service)
    return [one for one in found if isinstance(one, dict)]


def _refuse(name: Source, answer: "httpx.Response") -> None:
    status = answer.status_code
    if status >= 500 or status in (408, 425):
        failure = ServiceFailedError(f"it answers {status}", item=name)
        wait = answer.headers.get("retry-after", "")
        failure.retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
        raise failure
    if status != 200:
        raise UnreadableAnswerError(f"it answers {status} instead of what was asked for", item=name)
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnreadableAnswerError("its answer is compressed, which was not asked for", item=name)


def _bounded(name: Source, answer: "httpx.Response") -> bytes:
    ends, body = time.monotonic() + SECONDS, bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            raise UnreadableAnswerError(f"its answer has more than {MOST_BYTES / 1e6:g} MB", item=name)
        if time.monotonic() > ends:
            raise ServiceFailedError(f"its answer was not whole after {SECONDS:g} s", item=name)
    return bytes(body)


def _read(name: Source, body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        shown = body[:60].decode("utf-8", "replace")
        raise UnreadableAnswerError(
            f"its answer is no JSON ({type(error).__name__}): {shown!r}", item=name
        ) from error
