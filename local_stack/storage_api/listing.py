"""The addresses that list, remove, move and copy objects."""

import base64
import binascii
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.storage_api import errors, rules
from local_stack.storage_api.catalogue import Content, StoredObject
from local_stack.storage_api.incoming import for_service_role, integer, json_body, project_of, required

_PAGE = 100
_LARGEST_PAGE = 1500
_LARGEST_PAGE_V2 = 1000
_COLUMNS = ("name", "updated_at", "created_at", "last_accessed_at")


def routes() -> list[Route]:
    """The routes of this module; they stand before those with a bucket as the first segment after /object."""
    return [
        Route("/object/list/{bucket}", for_service_role(list_folder), methods=["POST"]),
        Route("/object/list-v2/{bucket}", for_service_role(list_pages), methods=["POST"]),
        Route("/object/move", for_service_role(move), methods=["POST"]),
        Route("/object/copy", for_service_role(copy), methods=["POST"]),
        Route("/object/{bucket}", for_service_role(remove_many), methods=["DELETE"]),
        Route("/object/{bucket}/{key:key}", for_service_role(remove_one), methods=["DELETE"]),
    ]


async def list_folder(request: Request) -> Response:
    """One folder's objects and folders; a bucket or folder that does not exist lists as empty."""
    bucket_id = request.path_params["bucket"]
    rules.check_bucket_name(bucket_id)
    body = await json_body(request)
    folder = required(body, "prefix")
    folder = f"{folder}/" if folder and not folder.endswith("/") else folder
    limit = min(integer(body, "limit", _PAGE, 1), _LARGEST_PAGE)
    offset = integer(body, "offset", 0, 0)
    column, descending = _order(body)
    stored = project_of(request).catalogue.objects(bucket_id, folder + (body.get("search") or ""))
    entries = list(_entries(stored, len(folder)))
    if column == "name":
        entries.sort(key=lambda entry: entry["name"], reverse=descending)
    else:
        entries.sort(key=lambda entry: entry[column] or "", reverse=descending)
        entries.sort(key=lambda entry: entry["id"] is not None)  # folders, which have no times, come first
    return JSONResponse(entries[offset : offset + limit])


async def list_pages(request: Request) -> Response:
    """Objects by prefix, a page at a time, with a cursor to the next page; folders as well if asked for."""
    bucket_id = request.path_params["bucket"]
    rules.check_bucket_name(bucket_id)
    body = await json_body(request)
    prefix, with_folders = body.get("prefix") or "", bool(body.get("with_delimiter"))
    limit = min(integer(body, "limit", _LARGEST_PAGE_V2, 1), _LARGEST_PAGE_V2)
    column, descending = _order(body)
    if not with_folders and (column, descending) == ("name", False):
        return _flat_page(request, bucket_id, prefix, body.get("cursor"), limit)
    entries: dict[str, dict[str, Any]] = {}
    for stored in project_of(request).catalogue.objects(bucket_id, prefix):
        cut = stored.name.find("/", len(prefix)) if with_folders else -1
        name = stored.name[: cut + 1] if cut >= 0 else stored.name
        entry = entries.setdefault(name, {**_listed(stored, name), "key": name, "folder": cut >= 0})
        entry["created_at"] = min(entry["created_at"], stored.created_at)
    ordered = sorted(entries.values(), key=lambda entry: (entry[column], entry["name"]), reverse=descending)
    start = _position(body.get("cursor"))
    page = ordered[start : start + limit]
    answer: dict[str, Any] = {
        "hasNext": start + limit < len(ordered),
        "folders": [
            {"name": entry["name"], "key": entry["key"], "created_at": None, "updated_at": None}
            for entry in page
            if entry["folder"]
        ],
        "objects": [
            {name: value for name, value in entry.items() if name != "folder"}
            for entry in page
            if not entry["folder"]
        ],
    }
    if answer["hasNext"]:
        answer["nextCursor"] = base64.urlsafe_b64encode(str(start + limit).encode()).decode()
    return JSONResponse(answer)


def _flat_page(request: Request, bucket_id: str, prefix: str, cursor: str | None, limit: int) -> Response:
    """A page of the plain listing: its cost does not grow with the bucket."""
    found = project_of(request).catalogue.page(bucket_id, prefix, _decoded(cursor), limit + 1)
    page = found[:limit]
    answer: dict[str, Any] = {
        "hasNext": len(found) > limit,
        "folders": [],
        "objects": [{**_listed(stored, stored.name), "key": stored.name} for stored in page],
    }
    if answer["hasNext"]:
        answer["nextCursor"] = base64.urlsafe_b64encode(page[-1].name.encode()).decode()
    return JSONResponse(answer)


async def remove_many(request: Request) -> Response:
    """Remove up to 1,000 keys; the answer holds those that were there."""
    bucket_id = request.path_params["bucket"]
    rules.check_bucket_name(bucket_id)
    keys = required(await json_body(request), "prefixes")
    if not keys:
        raise errors.malformed("body/prefixes must NOT have fewer than 1 items")
    if len(keys) > rules.MOST_KEYS_AT_ONCE:
        raise errors.malformed(f"body/prefixes must NOT have more than {rules.MOST_KEYS_AT_ONCE} items")
    return JSONResponse([_described(gone) for gone in project_of(request).remove(bucket_id, keys)])


async def remove_one(request: Request) -> Response:
    """Remove one key, which must be there."""
    removed = project_of(request).remove(request.path_params["bucket"], [request.path_params["key"]])
    if not removed:
        raise errors.no_such_object()
    return JSONResponse({"message": "Successfully deleted"})


async def move(request: Request) -> Response:
    """Give an object another key, in this bucket or another; the key must be free."""
    source, bucket_id, key = await _source_and_destination(request)
    project_of(request).catalogue.move(source, bucket_id, key)
    return JSONResponse({"message": "Successfully moved"})


async def copy(request: Request) -> Response:
    """Copy an object to another key; the key must be free unless x-upsert: true."""
    project = project_of(request)
    upsert = request.headers.get("x-upsert") == "true"
    source, bucket_id, key = await _source_and_destination(request)
    if not upsert and project.catalogue.find(bucket_id, key):
        raise errors.duplicate()
    old = source.content
    blob = project.blobs.duplicate(old.blob)
    content = Content(blob, old.size, old.content_type, old.cache_control, old.user_metadata)
    stored = project.put(bucket_id, key, content, upsert=upsert)
    return JSONResponse({"Id": stored.id, "Key": f"{bucket_id}/{key}", **_described(stored)})


async def _source_and_destination(request: Request) -> tuple[StoredObject, str, str]:
    body = await json_body(request)
    bucket_id, source, key = (required(body, name) for name in ("bucketId", "sourceKey", "destinationKey"))
    destination = body.get("destinationBucket") or bucket_id
    rules.check_bucket_name(bucket_id)
    rules.check_key(key)
    found = project_of(request).object(bucket_id, source)
    project_of(request).catalogue.bucket(destination)
    return found, destination, key


def _entries(stored: Iterator[StoredObject], skip: int) -> Iterator[dict[str, Any]]:
    """Objects directly in the folder whose path has `skip` characters, and its folders, each once."""

    def first_segment(item: StoredObject) -> tuple[str, bool]:
        name, slash, _ = item.name[skip:].partition("/")
        return name, bool(slash)

    for (name, is_folder), items in groupby(sorted(stored, key=first_segment), key=first_segment):
        if is_folder:
            empty = ("id", "updated_at", "created_at", "last_accessed_at", "metadata")
            yield {"name": name, **dict.fromkeys(empty)}
        else:
            yield from (_listed(item, name) for item in items)


def _order(body: dict[str, Any]) -> tuple[str, bool]:
    """Column and whether descending."""
    wish = body.get("sortBy") or {}
    column, order = wish.get("column") or "name", wish.get("order") or "asc"
    if column not in _COLUMNS or order not in ("asc", "desc"):
        raise errors.malformed("body/sortBy must be equal to one of the allowed values")
    return column, order == "desc"


def _position(cursor: str | None) -> int:
    try:
        return int(_decoded(cursor) or 0)
    except ValueError:
        raise errors.malformed("body/cursor is not a cursor") from None


def _decoded(cursor: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode() if cursor else ""
    except (binascii.Error, ValueError):
        raise errors.malformed("body/cursor is not a cursor") from None


def _listed(stored: StoredObject, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "id": stored.id,
        "updated_at": stored.updated_at,
        "created_at": stored.created_at,
        "last_accessed_at": stored.created_at,
        "metadata": _metadata(stored),
    }


def _described(stored: StoredObject) -> dict[str, Any]:
    return {
        **_listed(stored, stored.name),
        "bucket_id": stored.bucket,
        "owner": None,
        "owner_id": None,
        "version": stored.content.blob,
        "user_metadata": stored.content.user_metadata,
    }


def _metadata(stored: StoredObject) -> dict[str, Any]:
    return {
        "eTag": stored.etag,
        "size": stored.content.size,
        "mimetype": stored.content.content_type,
        "cacheControl": stored.content.cache_control,
        "lastModified": stored.updated_at,
        "contentLength": stored.content.size,
        "httpStatusCode": 200,
    }
