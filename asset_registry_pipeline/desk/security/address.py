"""Under which address the desk is opened, and what follows from it: hosts, origin, cookies."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from migration_kit.failures import PermanentError

THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]", "::1")


@dataclass(frozen=True)
class Address:
    """`origin`: scheme, host and port of DESK_URL; empty where it is unset and only this machine's names are taken."""

    origin: str = ""

    @property
    def secure(self) -> bool:
        """Whether it is opened over https, so that cookies may demand it."""
        return self.origin.startswith("https://")

    @property
    def cookie(self) -> str:
        """The session cookie's name; the prefix makes browsers refuse one that a neighbour domain planted."""
        return "__Host-desk" if self.secure else "desk"

    @property
    def login_cookie(self) -> str:
        """The name of the cookie that ties the login form to a browser before there is a session."""
        return f"{self.cookie}-login"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names under which it answers: its own, and this machine's for probes."""
        host = urlsplit(self.origin).hostname
        return (*((host,) if host else ()), *THIS_MACHINE)

    def is_own(self, origin: str, host: str) -> bool:
        """Whether an Origin header names the desk itself; `host` is the request's Host header."""
        return origin.lower() == (self.origin or f"http://{host}".lower())


def read_address(url: str) -> Address:
    """The address that DESK_URL gives.

    Raises:
        PermanentError: it is no http or https address without path and credentials.
    """
    if not url.strip():
        return Address()
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise PermanentError(
            "the value is no address that begins with https://",
            item="DESK_URL",
            remedy="Set it to something like https://desk.example",
        )
    if parts.path.rstrip("/") or parts.query or parts.fragment:
        raise PermanentError(
            "the desk is at the root of its address, and this one has a path",
            item="DESK_URL",
            remedy=f"Set it to {parts.scheme}://{parts.hostname}",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return Address(f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}")
