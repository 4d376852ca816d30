"""Every error as a reply, in one place: a page for people, a fragment for htmx, the envelope for programs.

Which error has which status is said here; what it says was said where it was raised.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import LoginNeeded
from asset_registry_pipeline.desk.security.csrf import FIELD, SAFE_METHODS
from asset_registry_pipeline.desk.security.middleware import unforeseen
from asset_registry_pipeline.steps.curation.errors import Code, CurationError
from migration_kit.failures import MigrationError, TransientError
from migration_kit.mongo import is_passing
from migration_kit.redaction import mask_email, redact

LOG = logging.getLogger(__name__)
API = "/api/"
_STATUS_OF: Mapping[Code, int] = {
    "not_found": 404,
    "claimed_by_another": 409,
    "lease_over": 409,
    "source_changed": 409,
    "already_decided": 409,
    "too_late": 409,
    "invalid": 422,
    "forbidden": 403,
}
"""The status of a curation error's code."""
_COME_BACK = 5
"""Seconds after which a server that does not answer is worth another try."""


def install(app: FastAPI) -> None:
    """Answer every error of a route from here."""
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(MigrationError, _answer)
    app.add_exception_handler(PyMongoError, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    problem = as_problem(request, error)
    if request.method not in SAFE_METHODS and not request.url.path.startswith(API) and not problem.kept:
        problem.kept = await _typed(request)
    return shown(request, problem)


def as_problem(request: Request, error: Exception) -> Problem:
    """What a person is told of an error of a route."""
    if isinstance(error, HTTPException):
        return error if isinstance(error, Problem) else _of_http(error)
    if isinstance(error, RequestValidationError):
        told = "; ".join(_invalid(one) for one in error.errors()[:5])
        return Problem(422, "invalid", told, "Correct it and send it again")
    if isinstance(error, TransientError) or is_passing(error):
        LOG.warning("request %s: %s", request.state.id, error)
        return Problem(
            503,
            "unavailable",
            "The database does not answer at the moment, so nobody can say whether this was saved",
            "Look at the item again in a moment; what is not there, send once more",
            headers={"Retry-After": str(_COME_BACK)},
        )
    if isinstance(error, CurationError):
        return Problem(_STATUS_OF[error.code], error.code, _told(error), error.remedy or "")
    LOG.error("request %s: %s", request.state.id, error, exc_info=error)
    if isinstance(error, MigrationError):
        return Problem(500, "refused", _told(error), error.remedy or "")
    return unforeseen(request)


def _of_http(error: HTTPException) -> Problem:
    phrase = HTTPStatus(error.status_code).phrase
    told = error.detail if error.detail != phrase else _PLAIN.get(error.status_code, phrase)
    return Problem(error.status_code, phrase.lower().replace(" ", "_"), told, headers=error.headers)


def shown(request: Request, problem: Problem) -> Response:
    """A problem as the reply that fits who asked."""
    headers = dict(problem.headers or {})
    if request.url.path.startswith(API):
        return JSONResponse(_envelope(request, problem), problem.status, headers)
    if isinstance(problem, LoginNeeded) and request.method in SAFE_METHODS:
        if rendering.is_fragment(request):
            return Response(status_code=401, headers={"HX-Redirect": problem.login})
        return RedirectResponse(problem.login, 303)
    if rendering.is_fragment(request):
        headers |= {"HX-Retarget": "#problem", "HX-Reswap": "innerHTML show:window:top"}
    about = {"problem": problem, "reference": request.state.id}
    template = "_problem.html" if rendering.is_fragment(request) else "problem.html"
    try:
        return rendering.page(request, template, problem.status, headers, **about)
    except (PyMongoError, MigrationError):
        # Not even the session can be looked up: the page goes without a name on it.
        request.state.session = None
        return rendering.page(request, template, problem.status, headers, **about)


def _envelope(request: Request, problem: Problem) -> dict[str, Any]:
    message = f"{problem.told}. {problem.remedy}." if problem.remedy else f"{problem.told}."
    return {
        "success": False,
        "error": {"code": problem.code, "message": message, "details": problem.details},
        "metadata": {"timestamp": datetime.now(UTC).isoformat(), "requestId": request.state.id},
    }


async def _typed(request: Request) -> dict[str, str]:
    """What a person had typed into the form that was refused: it is handed back to them, whatever went wrong."""
    try:
        form = await request.form()
    except (HTTPException, RuntimeError):
        return {}
    return {
        name: value
        for name, value in form.multi_items()
        if isinstance(value, str) and value.strip() and name not in (FIELD, "token")
    }


def _told(error: MigrationError) -> str:
    told = f"{error.item}: {error.reason}" if error.item else error.reason
    return mask_email(redact(told))


def _invalid(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    return f"{where}: {error['msg']}"


_PLAIN = {
    404: "There is no such page",
    405: "This page does not take such a request",
}
