"""Supabase Storage through its own client: rules, upload, reading back, listing.

Which object goes where is decided elsewhere; what its errors mean stands in `stores.storage_errors`. Nothing here
overwrites an object.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError, retrying
from nabo_pipeline.media.plans import BucketRules
from nabo_pipeline.stores import resumable
from nabo_pipeline.stores.storage_errors import DuplicateError, MissingError, NotOfferedError, translated

if TYPE_CHECKING:
    import httpx
    from storage3 import SyncStorageClient
    from storage3.types import SearchV2Options, SearchV2Result

T = TypeVar("T")
CACHE_CONTROL = "3600"
"""Seconds; what the app sets on its own uploads."""
MARK = {"migratedBy": "nabo_pipeline"}
"""Metadata of every object that this migration puts there, stored with it in one step: whose it is stays known even if
the run is lost before it has said so in the ledger."""
ATTEMPT = "attempt"
"""The metadata's name for which call of `upload` wrote an object."""
RESUMABLE_OVER = 6_000_000
"""Bytes above which an object goes part by part, as Supabase advises: a broken connection costs one part only."""
LIST_PAGE = 1000
CONNECTIONS = 32
MOST_KEYS = 1000
"""Objects that one removal may name."""


class Storage:
    """A project's Storage; safe to use from many threads."""

    def __init__(self, url: str, service_role_key: str) -> None:
        http = _http_client()
        self._storage = _client(url, service_role_key, http)
        self._parts = resumable.Address(
            f"{url.rstrip('/')}/storage/v1/upload/resumable",
            {"authorization": f"Bearer {service_role_key}", "apikey": service_role_key},
            http,
        )
        self._parts_offered = True

    def rules(self, bucket: str) -> BucketRules:
        """The bucket's own limit and types. Raises PermanentError if there is no such bucket."""
        found = self._call(bucket, lambda: self._storage.get_bucket(bucket))
        return BucketRules(bucket, found.file_size_limit, frozenset(found.allowed_mime_types or ()))

    def upload(self, bucket: str, path: str, data: bytes, mime: str, *, attempt: str = "") -> None:
        """Writes a new object with this migration's mark; `attempt` is stored with it and tells this call from others.

        Over `RESUMABLE_OVER` bytes part by part, where the server offers that. Raises DuplicateError if one is there,
        RefusedError if Storage does not take this one.
        """
        mark = MARK | {ATTEMPT: attempt}
        if len(data) > RESUMABLE_OVER and self._parts_offered:
            try:
                resumable.upload(
                    self._parts, bucket, path, data, mime=mime, cache_control=CACHE_CONTROL, mark=mark
                )
            except NotOfferedError:
                self._parts_offered = False
            else:
                return
        self._upload_whole(bucket, path, data, mime, mark)

    def _upload_whole(self, bucket: str, path: str, data: bytes, mime: str, mark: dict[str, str]) -> None:
        tries = 0

        def once() -> object:
            nonlocal tries
            tries += 1
            # The client changes the options that it is given: a fresh dict for every try.
            options: Any = {
                "content-type": mime, "cache-control": CACHE_CONTROL, "upsert": "false", "metadata": dict(mark),
            }  # fmt: skip
            return self._storage.from_(bucket).upload(path, data, options)

        try:
            self._call(f"{bucket}/{path}", once)
        except DuplicateError as error:
            error.own_try = tries > 1
            raise

    def download(self, bucket: str, path: str) -> bytes:
        """The object's bytes, as they are stored now. Raises MissingError."""
        # A hosted project answers by a cache that keeps what stood there for a minute: an address that nobody has asked
        # for is in no cache.
        asked = {"asked": uuid.uuid4().hex}
        return self._call(
            f"{bucket}/{path}", lambda: self._storage.from_(bucket).download(path, query_params=asked)
        )

    def size(self, bucket: str, path: str) -> int | None:
        """Bytes of the object as Storage says, None if there is none."""
        try:
            found = self._call(f"{bucket}/{path}", lambda: self._storage.from_(bucket).info(path))
        except MissingError:
            return None
        return int(found["size"])

    def version(self, bucket: str, path: str) -> str | None:
        """What changes whenever the object is written, None if there is none. It proves nothing about the bytes."""
        try:
            found = self._call(f"{bucket}/{path}", lambda: self._storage.from_(bucket).info(path))
        except MissingError:
            return None
        return f"{found.get('version')} {found.get('etag')} {found.get('last_modified')}"

    def is_marked(self, bucket: str, path: str, *, attempt: str | None = None) -> bool:
        """Whether the object carries this migration's mark; with `attempt`, that of this very call of `upload`.

        Never true on a server that drops an object's own metadata. Raises MissingError.
        """
        found = self._call(f"{bucket}/{path}", lambda: self._storage.from_(bucket).info(path))
        told = found.get("metadata") or {}
        mark = MARK | ({ATTEMPT: attempt} if attempt else {})
        return all(told.get(name) == value for name, value in mark.items())

    def origin(self, bucket: str, path: str) -> tuple[bool, datetime | None]:
        """Whether the object has this migration's mark, and when it was made (None: not told). Raises MissingError."""
        found = self._call(f"{bucket}/{path}", lambda: self._storage.from_(bucket).info(path))
        told = found.get("metadata") or {}
        marked = all(told.get(name) == value for name, value in MARK.items())
        made = found.get("created_at")
        return marked, datetime.fromisoformat(str(made)) if made else None

    def listed_page(self, bucket: str, cursor: str | None) -> SearchV2Result:
        """A page of the whole bucket, flat, after `cursor` (None: the first).

        Raises NotOfferedError where the server has no `list-v2`. A missing bucket may list as an empty one.
        """
        options: SearchV2Options = {"limit": LIST_PAGE, "with_delimiter": False}
        if cursor:
            options["cursor"] = cursor
        try:
            return self._call(bucket, lambda: self._storage.from_(bucket).list_v2(options))
        except MissingError as error:  # a route that does not exist: of a listing nothing else can be missing
            raise NotOfferedError(error.reason, item=bucket) from error

    def remove(self, bucket: str, path: str) -> None:
        """Takes one object away."""
        self._call(f"{bucket}/{path}", lambda: self._storage.from_(bucket).remove([path]))

    def remove_all(self, bucket: str, paths: Sequence[str]) -> frozenset[str]:
        """Takes objects away, `MOST_KEYS` in one call; returns the paths of those that Storage says it removed."""
        removed: set[str] = set()
        for chunk in chunked(paths, MOST_KEYS):
            gone = self._call(bucket, lambda keys=chunk: self._storage.from_(bucket).remove(keys))  # type: ignore[misc]
            removed |= {str(one["name"]) for one in gone}
        return frozenset(removed)

    def listed_folder(self, bucket: str, folder: str, offset: int) -> list[dict[str, Any]]:
        """The entries directly in a folder, by name, up to `LIST_PAGE` from `offset` on; one without id is a folder."""
        options: Any = {"limit": LIST_PAGE, "offset": offset, "sortBy": {"column": "name", "order": "asc"}}
        return self._call(f"{bucket}/{folder}", lambda: self._storage.from_(bucket).list(folder, options))

    def _call(self, item: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return ask()
            except Exception as error:
                raise translated(error, item) from error

        return retrying()(once)


def _http_client() -> httpx.Client:
    import httpx

    # HTTP/1.1: one connection a thread. Many threads on one HTTP/2 connection share its fate.
    return httpx.Client(
        timeout=httpx.Timeout(60, connect=10),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        follow_redirects=True,
    )


def _client(url: str, service_role_key: str, http: httpx.Client) -> SyncStorageClient:
    from supabase import ClientOptions, create_client
    from supabase_auth import SyncMemoryStorage

    options = ClientOptions(storage=SyncMemoryStorage(), httpx_client=http)
    try:
        return create_client(url, service_role_key, options=options).storage
    except Exception as error:
        raise PermanentError(
            f"the Supabase client refuses its settings: {error}",
            item="SUPABASE_URL",
            remedy="Correct SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY.",
        ) from error
