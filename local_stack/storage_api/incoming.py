"""What a request to the Storage API carries: its project, its caller, its JSON, its file.

Here belongs reading requests. What is done with them belongs in the modules of the addresses.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from local_stack.storage_api import errors, multipart, rules, tokens
from local_stack.storage_api.projects import Project


class _AnyText(Convertor[str]):
    """The rest of an address, newlines included, so that such a key gets Storage's refusal, not a missing route."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("key", _AnyText())
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def project_of(request: Request) -> Project:
    """The project this request is for."""
    project: Project = request.scope["storage_project"]
    return project


def for_service_role(endpoint: Endpoint) -> Endpoint:
    """The endpoint for callers with the service-role key; others get what the real server tells them."""

    async def guarded(request: Request) -> Response:
        caller = tokens.caller_of(request.headers.get("authorization"), project_of(request).secret)
        if not caller.is_service:
            await drain(request.stream())
            raise errors.access_denied("new row violates row-level security policy")
        return await endpoint(request)

    return guarded


def may_read(request: Request, bucket_is_public: bool) -> bool:  # noqa: FBT001
    """Whether the caller may read from a bucket: everybody from a public one, the service role from any."""
    secret = project_of(request).secret
    return (
        bucket_is_public or tokens.caller_or_nobody(request.headers.get("authorization"), secret).is_service
    )


def bucket_and_key(request: Request) -> tuple[str, str]:
    """The bucket and the key in the address; raises for a bucket's name that cannot be one."""
    bucket, key = request.path_params["bucket"], request.path_params["key"]
    rules.check_bucket_name(bucket)
    return bucket, key


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body; raises that the request is malformed."""
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise errors.malformed(
            "Body is not valid JSON but content-type is set to 'application/json'"
        ) from None
    if not isinstance(body, dict):
        raise errors.malformed("body must be object")
    return body


def required(body: dict[str, Any], name: str) -> Any:
    """A property of the body; raises that it is missing."""
    if name not in body:
        raise errors.malformed(f"body must have required property '{name}'")
    return body[name]


def integer(body: dict[str, Any], name: str, default: int, minimum: int) -> int:
    """A whole number in the body, given as a number or in digits."""
    value = body.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise errors.malformed(f"body/{name} must be integer") from None
    if number < minimum:
        raise errors.malformed(f"body/{name} must be >= {minimum}")
    return number


@dataclass(frozen=True)
class IncomingFile:
    """A file on its way in. `length` is known only if the body is nothing but the file."""

    content_type: str
    cache_control: str
    user_metadata: dict[str, Any] | None
    length: int | None
    body: AsyncIterator[bytes]


async def incoming_file(request: Request) -> IncomingFile:
    """The file in the request, as multipart/form-data or as the body itself; raises that there is none."""
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        length = request.headers.get("content-length", "")
        return IncomingFile(
            content_type=content_type or "application/octet-stream",
            cache_control=request.headers.get("cache-control", "no-cache"),
            user_metadata=_decoded_metadata(request.headers.get("x-metadata")),
            length=int(length) if length.isdigit() else None,
            body=request.stream(),
        )
    try:
        parts = multipart.parts(request.stream(), multipart.boundary_of(content_type))
        return await _first_file(parts)
    except multipart.MalformedBody:
        await drain(request.stream())
        raise errors.no_content() from None


async def _first_file(parts: AsyncIterator[multipart.PartHead | bytes]) -> IncomingFile:
    """The first file among the parts, described by the fields before it (the client sends them first)."""
    fields: dict[str, bytes] = {}
    field = ""
    async for part in parts:
        if isinstance(part, bytes):
            fields[field] += part
            if len(fields[field]) > rules.LONGEST_METADATA:
                raise errors.too_large("user_metadata")
        elif part.filename is None:
            field = part.name
            fields[field] = b""
        else:
            seconds = fields.get("cacheControl", b"").decode()
            return IncomingFile(
                content_type=fields.get("contentType", b"").decode() or part.content_type,
                cache_control=f"max-age={seconds}" if seconds else "no-cache",
                user_metadata=_metadata(fields.get("metadata", fields.get("userMetadata"))),
                length=None,
                body=_content(parts),
            )
    raise errors.no_content()


async def _content(parts: AsyncIterator[multipart.PartHead | bytes]) -> AsyncIterator[bytes]:
    """The content of the part that has just begun; further parts are read and dropped."""
    of_this_part = True
    try:
        async for part in parts:
            of_this_part = of_this_part and isinstance(part, bytes)
            if of_this_part and isinstance(part, bytes):
                yield part
    except multipart.MalformedBody:
        raise errors.no_content() from None


async def drain(body: AsyncIterator[bytes]) -> None:
    """Read what is left: a client refused in the middle of sending sees a broken connection, not the answer."""
    with suppress(RuntimeError):  # Starlette's word for a body that has been read to its end
        async for _ in body:
            pass


def _metadata(value: bytes | str | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(value) if value else None
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _decoded_metadata(value: str | None) -> dict[str, Any] | None:
    try:
        return _metadata(base64.b64decode(value)) if value else None
    except (binascii.Error, ValueError):
        return None
