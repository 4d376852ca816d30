"""The media backup, read only: an S3 bucket, or the same tree in a folder. One protocol, two stores.

What the objects mean is not known here. A folder or object that cannot be read is an error, never an empty answer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.s3 import S3Access, s3_client
from nabo_pipeline.media.inventory import StoredObject
from nabo_pipeline.stores.backup_errors import EmptyObjectError, folder_error, s3_error

T = TypeVar("T")
LONGEST_KEY = 1024
"""Bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
_CORRECT = {
    "item": "S3_ENDPOINT_URL",
    "remedy": "Correct S3_ENDPOINT_URL (http:// or https://, a host), AWS_REGION and the credentials.",
}


class Backup(Protocol):
    """What a backup can do. Keys are paths below its root, with `/`."""

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with `prefix`. Raises PermanentError or TransientError, never stops short."""

    def head(self, key: str, length: int) -> bytes:
        """The first `length` bytes of an object (fewer if it is shorter)."""

    def read(self, key: str, *, at_most: int) -> bytes:
        """The object, or its first `at_most` + 1 bytes if it is larger than that."""


def open_backup(place: str, access: S3Access) -> Backup:
    """The backup at `s3://bucket/prefix` or in a folder. Raises PermanentError if the folder is not there."""
    if place.startswith("s3://"):
        parts = urlsplit(place)
        prefix = parts.path.strip("/")
        return S3Backup(s3_client(access, **_CORRECT), parts.netloc, f"{prefix}/" if prefix else "")
    root = Path(place)
    if not root.is_dir():
        raise PermanentError(
            "the folder of the backup is not there",
            item=place,
            remedy="Correct S3_BACKUP_PATH or mount the folder.",
        )
    return FolderBackup(root)


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
        except EmptyObjectError:
            return b""

    def _call(self, item: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return ask()
            except Exception as error:
                raise s3_error(error, item, self.bucket) from error

        return retrying()(once)


@dataclass(frozen=True)
class FolderBackup:
    """The tree in a folder. The version mark is the time of the last change, in nanoseconds."""

    root: Path

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every file; links are listed and never followed. Raises PermanentError for what cannot be read.

        `prefix` is a folder's name with its slash. In memory are the folders of one path, however many files there are.
        """
        start = self.root / prefix
        if not self._is_folder(start):
            return
        open_folders = [(prefix, _scan(start))]
        try:
            while open_folders:
                above, entries = open_folders[-1]
                entry = _next(entries, above)
                if entry is None:
                    open_folders.pop()[1].close()
                    continue
                key = above + entry.name
                _require_name(key)
                facts = _facts(key, entry)
                if stat.S_ISDIR(facts.st_mode):
                    open_folders.append((f"{key}/", _scan(Path(entry.path))))
                else:
                    yield _described(key, facts)
        finally:
            for _, entries in open_folders:
                entries.close()

    def _is_folder(self, start: Path) -> bool:
        """Whether there is such a folder; a link to one is a file of the folder that it stands in."""
        try:
            facts = start.stat() if start == self.root else start.lstat()
            return stat.S_ISDIR(facts.st_mode)
        except FileNotFoundError:
            if self.root.is_dir():
                return False
            raise TransientError("the folder of the backup is gone", item=str(self.root)) from None
        except OSError as error:
            raise folder_error(error, str(start)) from error

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
            raise folder_error(error, key) from error


def _require_name(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise PermanentError(
            "its name is not UTF-8", item=ascii(key), remedy="Rename it in the backup."
        ) from error
    if size > LONGEST_KEY:
        raise PermanentError(
            f"its path is longer than the {LONGEST_KEY} bytes of an S3 key",
            item=key,
            remedy="Rename it in the backup.",
        )


def _scan(folder: Path) -> Any:
    try:
        return os.scandir(folder)
    except OSError as error:
        raise folder_error(error, str(folder)) from error


def _next(entries: Iterator[os.DirEntry[str]], folder: str) -> os.DirEntry[str] | None:
    try:
        return next(entries, None)
    except OSError as error:
        raise folder_error(error, folder) from error


def _facts(key: str, entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError as error:
        raise folder_error(error, key) from error


def _described(key: str, facts: os.stat_result) -> StoredObject:
    mark = str(facts.st_mtime_ns)
    if stat.S_ISREG(facts.st_mode):
        return StoredObject(key, facts.st_size, mark)
    return StoredObject(key, 0, mark, "inode/symlink" if stat.S_ISLNK(facts.st_mode) else "inode/special")
