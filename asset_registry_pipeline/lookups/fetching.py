"""Fetching what stands at a URL that a person or a service has named, without being led anywhere else.

https only, allowed hosts only, public addresses only; a name is resolved once and the connection goes to the address
that was looked at; every redirect is checked like the first URL. What a picture is like inside is for the steps.
"""

import functools
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asset_registry_pipeline.lookups.addresses import is_of_a_stand_in, is_public
from asset_registry_pipeline.lookups.urls import Policy, RefusedUrlError, Target, policy_of, read, redirected
from migration_kit.failures import PermanentError, TransientError
from migration_kit.pictures.file_types import HEAD_BYTES, sniff

if TYPE_CHECKING:
    import httpcore

    from asset_registry_pipeline.lookups.pinned import Deadline

__all__ = [
    "PICTURES", "FetchFailedError", "Fetched", "Policy", "RefusedUrlError", "UnfitContentError", "fetch", "policy_of",
]  # fmt: skip

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What album art may be, by its first bytes."""
Resolve = Callable[[str, int], Sequence[str]]
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429)
_HEADERS = (
    (b"User-Agent", b"asset-registry-migration"),
    (b"Accept", b"image/*, application/json;q=0.5"),
    (b"Accept-Encoding", b"identity"),
)
_LONGEST_RETRY_AFTER = 3_600.0


class FetchFailedError(TransientError):
    """The server could not be reached, broke off, was too slow or has trouble of its own (`status`, if it said so)."""

    status: int | None = None


class UnfitContentError(PermanentError):
    """There is nothing at the URL (`status` says why), or what is too large, compressed, or of another type."""

    status: int | None = None


@dataclass(frozen=True)
class Fetched:
    """What stood at a URL: its bytes, their type by their first ones, and where the redirects ended."""

    data: bytes
    content_type: str
    final_url: str


def fetch(
    url: str,
    policy: Policy,
    *,
    types: frozenset[str] | None = PICTURES,
    resolve: Resolve | None = None,
    network: "httpcore.NetworkBackend | None" = None,
) -> Fetched:
    """Fetch what stands at a URL. Tried once: `migration_kit.failures.retrying` is for whoever calls.

    `types`: what it may be by its first bytes, anything if None. `resolve` and `network` replace the system's.

    Raises:
        RefusedUrlError: the URL or a redirect leads where nothing may be fetched.
        UnfitContentError: there is nothing there, or it is too large or of another type.
        FetchFailedError: the network or the server failed, or the time was up.
    """
    import httpcore

    from asset_registry_pipeline.lookups.pinned import Deadline

    deadline = Deadline(policy.seconds)
    target = read(url, policy)
    resolved_once = functools.cache(resolve or _system_addresses)
    try:
        for _ in range(policy.redirects + 1):
            answer = _ask(target, policy, deadline, resolved_once, network)
            if isinstance(answer, bytes):
                return Fetched(answer, _type(answer, types, target), target.url)
            target = redirected(target, answer.location, policy)
    except (httpcore.TimeoutException, TimeoutError) as late:
        raise FetchFailedError(f"no picture after {policy.seconds:g} s", item=target.host) from late
    except httpcore.NetworkError as error:
        raise FetchFailedError(f"the connection failed: {error}", item=target.host) from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise FetchFailedError(f"the answer is broken: {error}", item=target.host) from error
    raise RefusedUrlError(f"it redirects more than {policy.redirects} times", item=url[:120])


@dataclass(frozen=True)
class _Elsewhere:
    """An answer that leads to another URL."""

    location: str


def _ask(
    target: Target,
    policy: Policy,
    deadline: "Deadline",
    resolve: Resolve,
    network: "httpcore.NetworkBackend | None",
) -> bytes | _Elsewhere:
    """One request over a connection of its own to the address that was looked at."""
    import httpcore

    from asset_registry_pipeline.lookups.pinned import PinnedBackend

    backend = PinnedBackend(_checked_addresses(target, deadline, resolve), deadline, network)
    url = httpcore.URL(
        scheme=b"https", host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    headers = [(b"Host", target.authority.encode()), *_HEADERS]
    trust = trusted(policy.authority if target.local else "")
    with (
        httpcore.ConnectionPool(ssl_context=trust, network_backend=backend, max_connections=1) as pool,
        pool.stream("GET", url, headers=headers) as response,
    ):
        told = {name.lower(): value.decode("latin-1").strip() for name, value in response.headers}
        if response.status in _REDIRECTS:
            if not told.get(b"location"):
                raise FetchFailedError(
                    f"the server answers {response.status} and leads nowhere", item=target.host
                )
            return _Elsewhere(told[b"location"])
        _refuse_status(response.status, told, target)
        if told.get(b"content-encoding", "identity").lower() not in ("", "identity"):
            raise UnfitContentError("it comes compressed, which was not asked for", item=target.url)
        if told.get(b"content-length", "").isdigit() and int(told[b"content-length"]) > policy.most_bytes:
            raise _too_large(target, policy)
        data = bytearray()
        for chunk in response.iter_stream():
            data += chunk
            if len(data) > policy.most_bytes:
                raise _too_large(target, policy)
        return bytes(data)


def _checked_addresses(target: Target, deadline: "Deadline", resolve: Resolve) -> Sequence[str]:
    """The addresses of a name, asked for once; all of them must be where one may go."""
    addresses = tuple(_in_time(functools.partial(resolve, target.host, target.port), deadline))
    if not addresses:
        raise FetchFailedError("the name has no address", item=target.host)
    for address in addresses:
        if not (is_public(address) or (target.local and is_of_a_stand_in(address))):
            raise RefusedUrlError(
                f"{target.host} leads to {address}, which is not a public address",
                item="picture",
                remedy="Name a picture on a public server",
            )
    return addresses


def _system_addresses(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, each address once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailedError(f"the name cannot be resolved: {error}", item=host) from error
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


def _in_time(call: Callable[[], Sequence[str]], deadline: "Deadline") -> Sequence[str]:
    """The result of a call that knows no time limit of its own, as the system's resolver; if late, it is left alone."""
    results: queue.SimpleQueue[tuple[Sequence[str], BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:
            results.put(((), error))

    threading.Thread(target=run, daemon=True, name="resolver").start()
    try:
        result, error = results.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result


@functools.cache
def trusted(authority: str) -> ssl.SSLContext:
    """Whose certificates count: the public authorities, or for a stand-in its own alone (`authority`, a PEM file)."""
    import httpx

    return (
        ssl.create_default_context(cafile=authority)
        if authority
        else httpx.create_ssl_context(trust_env=False)
    )


def _refuse_status(status: int, told: dict[bytes, str], target: Target) -> None:
    if status == 200:
        return
    if status >= 500 or status in _PASSING:
        failure = FetchFailedError(f"the server answers {status}", item=target.host)
        failure.status = status
        wait = told.get(b"retry-after", "")
        if wait.isascii() and wait.isdigit():
            failure.retry_after = min(float(wait), _LONGEST_RETRY_AFTER)
        raise failure
    unfit = UnfitContentError(
        f"the server answers {status}",
        item=target.url,
        remedy="Open the address in a browser, or choose another",
    )
    unfit.status = status
    raise unfit


def _type(data: bytes, types: frozenset[str] | None, target: Target) -> str:
    mime = sniff(data[:HEAD_BYTES]).mime
    if types is not None and mime not in types:
        raise UnfitContentError(
            f"it is {mime} by its content, not {', '.join(sorted(types))}",
            item=target.url,
            remedy="Choose another picture",
        )
    return mime


def _too_large(target: Target, policy: Policy) -> UnfitContentError:
    return UnfitContentError(
        f"it has more than {policy.most_bytes / 1e6:g} MB", item=target.url, remedy="Choose a smaller picture"
    )
