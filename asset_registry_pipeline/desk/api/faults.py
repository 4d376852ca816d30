"""What a program is told of an error beyond its words: which field, what stands there now, what it had sent."""

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError

from asset_registry_pipeline.desk.api.json_form import plain
from asset_registry_pipeline.desk.api.telling import draft_told
from asset_registry_pipeline.desk.errors import as_problem
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.registering import AssetError

_STATUS_OF: Mapping[str, int] = {
    "not_found": 404,
    "unreadable": 409,
    "taken": 409,
    "reserved": 409,
    "in_place": 409,
    "not_ready": 409,
    "too_large": 413,
    "invalid": 422,
    "refused": 422,
}
"""The status of the code of an error of the registry's own side."""
_MOST_DETAILS = 50


def of_asset(error: AssetError) -> Problem:
    """An asset that cannot be had, registered or changed: with each field that is wrong."""
    details = [{"field": one.field, "message": masked(one.message)} for one in error.wrong[:_MOST_DETAILS]]
    told = masked(f"{error.item}: {error.reason}")
    return Problem(_STATUS_OF[error.code], error.code, told, error.remedy or "", details=details or None)


def of_validation(error: RequestValidationError) -> Problem:
    """A request that its own schema refuses; what was sent is not repeated."""
    details = [
        {"field": ".".join(map(str, one["loc"])), "message": str(one["msg"])}
        for one in error.errors()[:_MOST_DETAILS]
    ]
    told = "; ".join(f"{one['field']}: {one['message']}" for one in details[:5])
    return Problem(422, "invalid", told, "Correct it and send it again", details=details)


def of_curation(request: Any, error: CurationError) -> Problem:
    """An act at the queue that was refused: with the draft, so that no word of it is lost, and what changed."""
    problem = as_problem(request, error)
    details: dict[str, Any] = {}
    if error.draft is not None:
        details["draft"] = draft_told(error.draft)
    if error.new_hash is not None:
        details["sourceHash"] = error.new_hash
    for name, body in (("old", error.old), ("new", error.new)):
        if body is not None:
            details[name] = plain(body, masked)
    problem.details = details or None
    return problem
