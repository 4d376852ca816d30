"""The envelope of every reply: `{success, data, metadata}`, lists within it, and the models that document them.

Errors are put into theirs in `desk.errors`; only what describes them for the OpenAPI text is here.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk.state import desk_of

T = TypeVar("T")


class Metadata(BaseModel):
    """When the reply was made, in ISO 8601."""

    timestamp: datetime


class Reply(BaseModel, Generic[T]):
    """What went well."""

    success: Literal[True]
    data: T
    metadata: Metadata


class Listed(BaseModel, Generic[T]):
    """Some of many; `page` counts from 1."""

    items: list[T]
    total: int = Field(ge=0)
    page: int = Field(ge=1)
    limit: int = Field(ge=1)
    totalPages: int = Field(ge=0)  # noqa: N815 - the plan's name


class Fault(BaseModel):
    """What went wrong: a code for programs, words for people, and, where there is more to tell, what it is about."""

    code: str
    message: str
    details: Any = None


class FaultMetadata(Metadata):
    """With the number under which the desk's log has the request."""

    requestId: str  # noqa: N815 - as the plan writes names


class FaultReply(BaseModel):
    """What went wrong."""

    success: Literal[False]
    error: Fault
    metadata: FaultMetadata


_WORDS = {
    400: "The request cannot be read",
    401: "There is no token, or none that is known",
    403: "The token's role does not allow it",
    404: "There is no such thing",
    405: "The address does not take this method",
    409: "It does not fit what stands there now",
    412: "The asset has changed since it was read",
    413: "The request or the asset is too large",
    415: "The body is not of the type that is expected",
    422: "The request breaks a rule; `details` says which",
    428: "The header If-Match is needed",
    429: "Too many requests; Retry-After says for how many seconds to wait",
    503: "A database does not answer now; Retry-After says when to try again",
}
_ALWAYS = (400, 401, 403, 422, 429, 503)


def faults(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The faults that a route may answer, for the OpenAPI text; those of every route are among them."""
    return {
        status: {"model": FaultReply, "description": _WORDS[status]}
        for status in sorted({*_ALWAYS, *statuses})
    }


def body_of(data: Any, now: datetime) -> str:
    """The text of a reply. `data` has a form in JSON."""
    envelope = {"success": True, "data": data, "metadata": {"timestamp": now.isoformat()}}
    return json.dumps(envelope, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def reply(
    request: Request, data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A reply with this data."""
    return as_response(body_of(data, desk_of(request).clock()), status, headers)


def as_response(body: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The text of a reply, as it goes out."""
    return Response(body, status, dict(headers or {}), "application/json")


def listed(items: Sequence[Any], *, total: int, page: int, limit: int, **more: Any) -> dict[str, Any]:
    """A page of a list, as it stands in a reply."""
    return {
        "items": list(items),
        "total": total,
        "page": page,
        "limit": limit,
        "totalPages": -(-total // limit),
        **more,
    }
