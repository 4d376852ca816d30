"""What only songs have: the title as their words say it, album art looked up while a curator looks on, and metadata."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.pages import item_view, song_form
from asset_registry_pipeline.desk.pages.item_form import ItemForm
from asset_registry_pipeline.desk.pages.song_pictures import Pictures
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import Curator, User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.providers import SongText, open_provider
from asset_registry_pipeline.registry.ai_metadata import TextFacts, read_facts
from asset_registry_pipeline.registry.differences import told
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.song_matches import ArtCandidate
from asset_registry_pipeline.registry.song_titles import SongTitle, parse_song_line
from asset_registry_pipeline.steps import curation
from migration_kit.failures import MigrationError, TransientError
from migration_kit.redaction import redact

if TYPE_CHECKING:
    from asset_registry_pipeline.desk.pages.item_view import ItemPage
    from asset_registry_pipeline.lookups.candidates import LookUp

PATIENCE = 4.0
"""Seconds that a look-up waits for its turn while a curator looks on."""

MODEL = "openai"
"""The provider that costs something, and is asked for a preview only when somebody asks for it."""
_MODELS_TURN = threading.BoundedSemaphore(2)
_SHOWN: Mapping[str, str] = {
    "generatedDescription": "Description", "mood": "Mood", "genre": "Genre", "tempo": "Tempo", "key": "Key",
    "bpm": "Beats per minute", "bpmEstimated": "Beats per minute, estimated", "energy": "Energy", "tags": "Tags",
    "confidence": "Confidence",
}  # fmt: skip

router = APIRouter(prefix="/queue/song")
Person = Annotated[User, Depends(page_user)]
Typed = Annotated[ItemForm, Form()]


@dataclass(frozen=True)
class Art:
    """Album art that is offered. `state` as of a look-up, empty before there was one; `why` for the curator."""

    candidates: tuple[ArtCandidate, ...] = ()
    state: str = ""
    why: str = ""
    until: Any = None
    settled: Any = None


@dataclass(frozen=True)
class Made:
    """Metadata that was made, as one shows it: its facts by name; `why` there is none. `by` is what it says itself."""

    facts: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    why: str = ""


@dataclass(frozen=True)
class Panel:
    """The part of the page that only songs have; `described` is the title that staging's description says."""

    form: ItemForm
    title: SongTitle
    described: SongTitle
    description: str
    facts: TextFacts
    art: Art
    made: Made = field(default_factory=Made)
    by_model: bool = False


def panel(request: Request, page: "ItemPage") -> Panel:
    """The title, album art and facts of the song on a page."""
    source, enrichment = page.view.source or {}, page.view.enrichment
    described = source.get("description")
    text = described if is_text(described) else ""
    parsed = parse_song_line(page.form.text)
    art = Art() if enrichment is None else _of_enrichment(enrichment)
    return Panel(
        form=song_form.with_parsed_title(page.form, parsed) if page.form.text.strip() else page.form,
        title=parsed,
        described=parse_song_line(text),
        description=text,
        facts=_facts(page.form.text, source),
        art=art,
        made=Made() if enrichment is None else _made(enrichment.ai_metadata, enrichment.ai_why),
        by_model=desk_of(request).registry.settings.ai_provider.strip() == MODEL,
    )


@router.post("/read")
def read(request: Request, user: Person, form: Typed) -> Response:  # noqa: ARG001 - a page needs its user
    """What the words in the form say by now: the title, and the facts that the rules find."""
    view = curation.item(desk_of(request).registry, form.key)
    before, parsed = (form.parsed_song, form.parsed_album, form.parsed_artist), parse_song_line(form.text)
    source = view.source or {}
    shown = rendering.page(
        request,
        "_song_read.html",
        form=song_form.with_parsed_title(form, parsed),
        title=parsed,
        facts=_facts(form.text, source),
        wrong={},
        sides=item_view.description(source, form.text or None),
    )
    if before != tuple(getattr(parsed, name) or "" for name in ("song", "album", "artist")):
        shown.headers["HX-Trigger-After-Settle"] = "title-changed"
    return shown


@router.post("/art")
def art(request: Request, user: Curator, form: Typed, again: Annotated[str, Query()] = "") -> Response:  # noqa: ARG001
    """Album art for the title as it stands in the form."""
    title = song_form.title_in(form)
    found = desk_of(request).registry.look_ups.look_up(title, patience=PATIENCE, again=bool(again))
    return rendering.page(
        request,
        "_song_art.html",
        form=form,
        art=_of_look_up(found),
        wrong={},
        looked_up=title,
        picture=picture_address,
    )


@router.post("/metadata")
def metadata(request: Request, user: Curator, form: Typed) -> Response:  # noqa: ARG001
    """What the model makes of the words in the form; nothing is stored."""
    registry = desk_of(request).registry
    source = curation.item(registry, form.key).source or {}
    if not form.text.strip():
        made = Made(why="there are no words yet")
    elif not _MODELS_TURN.acquire(blocking=False):
        made = Made(why="the model is being asked for others at the moment; try it again soon")
    else:
        try:
            with open_provider(registry.settings) as provider:
                text = SongText(
                    form.text, _tags(source), "G", song_form.title_in(form), desk_of(request).clock()
                )
                made = _made(provider(text), "")
        except MigrationError as error:
            made = Made(why=redact(str(error)))
        finally:
            _MODELS_TURN.release()
    return rendering.page(request, "_song_made.html", made=made)


@router.post("/picture")
def check_picture(request: Request, user: Curator, form: Typed) -> Response:  # noqa: ARG001
    """Whether the picture at an address can be taken, and what it looks like."""
    url = form.art_url.strip()
    wrong = wrong_with_picture(request, url) if url else {"art_url": "give the picture's address"}
    return rendering.page(
        request, "_song_picture.html", url=url, wrong=wrong.get("art_url", ""), picture=picture_address
    )


@router.get("/picture")
def picture(request: Request, user: Person, url: Annotated[str, Query(max_length=2_100)]) -> Response:  # noqa: ARG001
    """A candidate's picture, fetched by the desk."""
    try:
        found = pictures_of(request).get(url)
    except TransientError as error:
        raise Problem(
            504, "unavailable", f"The picture cannot be had at the moment: {error.reason}"
        ) from error
    except MigrationError as error:
        raise Problem(422, "invalid", f"There is no picture to show: {error.reason}") from error
    headers = {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": "inline",
    }
    return Response(found.data, media_type=found.content_type, headers=headers)


def wrong_with_picture(request: Request, url: str) -> dict[str, str]:
    """Why the picture at an address cannot be taken, by the form's field; nothing where it can."""
    try:
        pictures_of(request).get(url)
    except TransientError as error:
        return {"art_url": f"{error.reason}. It may be there later: try it again, or leave it to the look-up"}
    except MigrationError as error:
        return {"art_url": f"{error.reason}{f'. {error.remedy}' if error.remedy else ''}"}
    return {}


def pictures_of(request: Request) -> Pictures:
    """The pictures that this process keeps."""
    state = request.app.state
    if not hasattr(state, "pictures"):
        from asset_registry_pipeline.lookups.fetching import fetch, policy_of

        policy = policy_of(desk_of(request).registry.settings)
        state.pictures = Pictures(lambda url: fetch(url, policy))
    found: Pictures = state.pictures
    return found


def picture_address(url: str) -> str:
    """Where the desk shows a candidate's picture."""
    return f"/queue/song/picture?url={quote(url, safe='')}"


def _facts(words: str, source: Mapping[str, Any]) -> TextFacts:
    return read_facts(words, _tags(source))


def _tags(source: Mapping[str, Any]) -> tuple[str, ...]:
    tags = source.get("tags")
    return tuple(tag for tag in tags if is_text(tag)) if isinstance(tags, list) else ()


def _made(metadata: Mapping[str, Any] | None, why: str) -> Made:
    if metadata is None:
        return Made(why=why)
    facts = {_SHOWN[name]: told(value) for name, value in metadata.items() if name in _SHOWN and value}
    return Made(facts, str(metadata.get("generatedBy", "")), why)


def _of_enrichment(enrichment: Any) -> Art:
    settled = enrichment.album_art if enrichment.art_state == "settled" else None
    return Art(tuple(enrichment.candidates), enrichment.art_state, enrichment.art_why, settled=settled)


def _of_look_up(found: "LookUp") -> Art:
    return Art(found.candidates, str(found.state), found.why, found.until)
