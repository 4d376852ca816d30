"""Forged requests: whatever changes something must come from the desk's own pages.

Two proofs, either of which would do: the browser's word about where the request came from, and a secret of the
session that only the desk's own pages hold.
"""

import hashlib
import hmac

from starlette.requests import Request

from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.address import Address

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def login_token(cookie: str) -> str:
    """What the login form must carry for this cookie of the browser; before there is a session."""
    return hashlib.sha256(f"login form:{cookie}".encode("utf-8", "surrogatepass")).hexdigest()


async def require_own_form(request: Request, address: Address, expected: str) -> None:
    """Refuse a request that did not come from the desk's own page with this token in it.

    Raises:
        Problem: 403, with what to do.
    """
    _require_own_origin(request, address)
    given = request.headers.get(HEADER) or ""
    if not given and request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        field = (await request.form()).get(FIELD)
        given = field if isinstance(field, str) else ""
    if not expected or not hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    ):
        raise Problem(
            403,
            "forbidden",
            "The form does not belong to your session",
            "Nothing was saved. It was opened before you logged in, or in another session: open the page anew and"
            " send it again",
        )


def _require_own_origin(request: Request, address: Address) -> None:
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if origin is not None:
        own = address.is_own(origin, host)
    else:
        own = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    if not own:
        raise Problem(
            403,
            "forbidden",
            "The request came from another address than the desk's",
            "Nothing was saved. Open the desk under its own address"
            + (
                f", {address.origin}"
                if address.origin
                else "; where that is not this one, set DESK_URL to it"
            ),
        )
