"""The media backup, read only: an S3 bucket, or the same tree in a folder. One protocol, two stores.

What the objects mean is not known here. A folder or object that cannot be read is an error, never an empty answer.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from migration_kit.failures import MigrationError, PermanentError, TransientError, retrying
from nabo_pipeline.media.inventory import StoredObject

T = TypeVar("T")
CONNECTIONS = 32


class UnreadableError(PermanentError):
    """This one object cannot be read. It says nothing about the others, as a lost disk or expired credentials would."""


class Backup(Protocol):
    """What a backup can do. Keys are paths below its root, with `/`."""

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with `prefix`. Raises PermanentError or TransientError, never stops short."""

    def head(self, key: str, length: int) -> bytes:
        """The first `length` bytes of an object (fewer if it is shorter)."""

    def read(self, key: str, *, at_most: int) -> bytes:
        """The object, or its first `at_most` + 1 bytes if it is larger than that."""


@dataclass(frozen=True)
class S3Access:
    """How to reach S3; empty values mean boto3's own defaults."""

    endpoint_url: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"


def open_backup(place: str, access: S3Access) -> Backup:
    """The backup at `s3://bucket/prefix` or in a folder. Raises PermanentError if the folder is not there."""
    if place.startswith("s3://"):
        parts = urlsplit(place)
        prefix = parts.path.strip("/")
        return S3Backup(_client(access), parts.netloc, f"{prefix}/" if prefix else "")
    root = Path(place)
    if not root.is_dir():
        raise PermanentError(
            "the folder of the backup is not there",
            item=place,
            remedy="Correct S3_BACKUP_PATH or mount the folder.",
        )
    return FolderBackup(root)


def _client(access: S3Access) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=access.endpoint_url or None,
        aws_access_key_id=access.access_key or None,
        aws_secret_access_key=access.secret_key or None,
        aws_session_token=access.session_token or None,
        region_name=access.region or None,
        # The kit's retries know what is transient; two layers of retries would multiply.
        config=Config(
            max_pool_connections=CONNECTIONS,
            connect_timeout=10,
            read_timeout=60,
            retries={"total_max_attempts": 1},
        ),
    )


@dataclass(frozen=True)
class S3Backup:
    """A bucket, or the part of one below `prefix`. The version mark is the ETag."""

    client: Any
    bucket: str
    prefix: str

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Page by page; a page that fails is asked again, then fails the listing."""
        token: dict[str, str] = {}
        while True:
            wanted = {"Bucket": self.bucket, "Prefix": self.prefix + prefix, **token}
            page = self._call(prefix or "listing", partial(self.client.list_objects_v2, **wanted))
            for found in page.get("Contents", ()):
                key = found["Key"][len(self.prefix) :]
                # Some tools make empty objects named like folders; they are no files.
                if key and not (key.endswith("/") and found["Size"] == 0):
                    yield StoredObject(key, found["Size"], found["ETag"].strip('"'))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def head(self, key: str, length: int) -> bytes:
        """A ranged read."""
        return self._get(key, length)

    def read(self, key: str, *, at_most: int) -> bytes:
        """A ranged read: a huge object never fills the memory."""
        return self._get(key, at_most + 1)

    def _get(self, key: str, length: int) -> bytes:
        wanted = {"Bucket": self.bucket, "Key": self.prefix + key, "Range": f"bytes=0-{length - 1}"}

        def get() -> bytes:
            return bytes(self.client.get_object(**wanted)["Body"].read())

        try:
            return self._call(key, get)
        except _EmptyObjectError:
            return b""

    def _call(self, item: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return ask()
            except Exception as error:
                raise _translated(error, item, self.bucket) from error

        return retrying()(once)


class _EmptyObjectError(PermanentError):
    """S3 answers a range of an empty object with an error."""


_ABOUT_ONE_OBJECT = frozenset(("NoSuchKey", "AccessDenied", "InvalidObjectState"))
"""Absent, forbidden by its own rights, or archived. Everything else that S3 refuses concerns all objects."""


def _translated(error: Exception, item: str, bucket: str) -> MigrationError:
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in ("InvalidRange", "416") or status == 416:
            return _EmptyObjectError("the object is empty", item=item)
        if (
            status >= 500
            or status == 429
            or code in ("SlowDown", "RequestTimeout", "Throttling", "InternalError")
        ):
            return TransientError(f"S3 answered {code or status}", item=item)
        kind = UnreadableError if code in _ABOUT_ONE_OBJECT else PermanentError
        return kind(
            f"S3 answered {code or status} for bucket {bucket}",
            item=item,
            remedy="Check S3_BACKUP_PATH, the credentials and the rights to list and read.",
        )
    if isinstance(error, BotoCoreError | OSError):
        return TransientError(f"S3 could not be reached: {type(error).__name__}", item=item)
    return PermanentError(f"reading from S3 failed: {type(error).__name__}: {error}", item=item)


@dataclass(frozen=True)
class FolderBackup:
    """The tree in a folder. The version mark is the time of the last change, in nanoseconds."""

    root: Path

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every file; links are listed and never followed. Raises PermanentError for what cannot be read."""
        start = self.root / prefix
        if not start.is_dir():
            return
        for folder, folders, files in os.walk(start, onerror=_unreadable):
            folders.sort()
            for name in (*sorted(files), *(name for name in folders if (Path(folder) / name).is_symlink())):
                path = Path(folder) / name
                facts = path.lstat()
                regular = stat.S_ISREG(facts.st_mode)
                special = "" if regular else "inode/symlink" if path.is_symlink() else "inode/special"
                key = path.relative_to(self.root).as_posix()
                _require_text(key)
                yield StoredObject(key, facts.st_size if regular else 0, str(facts.st_mtime_ns), special)

    def head(self, key: str, length: int) -> bytes:
        """The first bytes."""
        return self._get(key, length)

    def read(self, key: str, *, at_most: int) -> bytes:
        """The file, or one byte more than `at_most`."""
        return self._get(key, at_most + 1)

    def _get(self, key: str, length: int) -> bytes:
        try:
            with (self.root / key).open("rb") as stream:
                return stream.read(length)
        except OSError as error:
            # Of a disk or share that has gone only an empty folder may be left where it was mounted.
            if not (self.root / key.split("/", 1)[0]).exists():
                raise TransientError("the folder of the backup is gone", item=key) from error
            raise _unreadable_error(error, key) from error


def _require_text(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise PermanentError(
            "its name is not UTF-8", item=ascii(key), remedy="Rename it in the backup."
        ) from error


def _unreadable(error: OSError) -> None:
    raise _unreadable_error(error, str(error.filename)) from error


_ABOUT_ONE_FILE = frozenset(
    (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
)


def _unreadable_error(error: OSError, item: str) -> MigrationError:
    if error.errno not in _ABOUT_ONE_FILE:
        return TransientError(f"the backup cannot be read: {error.strerror}", item=item)
    return UnreadableError(
        f"it cannot be read: {error.strerror}",
        item=item,
        remedy="Give the migration the right to read the backup.",
    )
