"""The Storage servers the contract is asked of: the stand-in, and a real one if the environment names it.

CONTRACT_SUPABASE_URL and CONTRACT_SUPABASE_KEY (its service-role key) add the real one: `supabase start`, or a
project of one's own that may get and lose buckets named `contract-...`.
"""

import http.client
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

_REAL = "CONTRACT_SUPABASE_URL" in os.environ and "CONTRACT_SUPABASE_KEY" in os.environ


@dataclass(frozen=True)
class Service:
    """A Storage server: its SUPABASE_URL and service-role key."""

    url: str
    key: str = field(repr=False)

    def client(self, key: str | None = None):
        """The real client's Storage part; with another key if one is given."""
        return _client(self.url, key or self.key)

    def ask(self, method: str, path: str, *, key: str | None = None, **options: object) -> httpx.Response:
        """A request as it goes over the wire; `path` comes after /storage/v1."""
        headers = {"authorization": f"Bearer {key or self.key}", "apikey": key or self.key}
        headers |= options.pop("headers", {})
        return httpx.request(method, f"{self.url}/storage/v1{path}", headers=headers, timeout=60, **options)

    def begin_upload(self, path: str, *, size: int) -> http.client.HTTPConnection:
        """A connection over which the body of an upload is to be sent: `send`, then `getresponse`."""
        address = urlsplit(self.url)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(address.hostname, address.port, timeout=60)
        connection.putrequest("POST", f"{address.path}/storage/v1{path}")
        for name, value in {"authorization": f"Bearer {self.key}", "content-length": str(size)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection

    @property
    def forged_key(self) -> str:
        """The claims of the true key, signed by somebody else."""
        claims = jwt.decode(self.key, options={"verify_signature": False})
        return jwt.encode(claims, "a secret that is not the project's own", algorithm="HS256")

    def ask_as_nobody(self, method: str, path: str) -> httpx.Response:
        """A request without any key."""
        return httpx.request(method, f"{self.url}/storage/v1{path}", timeout=60)


@cache  # making a client loads certificates, which takes longer than most of these tests
def _client(url: str, key: str):
    from supabase import create_client

    return create_client(url, key).storage


@pytest.fixture(params=["stand-in", "real"] if _REAL else ["stand-in"])
def service(request: pytest.FixtureRequest) -> Service:
    """Each server in turn."""
    if request.param == "real":
        return Service(os.environ["CONTRACT_SUPABASE_URL"].rstrip("/"), os.environ["CONTRACT_SUPABASE_KEY"])
    place = request.getfixturevalue("storage")
    return Service(place.url, place.service_role_key)


@pytest.fixture
def new_bucket(service: Service) -> Iterator[Callable[..., str]]:
    """Make a bucket with these options; it is emptied and removed after the test."""
    made: list[str] = []

    def make(**options: object) -> str:
        name = f"contract-{uuid.uuid4().hex[:16]}"
        service.client().create_bucket(name, options=options)
        made.append(name)
        return name

    yield make
    for name in made:
        service.client().empty_bucket(name)
        service.client().delete_bucket(name)


@pytest.fixture
def bucket(service: Service, new_bucket: Callable[..., str]):
    """A private bucket without limits of its own, as the client's proxy."""
    return service.client().from_(new_bucket())
