"""The addresses that give objects out: with a key, in public, by a signed url; whole, in part, or only described."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local_stack.storage_api import errors, rules, tokens
from local_stack.storage_api.blobs import pieces
from local_stack.storage_api.catalogue import StoredObject
from local_stack.storage_api.incoming import (
    bucket_and_key,
    for_service_role,
    integer,
    json_body,
    may_read,
    project_of,
    required,
)

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_NOT_SIGNED = "Either the object does not exist or you do not have access to it"


def routes() -> list[Route]:
    """The routes of this module; they stand before those with a bucket as the first segment after /object."""
    return [
        Route("/object/sign/{bucket}", for_service_role(sign_many), methods=["POST"]),
        Route("/object/sign/{bucket}/{key:key}", for_service_role(sign_one), methods=["POST"]),
        Route("/object/sign/{bucket}/{key:key}", download_signed, methods=["GET"]),
        Route("/object/info/public/{bucket}/{key:key}", info, methods=["GET"]),
        Route("/object/info/authenticated/{bucket}/{key:key}", for_service_role(info), methods=["GET"]),
        Route("/object/info/{bucket}/{key:key}", info, methods=["GET"]),
        Route("/object/public/{bucket}/{key:key}", download_public, methods=["GET", "HEAD"]),
        Route(
            "/object/authenticated/{bucket}/{key:key}", for_service_role(download), methods=["GET", "HEAD"]
        ),
        Route("/object/{bucket}/{key:key}", download, methods=["GET", "HEAD"]),
    ]


async def download(request: Request) -> Response:
    """An object, for callers who may read its bucket; for all others the bucket does not exist."""
    return _deliver(request, _readable(request))


async def download_public(request: Request) -> Response:
    """An object of a public bucket, for everybody."""
    bucket_id, key = bucket_and_key(request)
    project = project_of(request)
    if not project.catalogue.bucket(bucket_id).public:
        raise errors.no_such_bucket()
    rules.check_key(key)
    return _deliver(request, project.object(bucket_id, key))


async def download_signed(request: Request) -> Response:
    """An object, for whoever holds a token for it that has not ended."""
    bucket_id, key = bucket_and_key(request)
    project = project_of(request)
    if "token" not in request.query_params:
        raise errors.malformed("querystring must have required property 'token'")
    claims = tokens.signed_claims(request.query_params["token"], f"{bucket_id}/{key}", project.secret)
    expires = format_datetime(datetime.fromtimestamp(claims["exp"], UTC), usegmt=True)
    return _deliver(request, project.object(bucket_id, key), {"expires": expires})


async def info(request: Request) -> Response:
    """What is known of an object."""
    stored = _readable(request)
    content = stored.content
    return JSONResponse(
        {
            "id": stored.id,
            "name": stored.name,
            "version": content.blob,
            "bucket_id": stored.bucket,
            "size": content.size,
            "content_type": content.content_type,
            "cache_control": content.cache_control,
            "etag": stored.etag,
            "metadata": content.user_metadata,
            "last_modified": stored.updated_at,
            "created_at": stored.created_at,
        }
    )


async def sign_one(request: Request) -> Response:
    """A url under which one object can be read for some seconds."""
    bucket_id, key = bucket_and_key(request)
    body = await json_body(request)
    required(body, "expiresIn")
    seconds = integer(body, "expiresIn", 1, 1)
    rules.check_key(key)
    project_of(request).object(bucket_id, key)
    return JSONResponse({"signedURL": _signed_url(request, f"{bucket_id}/{key}", seconds)})


async def sign_many(request: Request) -> Response:
    """As `sign_one` for many keys; one that is missing does not fail the others."""
    bucket_id = request.path_params["bucket"]
    rules.check_bucket_name(bucket_id)
    body = await json_body(request)
    required(body, "expiresIn")
    seconds = integer(body, "expiresIn", 1, 1)
    keys = required(body, "paths")
    if not keys:
        raise errors.malformed("body/paths must NOT have fewer than 1 items")
    find = project_of(request).catalogue.find
    return JSONResponse(
        [
            {"error": None, "path": key, "signedURL": _signed_url(request, f"{bucket_id}/{key}", seconds)}
            if find(bucket_id, key)
            else {"error": _NOT_SIGNED, "path": key, "signedURL": None}
            for key in keys
        ]
    )


def _signed_url(request: Request, path: str, seconds: int) -> str:
    return f"/object/sign/{path}?token={tokens.sign_url(path, seconds, project_of(request).secret)}"


def _readable(request: Request) -> StoredObject:
    bucket_id, key = bucket_and_key(request)
    project = project_of(request)
    if not may_read(request, project.catalogue.bucket(bucket_id).public):
        raise errors.no_such_bucket()
    rules.check_key(key)
    return project.object(bucket_id, key)


def _deliver(request: Request, stored: StoredObject, headers: dict[str, str] | None = None) -> Response:
    """The object's bytes, or those that the Range header asks for, or only the headers."""
    answer = _headers(stored) | (headers or {}) | _disposition(request.query_params.get("download"))
    if request.headers.get("if-none-match") == stored.etag:
        return Response(status_code=304, headers={"etag": stored.etag})
    file = project_of(request).blobs.open(stored.content.blob)
    size = file.seek(0, 2)
    start, end = _range(request.headers.get("range"), size)
    status = 200
    if (start, end) != (0, size):
        status = 206
        answer["content-range"] = f"bytes {start}-{end - 1}/{size}"
    answer["content-length"] = str(end - start)
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=answer)

    def body() -> Any:
        with file:
            yield from pieces(file, start, end - start)

    return StreamingResponse(body(), status, headers=answer)


def _headers(stored: StoredObject) -> dict[str, str]:
    content_type = stored.content.content_type
    return {
        "accept-ranges": "bytes",
        # So that nobody can serve pages from a bucket.
        "content-type": "text/plain" if "text/html" in content_type else content_type,
        "etag": stored.etag,
        "cache-control": stored.content.cache_control,
        "last-modified": format_datetime(datetime.fromisoformat(stored.updated_at), usegmt=True),
    }


def _disposition(download: str | None) -> dict[str, str]:
    if download is None:
        return {}
    if not download:
        return {"content-disposition": "attachment;"}
    name = quote(download, safe="")
    return {"content-disposition": f"attachment; filename={name}; filename*=UTF-8''{name};"}


def _range(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last; the whole object for a header that is not one simple range."""
    match = _RANGE.fullmatch(header or "")
    if not match or match[0] == "bytes=-":
        return 0, size
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1 if last else size, size)
    if start >= size or start >= end:
        raise errors.invalid_range()
    return start, end
