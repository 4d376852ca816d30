"""Decisions as CSV over the API: out, and in with a dry run."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from asset_registry_pipeline.desk.api import json_form, replies
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.parameters import Curator
from asset_registry_pipeline.desk.api.replies import Reply, faults
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.steps.curation.exchange import export_decisions, import_decisions_text

router = APIRouter(prefix="/api/migration", tags=["decisions"], route_class=ApiRoute)
CSV = "text/csv; charset=utf-8"


@router.get(
    "/decisions",
    responses=faults()
    | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "CSV"}},
    response_class=StreamingResponse,
    summary="Decisions as CSV",
)
def exported(
    *,
    request: Request,
    curator: Curator,  # noqa: ARG001 - it holds what people wrote, and who
    layer: Annotated[Literal["S", "L", "W", "M", "G"] | None, Query()] = None,
) -> Response:
    """The decisions that stand, as CSV with a header; cells that look like formulas are escaped."""
    text = export_decisions(desk_of(request).registry, layer)
    headers = {"Content-Disposition": 'attachment; filename="decisions.csv"'}
    return StreamingResponse(text, media_type=CSV, headers=headers)


async def _text_of(request: Request) -> str:
    """The body as text.

    Raises:
        Problem: it is no CSV by its type, or no UTF-8.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise Problem(415, "unsupported_media_type", "The body is no CSV", "Send Content-Type: text/csv")
    try:
        return (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, "bad_request", "The body is not UTF-8", "Save the file as UTF-8") from error


@router.post(
    "/decisions",
    responses=faults(413, 415),
    response_model=Reply[dict[str, Any]],
    summary="Import decisions from CSV",
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}},
    },
)
def imported(
    *,
    request: Request,
    curator: Curator,
    text: Annotated[str, Depends(_text_of)],
    dry_run: Annotated[bool, Query(alias="dryRun")] = True,
) -> Response:
    """Import decisions; by default it only tells what would be imported. Rows that cannot be used stop no other.

    It can be repeated without harm: what stands already is counted as unchanged.
    """
    desk = desk_of(request)
    done = import_decisions_text(desk.registry, text, dry_run=dry_run, actor=curator, now=desk.clock())
    return replies.reply(request, json_form.told(done))
