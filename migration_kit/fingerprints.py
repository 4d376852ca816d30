"""Hashes that mean the same on every machine: of values, of sequences of hashes, of byte streams.

Pure. What goes into a fingerprint is the caller's decision.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePath
from uuid import UUID

_MODULUS = 2**256


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            plain: object = {"$date": value.isoformat()}
        case bytes() | bytearray() | memoryview():
            plain = {"$bytes": bytes(value).hex()}
        case set() | frozenset():
            plain = sorted(canonical_json(member) for member in value)
        case Mapping():
            plain = dict(value)
        case Decimal() | UUID() | PurePath():
            plain = {f"${type(value).__name__}": str(value)}
        case _ if is_dataclass(value) and not isinstance(value, type):
            plain = asdict(value)
        case _:
            # BSON's own types print themselves unambiguously (ObjectId('...'), Int64(3)).
            plain = {f"${type(value).__name__}": repr(value)}
    return plain


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space; dates, bytes and other kinds carry their type's name.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot say.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
    )


def fingerprint(value: object) -> str:
    """SHA-256 (64 hex digits) of the value's canonical JSON."""
    # A lone surrogate is legal in JSON text and in a hostile document; it must have a hash, not an error.
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def combine(fingerprints: Iterable[str]) -> str:
    """SHA-256 of a sequence of fingerprints, in their order; memory does not grow with their number."""
    digest = hashlib.sha256()
    for one in fingerprints:
        digest.update(one.encode())
        digest.update(b"\n")
    return digest.hexdigest()


class SetDigest:
    """A hash of things in whatever order they come: the sum of their SHA-256 (mod 2^256). It takes no memory.

    The digest of two sets together is the sum of their digests. A thing that comes twice counts twice.
    """

    def __init__(self) -> None:
        self.total = 0

    def add(self, one: str) -> None:
        """Take one thing in; ``one`` must say it unambiguously."""
        self.add_bytes(one.encode("utf-8", "surrogatepass"))

    def add_bytes(self, one: bytes) -> None:
        """Take in one thing that is bytes already."""
        self.total += int.from_bytes(hashlib.sha256(one).digest(), "big")

    def update(self, other: "SetDigest") -> None:
        """Take in all that the other has."""
        self.total += other.total

    def hexdigest(self) -> str:
        """64 hex digits."""
        return f"{self.total % _MODULUS:064x}"


def sha256_stream(chunks: Iterable[bytes]) -> str:
    """SHA-256 (64 hex digits) of bytes that arrive in chunks."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
