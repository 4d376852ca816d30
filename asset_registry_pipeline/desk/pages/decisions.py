"""Decisions as CSV: taken out as a file, and taken in after a look at what that would do."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import Curator, User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.registry.roles import may
from asset_registry_pipeline.steps.curation import exchange
from asset_registry_pipeline.steps.curation.errors import forbidden
from asset_registry_pipeline.steps.curation.model import ImportedText

MOST_SHOWN = 500
"""Lines of a preview: the counts are of all."""

router = APIRouter(prefix="/decisions")


@router.get("")
def decisions(request: Request) -> Response:
    """What can be taken out and in."""
    return rendering.page(request, "decisions.html", layers=BARRIER_LAYERS)


@router.get("/export.csv")
def export(
    request: Request,
    user: Annotated[User, Depends(page_user)],
    layer: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The decisions that stand, of a layer or of all."""
    _require(user, "export decisions")
    desk = desk_of(request)
    pieces = exchange.export_decisions(desk.registry, layer or None)
    name = f"decisions-{layer or 'all'}-{desk.clock():%Y%m%d-%H%M}.csv"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=disposition)


@router.post("/import")
def preview(request: Request, user: Curator, file: Annotated[UploadFile, File()]) -> Response:
    """What the import of a file would do, line by line; nothing is stored but the file itself, for an hour."""
    desk = desk_of(request)
    text = _text_of(file.file.read())
    foreseen = exchange.import_decisions_text(desk.registry, text, dry_run=True, actor=user, now=desk.clock())
    kept = desk.uploads.keep(user.name, text, desk.clock())
    return _shown(request, foreseen, file.filename or "The file", kept)


@router.post("/import/confirm")
def confirm(request: Request, user: Curator, upload: Annotated[str, Form(max_length=100)]) -> Response:
    """Import the file whose preview was shown to this person."""
    desk = desk_of(request)
    text = desk.uploads.of(user.name, upload, desk.clock())
    if text is None:
        raise Problem(404, "not_found", "The previewed file is not kept any more", "Choose it once more")
    done = exchange.import_decisions_text(desk.registry, text, dry_run=False, actor=user, now=desk.clock())
    desk.uploads.forget(upload)
    return _shown(request, done, "The file", None)


@dataclass(frozen=True)
class _Row:
    """A row of the file, and what becomes of it."""

    name: str
    outcome: str
    why: str = ""


def _shown(request: Request, done: ImportedText, name: str, upload: str | None) -> Response:
    """What an import did or would do, what is refused first."""
    rows = [_Row(row["name"], "refused", row["why"]) for row in done.refused]
    rows += [_Row(asset, outcome) for asset, outcome in done.taken[:MOST_SHOWN]]
    return rendering.page(
        request,
        "import.html",
        done=done,
        upload=upload,
        name=name,
        rows=rows[:MOST_SHOWN],
        total=len(done.refused) + len(done.taken),
    )


def _text_of(data: bytes) -> str:
    if not data.strip():
        raise Problem(422, "invalid", "The file is empty, or none was chosen", "Choose a CSV of decisions")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(
            422,
            "invalid",
            f"The file is not UTF-8: byte {error.start} cannot be read",
            "In a spreadsheet, save it as CSV UTF-8",
        ) from error


def _require(user: User, act: str) -> None:
    if not may(user, act):
        raise forbidden(user.name, user.role, act, "a curator")
