"""How a request to the API is let in: who asks is known before what they ask is read, and JSON is read strictly.

A key twice, NaN, a whole number over 64 bits, half a surrogate: what no document could hold is refused here, clearly,
instead of failing somewhere behind.
"""

import email.message
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk.api import faults
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import api_user
from asset_registry_pipeline.registry import shapes
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.registering import AssetError
from asset_registry_pipeline.stores import codec
from migration_kit.failures import PermanentError


class ApiRoute(APIRoute):
    """A route of the API."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind its door."""
        handler = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            await run_in_threadpool(api_user, request)
            if self.body_field is not None:
                await _require_json(request)
            try:
                return await handler(request)
            except AssetError as error:
                raise faults.of_asset(error) from error
            except CurationError as error:
                raise faults.of_curation(request, error) from error
            except RequestValidationError as error:
                raise faults.of_validation(error) from error

        return admitted


async def _require_json(request: Request) -> None:
    """Refuse a body that is not one JSON object, before anybody else reads it.

    Raises:
        Problem: 415 it is no JSON by its type, 400 it is none that could be stored.
    """
    body = await request.body()
    if not body:
        return  # what is missing is told by the route
    message = email.message.Message()
    message["content-type"] = request.headers.get("content-type", "")
    if message.get_content_type() != "application/json":
        raise Problem(
            415, "unsupported_media_type", "The body is no JSON", "Send Content-Type: application/json"
        )
    try:
        codec.encode(shapes.parse_json_object(body.decode()))
    except UnicodeDecodeError as error:
        raise _unreadable("it is not UTF-8") from error
    except shapes.ShapeError as error:
        raise _unreadable(str(error)) from error
    except PermanentError as error:
        raise _unreadable(error.reason) from error


def _unreadable(why: str) -> Problem:
    return Problem(400, "bad_request", f"The body cannot be read: {why}", "Send one JSON object, in UTF-8")
