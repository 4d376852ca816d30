"""Covers in an S3-compatible bucket: put where nothing is, read back, compared; never overwritten, never listed.

What a cover is made of, and what becomes of one that cannot be had, is decided in `steps.album_art`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from asset_registry_pipeline.stores.settings import Settings
from migration_kit import environment
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.s3 import S3Access, answer_of, s3_client, s3_error

T = TypeVar("T")

# Without the right to list, S3 answers 403 for an object that is not there.
_REMEDY = (
    "Check ALBUM_ART_BUCKET, ALBUM_ART_ENDPOINT_URL, the credentials and the rights to list, read and write"
)
_ATTEMPTS = 3
_FOR_GOOD = "public, max-age=31536000, immutable"
"""Under one key there is never anything else."""
_ABSENT = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True)
class StoredObject:
    """One object of a cover as it was read back: its key, SHA-256 (hex) and number of bytes."""

    key: str
    sha256: str
    bytes: int


class KeyTakenError(PermanentError):
    """Another object stands under a key: this is about one cover, not about the bucket."""


class CoverStore:
    """The bucket of the covers, and the address under which the public finds its objects."""

    def __init__(self, client: Any, bucket: str, public_url: str) -> None:
        self._client = client
        self.bucket = bucket
        self._public_url = public_url.rstrip("/")

    def url(self, key: str) -> str:
        """The permanent address of an object."""
        return f"{self._public_url}/{quote(key)}"

    def put(self, key: str, data: bytes, mime: str) -> StoredObject:
        """Put an object where there is none, read it back and compare. One that is there and equal is left as it is.

        Raises:
            KeyTakenError: another object stands under the key.
            PermanentError: the bucket refuses.
            TransientError: the store does not answer, or what was read back differs.
        """
        found = self.read(key)
        if found is None:
            named = {"Bucket": self.bucket, "Key": key, "ContentType": mime, "CacheControl": _FOR_GOOD}
            self._call(key, lambda: self._client.put_object(Body=data, **named))
            found = self.read(key)
            if found != data:
                raise TransientError("what was read back is not what was written", item=key)
        elif found != data:
            raise KeyTakenError(
                "another object stands under this key, and nothing is overwritten",
                item=f"{self.bucket}/{key}",
                remedy="Look who wrote it; move it away if it is nobody's, then run again",
            )
        return StoredObject(key, hashlib.sha256(data).hexdigest(), len(data))

    def read(self, key: str) -> bytes | None:
        """The object's bytes, None where there is none.

        Raises:
            PermanentError: the bucket refuses.
            TransientError: the store does not answer.
        """

        def get() -> bytes | None:
            try:
                return bytes(self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read())
            except Exception as error:
                if answer_of(error)[0] in _ABSENT:
                    return None
                raise

        return self._call(key, get)

    def stored_at(self, key: str) -> datetime:
        """When the object was stored, by the store's own clock; it is there.

        Raises:
            PermanentError: it is not there, or the bucket refuses.
            TransientError: the store does not answer.
        """
        head = self._call(key, lambda: self._client.head_object(Bucket=self.bucket, Key=key))
        moment: datetime = head["LastModified"]
        return moment

    def remove(self, key: str) -> None:
        """Take an object away; nothing happens where there is none.

        Raises:
            PermanentError: the bucket refuses.
            TransientError: the store does not answer.
        """
        self._call(key, lambda: self._client.delete_object(Bucket=self.bucket, Key=key))

    def _call(self, key: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return ask()
            except Exception as error:
                raise s3_error(error, key, bucket=self.bucket, remedy=_REMEDY) from error

        return retrying(attempts=_ATTEMPTS)(once)


def open_covers(settings: Settings) -> CoverStore | None:
    """The bucket that the settings name, None where they name none: then songs go without album art.

    Raises:
        PermanentError: a setting is missing or refused.
    """
    bucket = settings.album_art_bucket.strip()
    if not bucket:
        return None
    endpoint = settings.album_art_endpoint_url.strip()
    public = settings.album_art_public_url.strip()
    for name, address in (("ALBUM_ART_ENDPOINT_URL", endpoint), ("ALBUM_ART_PUBLIC_URL", public)):
        if address:
            environment.required_url(name, address, schemes=("https", "http"))
    environment.refuse_production(
        "ALBUM_ART_BUCKET", bucket, confirmed=settings.confirmed, listed_in="REGISTRY_CONFIRMED"
    )
    access = S3Access(endpoint, settings.album_art_access_key_id, settings.album_art_secret_access_key)
    client = s3_client(
        access,
        item="ALBUM_ART_ENDPOINT_URL",
        remedy="Correct it (http:// or https://, a host), or unset it for AWS",
    )
    own = f"{endpoint.rstrip('/')}/{bucket}" if endpoint else f"https://{bucket}.s3.amazonaws.com"
    return CoverStore(client, bucket, public or own)
