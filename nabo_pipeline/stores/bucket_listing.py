"""A bucket's whole listing as a table beside the ledger, so that SQL can compare the two; memory stays bounded.

What is compared is the business of who asks. How Storage lists stands in `stores.storage`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration_kit.postgres import transient_errors
from nabo_pipeline.stores.session import session_kept
from nabo_pipeline.stores.storage import LIST_PAGE, Storage
from nabo_pipeline.stores.storage_errors import NotOfferedError

if TYPE_CHECKING:
    import psycopg

# Paths compare by bytes, as in Python and in Storage's own order, whatever the database's collation.
_MAKE = """
    create temp table if not exists bucket_listing
        (path text collate "C" primary key, size bigint, mime text not null)
"""
_ADD = """
    insert into bucket_listing (path, size, mime)
    select * from unnest(%s::text[], %s::bigint[], %s::text[]) on conflict (path) do nothing
"""


@dataclass(frozen=True)
class ListedObject:
    """One object of a bucket: path without the bucket, bytes (None while Storage does not know them), content type."""

    path: str
    size: int | None
    mime: str


def stage_listing(connection: psycopg.Connection[Any], storage: Storage, bucket: str) -> int:
    """Makes the connection's temporary table `bucket_listing(path, size, mime)` anew; returns how many objects it has.

    Raises PermanentError if there is no such bucket: Storage lists a missing one as empty.
    """
    storage.rules(bucket)
    with transient_errors("bucket listing"), session_kept("bucket listing"):
        connection.execute(_MAKE)
        connection.execute("truncate bucket_listing")
    staged = 0
    for page in list_bucket(storage, bucket):
        columns = [[one.path for one in page], [one.size for one in page], [one.mime for one in page]]
        with transient_errors("bucket listing"), session_kept("bucket listing"):
            staged += connection.execute(_ADD, columns).rowcount
    with transient_errors("bucket listing"), session_kept("bucket listing"):
        connection.execute("analyze bucket_listing")
    return staged


def list_bucket(storage: Storage, bucket: str) -> Iterator[list[ListedObject]]:
    """Every object of a bucket, page by page: flat by `list-v2`, folder by folder on a server that has only `list`."""
    try:
        page = storage.listed_page(bucket, None)
    except NotOfferedError:
        yield from _walk(storage, bucket)
        return
    while True:
        yield [
            ListedObject(found.key or found.name, *_size_and_type(found.metadata)) for found in page.objects
        ]
        if not page.hasNext:
            return
        page = storage.listed_page(bucket, page.nextCursor)


def _walk(storage: Storage, bucket: str) -> Iterator[list[ListedObject]]:
    folders = [""]
    while folders:
        folder, offset = folders.pop(), 0
        while True:
            page = storage.listed_folder(bucket, folder, offset)
            named = [(f"{folder}/{found['name']}".lstrip("/"), found) for found in page]
            # Storage lists folders as entries without an id.
            folders += [path for path, found in named if found.get("id") is None]
            yield [
                ListedObject(path, *_size_and_type(found.get("metadata")))
                for path, found in named
                if found.get("id") is not None
            ]
            if len(page) < LIST_PAGE:
                break
            offset += LIST_PAGE


def _size_and_type(metadata: dict[str, Any] | None) -> tuple[int | None, str]:
    told = metadata or {}
    size = told.get("size")
    return None if size is None else int(size), str(told.get("mimetype", ""))
