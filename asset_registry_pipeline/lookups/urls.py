"""Which URLs may be fetched at all, told from their text alone; where their names lead is for `fetching`. Pure."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from asset_registry_pipeline.stores.settings import Settings
from migration_kit.failures import PermanentError

APPLE = frozenset(f"is{number}-ssl.mzstatic.com" for number in range(1, 6))
COVER_ART = "coverartarchive.org"
ARCHIVE = "archive.org"
HTTPS = 443
LONGEST = 2_048
"""Characters of a URL; what is longer is no picture's address."""
_SHOWN = 120
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
# One reading only: no user, no brackets, no percent signs, no other letters than those of a name in the host.
_URL = re.compile(
    r"https://(?P<host>[a-z0-9.-]{1,253})(?::(?P<port>\d{1,5}))?(?P<target>[/?][^#]*)?(?:#.*)?", re.IGNORECASE
)
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_REMEDY = "Copy the picture's own address, which begins with https://, from {}"


class RefusedUrlError(PermanentError):
    """A URL that is not fetched: nothing was asked of anybody."""


@dataclass(frozen=True)
class Policy:
    """What may be fetched, from where, how much of it, and for how long.

    `hosts`: exact names, at port 443. `local`: host and port of stand-ins that may be at a private address, certified
    by `authority` (a PEM file). `most_bytes`, `seconds`: of the whole of a fetch, its redirects included.
    """

    hosts: frozenset[str] = APPLE | {COVER_ART}
    local: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    authority: str = ""
    most_bytes: int = 10_000_000
    seconds: float = 15.0
    redirects: int = 3

    @property
    def named(self) -> str:
        """The hosts, for a message."""
        return ", ".join(sorted(self.hosts | {f"{host}:{port}" for host, port in self.local}))


@dataclass(frozen=True)
class Target:
    """A URL that was read and may be fetched: the one reading of it that everybody uses."""

    host: str
    port: int
    path: str
    local: bool

    @property
    def url(self) -> str:
        """The URL in its one spelling."""
        return f"https://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host, and port where it is not the usual one."""
        return self.host if self.port == HTTPS else f"{self.host}:{self.port}"


def policy_of(settings: Settings) -> Policy:
    """The policy that the environment asks for.

    Raises:
        PermanentError: a host of ALBUM_ART_HOSTS, ALBUM_ART_LOCAL or COVERART_URL is none, or ALBUM_ART_CA is no file.
    """
    hosts = [_named("ALBUM_ART_HOSTS", one) for one in _listed(settings.album_art_hosts)]
    local = []
    for one in _listed(settings.album_art_local):
        host, _, port = one.rpartition(":")
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise PermanentError(
                f"{one!r} is no HOST:PORT", item="ALBUM_ART_LOCAL", remedy="Write it as localhost:8443"
            )
        local.append((_named("ALBUM_ART_LOCAL", host), int(port)))
    authority = settings.album_art_ca.strip()
    if authority and not Path(authority).is_file():
        raise PermanentError(
            f"there is no file {authority}",
            item="ALBUM_ART_CA",
            remedy="Set it to the PEM of the stand-in's authority, or unset it",
        )
    hosts += _host_of("COVERART_URL", settings.coverart_url.strip())
    return Policy(hosts=APPLE | {COVER_ART, *hosts}, local=frozenset(local), authority=authority)


def read(url: str, policy: Policy, *, redirected_from: Target | None = None) -> Target:
    """Read a URL in the only way that it can be read, and check it against the policy.

    Raises:
        RefusedUrlError: it is not https, names somebody, hides something, or leads to a host that is not allowed.
    """
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}'):
        raise _refused(url, "it holds characters that no address has", policy)
    if len(url) > LONGEST:
        raise _refused(url, f"it is longer than {LONGEST:,} characters", policy)
    if "@" in url.partition("://")[2].split("/")[0].split("?")[0].split("#")[0]:
        raise _refused(url, "it names a user", policy)
    match = _URL.fullmatch(url)
    if match is None:
        scheme = url.partition(":")[0].lower()
        why = "it is no https address" if scheme != "https" else "its host cannot be read as one name"
        raise _refused(url, why, policy)
    host, port = match["host"].lower(), int(match["port"] or HTTPS)
    if not _NAME.fullmatch(host):
        raise _refused(url, "its host is no name", policy)
    local = (host, port) in policy.local
    if not local and port != HTTPS:
        raise _refused(url, f"port {port} is not allowed", policy)
    if not local and host not in policy.hosts and not _leads_to_the_archive(host, redirected_from):
        raise _refused(url, f"the host {host} is not allowed", policy)
    target = match["target"] or "/"
    return Target(host, port, target if target.startswith("/") else f"/{target}", local)


def redirected(target: Target, location: str, policy: Policy) -> Target:
    """Where a redirect leads, checked like any URL.

    Raises:
        RefusedUrlError: as `read`.
    """
    if not location.isascii() or not location.isprintable():
        raise _refused(location, f"{target.host} redirects to what no address is", policy)
    # What names a scheme or a host is read as it stands: joining would make a harmless address of an odd one.
    joined = f"https:{location}" if location.startswith("//") else location
    if not _SCHEME.match(joined):
        joined = urljoin(target.url, location)
    if joined.lower().startswith("http://") and _of_the_archive(target.host):
        # The archive names its own pictures without TLS, which its servers speak all the same.
        joined = f"https://{joined[len('http://') :]}"
    return read(joined, policy, redirected_from=target)


def _leads_to_the_archive(host: str, redirected_from: Target | None) -> bool:
    """The Cover Art Archive keeps its pictures at the Internet Archive, whose servers have names that change."""
    return (
        host != COVER_ART
        and _of_the_archive(host)
        and bool(redirected_from and _of_the_archive(redirected_from.host))
    )


def _of_the_archive(host: str) -> bool:
    return host in (COVER_ART, ARCHIVE) or host.endswith(f".{ARCHIVE}")


def _refused(url: str, why: str, policy: Policy) -> RefusedUrlError:
    shown = url.encode("ascii", "backslashreplace").decode().replace("\r", "\\r").replace("\n", "\\n")
    return RefusedUrlError(
        f"{shown[:_SHOWN]!r} is not fetched: {why}", item="picture", remedy=_REMEDY.format(policy.named)
    )


def _host_of(variable: str, address: str) -> list[str]:
    """The host of an address at the usual port; one at another port is for the exceptions."""
    try:
        parts = urlsplit(address)
        port = parts.port or HTTPS
    except ValueError as error:
        raise PermanentError(
            f"the value is no address: {error}", item=variable, remedy=f"Set it to https://{COVER_ART}"
        ) from error
    return [_named(variable, parts.hostname)] if parts.hostname and port == HTTPS else []


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _named(variable: str, host: str) -> str:
    lowered = host.strip().lower()
    if not _NAME.fullmatch(lowered):
        raise PermanentError(
            f"{host!r} is no name of a host", item=variable, remedy="Write names alone, separated by commas"
        )
    return lowered
