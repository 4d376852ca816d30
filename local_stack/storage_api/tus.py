"""Resumable uploads below /upload/resumable: the TUS protocol 1.0.0 as Supabase Storage speaks it.

Errors here are plain text under their true status, as TUS servers answer, not the JSON of the other
addresses. An upload's address names its bucket, key and version; its bytes stay until it is finished or
given up.
"""

import base64
import binascii
import json
from asyncio import Lock
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local_stack.storage_api import errors, rules, tokens
from local_stack.storage_api.catalogue import Content, Upload
from local_stack.storage_api.incoming import drain, project_of
from local_stack.storage_api.uploads import check_upload

_VERSION = {"tus-resumable": "1.0.0"}
_BYTES = "application/offset+octet-stream"
_locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()  # one writer an upload


class TusError(Exception):
    """A refusal under its true status."""

    def __init__(self, status: int, text: str) -> None:
        """Status and the text of the body."""
        super().__init__(text)
        self.status = status


def routes() -> list[Route]:
    """The routes of this module."""
    base, one = "/upload/resumable", "/upload/resumable/{upload}"
    return [
        *(Route(path, options, methods=["OPTIONS"]) for path in (base, base + "/", one)),
        *(Route(path, _answered(create), methods=["POST"]) for path in (base, base + "/")),
        Route(one, _answered(state), methods=["HEAD"]),
        Route(one, _answered(append), methods=["PATCH"]),
        Route(one, _answered(give_up), methods=["DELETE"]),
    ]


async def options(_request: Request) -> Response:
    """What the server can do."""
    offer = {
        "tus-version": "1.0.0",
        "tus-extension": "creation,creation-with-upload,termination",
        "tus-max-size": str(rules.GLOBAL_SIZE_LIMIT),
    }
    return Response(status_code=204, headers=_VERSION | offer)


async def create(request: Request) -> Response:
    """Begin an upload; a body of bytes is its first part."""
    project = project_of(request)
    length = _number(request, "upload-length")
    wish = _upload_metadata(request.headers.get("upload-metadata"))
    bucket, key = wish.get("bucketName", ""), wish.get("objectName", "")
    rules.check_bucket_name(bucket)
    upsert = request.headers.get("x-upsert") == "true"
    content_type = wish.get("contentType", "application/octet-stream")
    if length > check_upload(project, bucket, key, content_type, upsert=upsert):
        raise TusError(413, "Maximum size exceeded")
    seconds = wish.get("cacheControl", "")
    cache_control = f"max-age={seconds}" if seconds.lstrip("-").isdigit() else "no-cache"
    blob = project.blobs.new_name()
    upload = Upload(
        id=_encode(f"{bucket}/{key}/{blob}"),
        bucket=bucket,
        name=key,
        upsert=upsert,
        length=length,
        content=Content(blob, 0, content_type, cache_control, _own_metadata(wish.get("metadata"))),
        header=request.headers.get("upload-metadata", ""),
    )
    project.catalogue.add_upload(upload)
    headers = {"location": f"{str(request.url).partition('?')[0].rstrip('/')}/{upload.id}"}
    if request.headers.get("content-type") == _BYTES or length == 0:
        headers["upload-offset"] = str(await _receive(request, upload))
    return Response(status_code=201, headers=_VERSION | headers)


async def state(request: Request) -> Response:
    """How many bytes have arrived."""
    upload = _upload(request)
    headers = {
        "upload-offset": str(project_of(request).blobs.size(upload.content.blob)),
        "upload-length": str(upload.length),
        "upload-metadata": upload.header,
        "cache-control": "no-store",
    }
    return Response(status_code=200, headers=_VERSION | headers)


async def append(request: Request) -> Response:
    """Take the next bytes; they must follow those that have arrived."""
    if request.headers.get("content-type") != _BYTES:
        raise TusError(400, "Invalid content-type")
    async with _locks.setdefault(request.path_params["upload"], Lock()):
        upload = _upload(request)
        if _number(request, "upload-offset") != project_of(request).blobs.size(upload.content.blob):
            raise TusError(409, "Upload-Offset conflict")
        offset = await _receive(request, upload)
    return Response(status_code=204, headers=_VERSION | {"upload-offset": str(offset)})


async def give_up(request: Request) -> Response:
    """Forget an upload and its bytes."""
    upload = _upload(request)
    async with _locks.setdefault(upload.id, Lock()):
        project_of(request).catalogue.end_upload(upload.id)
        project_of(request).blobs.remove([upload.content.blob])
    return Response(status_code=204, headers=_VERSION)


async def _receive(request: Request, upload: Upload) -> int:
    """Add the request's body to the upload, and make the object when all of it is there."""
    project = project_of(request)
    offset = await project.blobs.append(upload.content.blob, request.stream(), upload.length)
    if offset > upload.length:
        raise TusError(413, "Maximum size exceeded")
    if offset == upload.length:
        content = replace(upload.content, size=offset)
        try:
            project.put(upload.bucket, upload.name, content, upsert=upload.upsert, ends=upload.id)
        except errors.StorageError:  # the key was taken meanwhile; its bytes are gone already
            project.catalogue.end_upload(upload.id)
            raise
    return offset


def _answered(
    endpoint: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The endpoint for the service role and for TUS 1.0.0, its refusals in plain text."""

    async def guarded(request: Request) -> Response:
        try:
            if request.headers.get("tus-resumable") != _VERSION["tus-resumable"]:
                raise TusError(412, "Tus-Resumable Required")  # noqa: TRY301
            if request.method != "HEAD":
                caller = tokens.caller_of(request.headers.get("authorization"), project_of(request).secret)
                if not caller.is_service:
                    raise errors.access_denied("new row violates row-level security policy")
            return await endpoint(request)
        except TusError as problem:
            status, text = problem.status, str(problem)
        except errors.StorageError as refusal:
            status, text = refusal.status, refusal.message
        await drain(request.stream())
        return PlainTextResponse(text, status, headers=_VERSION)

    return guarded


def _upload(request: Request) -> Upload:
    upload = project_of(request).catalogue.upload(request.path_params["upload"])
    if upload is None:
        raise TusError(404, "The file for this url was not found")
    return upload


def _number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not value.isdigit():
        raise TusError(400, f"{header.title()} is missing or not a number")
    return int(value)


def _upload_metadata(header: str | None) -> dict[str, str]:
    """The pairs of an Upload-Metadata header: names with values in base64."""
    if not header:
        raise TusError(400, "Metadata header is required")
    try:
        pairs = [pair.strip().partition(" ") for pair in header.split(",")]
        return {name: base64.b64decode(value).decode() for name, _, value in pairs}
    except (binascii.Error, UnicodeDecodeError):
        raise TusError(400, "Upload-Metadata is invalid. It MUST consist of base64 values") from None


def _own_metadata(text: str | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text) if text else None
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
