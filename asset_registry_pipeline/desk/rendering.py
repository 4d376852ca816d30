"""Pages and fragments from templates, in which everything is escaped that is not a template's own.

What a page shows belongs to its module in `pages`, how it looks to the style sheets.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from asset_registry_pipeline.desk.security import csrf
from asset_registry_pipeline.desk.security.access import session_of
from asset_registry_pipeline.desk.security.sessions import Flash
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.layers import LAYER_NAMES
from asset_registry_pipeline.registry.roles import may
from migration_kit.redaction import mask_email

HERE = Path(__file__).parent
STATIC = HERE / "static"


def page(
    request: Request, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **shown: Any
) -> HTMLResponse:
    """A page of the desk, or a fragment of one; `shown` is what its template names.

    Templates also know `user`, `flashes`, `path`, `csrf_token`, `csrf_field()`, `static(file)`, `may(user, act)`, and
    the filters `masked` (e-mails) and `when` (a time).
    """
    session = session_of(request)
    # What is kept to be told is told by whole pages only: a fragment has no place for it.
    whole = not is_fragment(request)
    flashes = session.flashes if session and whole else ()
    token = session.csrf if session else ""
    text = (
        _environment()
        .get_template(template)
        .render(
            user=getattr(request.state, "user", None),
            flashes=flashes,
            path=request.url.path,
            csrf_token=token,
            csrf_field=_field(token),
            whole=whole,
            **shown,
        )
    )
    if session and flashes:
        desk_of(request).sessions.told(session)
    return HTMLResponse(text, status, dict(headers or {}))


def fragment(template: str, **shown: Any) -> str:
    """A piece of a page that knows nobody who looks at it."""
    return _environment().get_template(template).render(**shown)


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page that it shows already."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"


def tell(request: Request, text: str, *, kind: str = "done") -> None:
    """Show a message on the next page that this person opens; `kind` is done or problem."""
    if session := session_of(request):
        desk_of(request).sessions.tell(session, Flash(kind, text))


def see_other(path: str) -> Response:
    """Send the browser to a page by GET, as after a form that was taken."""
    return RedirectResponse(path, 303)


@cache
def static_path(file: str) -> str:
    """The address of a static file, with its content's hash: browsers keep it, and never keep an old one."""
    return f"/static/{file}?v={hashlib.sha256((STATIC / file).read_bytes()).hexdigest()[:12]}"


def as_time(moment: datetime | None) -> Markup:
    """A time as people read it, in UTC, with its exact value for programs."""
    if moment is None:
        return Markup("")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), moment.strftime("%Y-%m-%d %H:%M UTC")
    )


def masked(text: object) -> str:
    """A text without people's addresses."""
    return mask_email(str(text))


def _field(token: str) -> Callable[[], Markup]:
    return lambda: Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, token)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"masked": masked, "when": as_time}
    environment.globals |= {"static": static_path, "may": may, "layer_names": LAYER_NAMES}
    return environment
