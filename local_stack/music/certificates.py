"""The stand-in's own authority and certificate, kept in its folder. Who is to trust it gets the authority."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAMES = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: the authority, and the server's key with its chain."""

    authority: Path
    server: Path


def certificates(folder: Path) -> Certificates:
    """Those of this folder, made at the first call."""
    import trustme

    made = Certificates(folder / "authority.pem", folder / "server.pem")
    if not (made.authority.exists() and made.server.exists()):
        authority = trustme.CA()
        issued = authority.issue_cert(*NAMES)
        made.server.touch(mode=0o600)
        issued.private_key_and_cert_chain_pem.write_to_path(made.server)
        authority.cert_pem.write_to_path(made.authority)
    return made
