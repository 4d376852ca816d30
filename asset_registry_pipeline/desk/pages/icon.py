"""The picture in the browser's tab."""

from fastapi import APIRouter
from starlette.responses import Response

_ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#2450b2"/>
<path d="M8 9h16M8 16h16M8 23h9" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>"""

router = APIRouter()


@router.get("/icon.svg")
@router.get("/favicon.ico")
def icon() -> Response:
    """The icon, which never changes."""
    return Response(_ICON, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
