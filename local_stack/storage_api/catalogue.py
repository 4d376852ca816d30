"""What a project holds: its buckets, objects and unfinished uploads, in one SQLite file.

A row appears or changes in one statement, after its bytes are complete on disk; so a stop at any moment
leaves either the state before or the state after. The bytes themselves belong in `blobs`, rules and errors
of the API elsewhere.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_stack.storage_api import errors

_SCHEMA = """
create table if not exists buckets (
    id text primary key, public integer not null, size_limit integer, types text,
    created_at text not null, updated_at text not null
);
create table if not exists objects (
    bucket text not null, name text not null, id text not null, blob text not null unique,
    size integer not null, content_type text not null, cache_control text not null, user_metadata text,
    created_at text not null, updated_at text not null,
    primary key (bucket, name)
) without rowid;
create table if not exists uploads (
    id text primary key, bucket text not null, name text not null, blob text not null unique, length integer not null,
    upsert integer not null, content_type text not null, cache_control text not null, user_metadata text,
    header text not null
);
"""


@dataclass(frozen=True)
class Bucket:
    """A bucket: `size_limit` in bytes and `types` are None where it sets no limit of its own."""

    id: str
    public: bool
    size_limit: int | None
    types: tuple[str, ...] | None
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Content:
    """Bytes that are complete on disk, and what is to be known of them."""

    blob: str
    size: int
    content_type: str
    cache_control: str
    user_metadata: Mapping[str, Any] | None


@dataclass(frozen=True)
class StoredObject:
    """An object as it stands."""

    bucket: str
    name: str
    id: str
    content: Content
    created_at: str
    updated_at: str

    @property
    def etag(self) -> str:
        """A mark of this version. As on the real server it proves nothing about the content."""
        return f'"{self.content.blob.replace("-", "")}"'


@dataclass(frozen=True)
class Upload:
    """A resumable upload that is not finished: its bytes so far lie in the blob `content.blob`."""

    id: str
    bucket: str
    name: str
    upsert: bool
    length: int
    content: Content
    header: str


class Catalogue:
    """The rows of one project. Every method is one transaction; none of them reads or writes content."""

    def __init__(self, path: Path) -> None:
        """Open the catalogue in this file, or make it."""
        self._sql = sqlite3.connect(path, isolation_level=None)
        self._sql.row_factory = sqlite3.Row
        self._sql.execute("pragma journal_mode = wal")
        self._sql.execute("pragma synchronous = normal")
        self._sql.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        return [_bucket(row) for row in self._sql.execute("select * from buckets order by id")]

    def bucket(self, bucket_id: str) -> Bucket:
        """One bucket; raises NoSuchBucket."""
        row = self._sql.execute("select * from buckets where id = ?", [bucket_id]).fetchone()
        if row is None:
            raise errors.no_such_bucket()
        return _bucket(row)

    def add_bucket(
        self, bucket_id: str, *, public: bool, size_limit: int | None, types: Sequence[str] | None
    ) -> None:
        """Make a bucket; raises Duplicate."""
        now = _now()
        try:
            self._sql.execute(
                "insert into buckets values (?, ?, ?, ?, ?, ?)",
                [bucket_id, public, size_limit, _json(types), now, now],
            )
        except sqlite3.IntegrityError:
            raise errors.duplicate() from None

    def change_bucket(self, bucket_id: str, changes: Mapping[str, Any]) -> None:
        """Change those of `public`, `size_limit` and `types` that are given; raises NoSuchBucket."""
        old = self.bucket(bucket_id)
        self._sql.execute(
            "update buckets set public = ?, size_limit = ?, types = ?, updated_at = ? where id = ?",
            [
                changes.get("public", old.public),
                changes.get("size_limit", old.size_limit),
                _json(changes.get("types", old.types)),
                _now(),
                bucket_id,
            ],
        )

    def remove_bucket(self, bucket_id: str) -> None:
        """Remove an empty bucket; raises NoSuchBucket, or that it is not empty."""
        self.bucket(bucket_id)
        if self._sql.execute("select 1 from objects where bucket = ? limit 1", [bucket_id]).fetchone():
            raise errors.bucket_not_empty()
        self._sql.execute("delete from buckets where id = ?", [bucket_id])

    def find(self, bucket_id: str, name: str) -> StoredObject | None:
        """The object with this key, if there is one."""
        row = self._sql.execute(
            "select * from objects where bucket = ? and name = ?", [bucket_id, name]
        ).fetchone()
        return None if row is None else _object(row)

    def objects(self, bucket_id: str, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose key begins with the prefix, upper and lower case alike, by key."""
        pattern = prefix.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        rows = self._sql.execute(
            "select * from objects where bucket = ? and name like ? escape '!' order by name",
            [bucket_id, pattern],
        )
        return map(_object, rows)

    def page(self, bucket_id: str, prefix: str, after: str, limit: int) -> list[StoredObject]:
        """Up to `limit` objects whose key begins with the prefix, by key, those after the key `after`."""
        rows = self._sql.execute(
            "select * from objects where bucket = ? and name > ? and substr(name, 1, ?) = ? order by name limit ?",
            [bucket_id, after, len(prefix), prefix, limit],
        )
        return [_object(row) for row in rows]

    def put(
        self, bucket_id: str, name: str, content: Content, *, upsert: bool, ends: str | None = None
    ) -> tuple[StoredObject, str | None]:
        """Record an object whose bytes are complete; returns it and the blob it replaces.

        `ends` names the resumable upload that is finished with it. Raises Duplicate.
        """
        old = self.find(bucket_id, name)
        if old is not None and not upsert:
            raise errors.duplicate()
        now = _now()
        stored = StoredObject(
            bucket=bucket_id,
            name=name,
            id=old.id if old else str(uuid.uuid4()),
            content=content,
            created_at=old.created_at if old else now,
            updated_at=now,
        )
        row = [bucket_id, name, stored.id, *_columns(content), stored.created_at, stored.updated_at]
        self._sql.execute("begin immediate")
        try:
            self._sql.execute("insert or replace into objects values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            self._sql.execute("delete from uploads where id = ?", [ends])
        except BaseException:
            self._sql.execute("rollback")
            raise
        self._sql.execute("commit")
        return stored, old.content.blob if old else None

    def move(self, source: StoredObject, bucket_id: str, name: str) -> None:
        """Give an object another key; raises Duplicate."""
        try:
            self._sql.execute(
                "update objects set bucket = ?, name = ?, updated_at = ? where bucket = ? and name = ?",
                [bucket_id, name, _now(), source.bucket, source.name],
            )
        except sqlite3.IntegrityError:
            raise errors.duplicate() from None

    def remove(self, bucket_id: str, names: Iterable[str]) -> list[StoredObject]:
        """Remove these keys; returns the objects that were there."""
        rows = self._sql.execute(
            "delete from objects where bucket = ? and name in (select value from json_each(?)) returning *",
            [bucket_id, json.dumps(list(names))],
        )
        return [_object(row) for row in rows.fetchall()]

    def add_upload(self, upload: Upload) -> None:
        """Record a resumable upload that begins."""
        content = upload.content
        self._sql.execute(
            "insert into uploads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(upload.id, upload.bucket, upload.name, content.blob, upload.length, upload.upsert),
                *(content.content_type, content.cache_control, _json(content.user_metadata), upload.header),
            ],
        )

    def upload(self, upload_id: str) -> Upload | None:
        """An unfinished resumable upload."""
        row = self._sql.execute("select * from uploads where id = ?", [upload_id]).fetchone()
        if row is None:
            return None
        content = Content(
            row["blob"], 0, row["content_type"], row["cache_control"], _unjson(row["user_metadata"])
        )
        return Upload(
            row["id"], row["bucket"], row["name"], bool(row["upsert"]), row["length"], content, row["header"]
        )

    def end_upload(self, upload_id: str) -> None:
        """Forget a resumable upload that is finished or given up."""
        self._sql.execute("delete from uploads where id = ?", [upload_id])

    def blobs(self) -> set[str]:
        """Every blob that an object or an unfinished upload needs."""
        rows = self._sql.execute("select blob from objects union select blob from uploads")
        return {row[0] for row in rows}


def _bucket(row: sqlite3.Row) -> Bucket:
    types = _unjson(row["types"])
    return Bucket(
        id=row["id"],
        public=bool(row["public"]),
        size_limit=row["size_limit"],
        types=None if types is None else tuple(types),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _object(row: sqlite3.Row) -> StoredObject:
    content = Content(
        blob=row["blob"],
        size=row["size"],
        content_type=row["content_type"],
        cache_control=row["cache_control"],
        user_metadata=_unjson(row["user_metadata"]),
    )
    return StoredObject(row["bucket"], row["name"], row["id"], content, row["created_at"], row["updated_at"])


def _columns(content: Content) -> list[Any]:
    return [
        content.blob,
        content.size,
        content.content_type,
        content.cache_control,
        _json(content.user_metadata),
    ]


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


def _unjson(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
