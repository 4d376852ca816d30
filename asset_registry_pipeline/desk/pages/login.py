"""Logging in with a token, and out."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.security import csrf
from asset_registry_pipeline.desk.security.access import (
    client_of,
    csrf_protected,
    safe_path,
    session_of,
)
from asset_registry_pipeline.desk.security.sessions import LASTS
from asset_registry_pipeline.desk.state import desk_of

router = APIRouter()


async def own_login_form(request: Request) -> None:
    """A dependency of the login: it must come from the form that this browser was given."""
    address = desk_of(request).address
    cookie = request.cookies.get(address.login_cookie, "")
    await csrf.require_own_form(request, address, csrf.login_token(cookie) if cookie else "")


@router.get("/login")
def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """The login form."""
    if session_of(request):
        return rendering.see_other(safe_path(next))
    return _form(request, safe_path(next))


@router.post("/login", dependencies=[Depends(own_login_form)])
def log_in(
    request: Request,
    token: Annotated[str, Form(max_length=500)] = "",
    next: Annotated[str, Form(max_length=2_000)] = "/",  # noqa: A002
) -> Response:
    """Begin a session for the holder of a token."""
    desk = desk_of(request)
    desk.login_limit.count(client_of(request))
    holder = desk.tokens.holder_of(token.strip())
    if holder is None:
        return _form(request, safe_path(next), wrong=True)
    # A session that this browser had is over: it never becomes another person's.
    if before := session_of(request):
        desk.sessions.end(before)
    cookie, _ = desk.sessions.begin(holder, desk.clock())
    response = rendering.see_other(safe_path(next))
    _set(response, request, desk.address.cookie, cookie, round(LASTS.total_seconds()))
    _set(response, request, desk.address.login_cookie, "", 0)
    return response


@router.post("/logout", dependencies=[Depends(csrf_protected)])
def log_out(request: Request) -> Response:
    """End the session, here and on the server."""
    desk = desk_of(request)
    if session := session_of(request):
        desk.sessions.end(session)
    response = rendering.see_other("/login")
    _set(response, request, desk.address.cookie, "", 0)
    return response


def _form(request: Request, next_path: str, *, wrong: bool = False) -> Response:
    address = desk_of(request).address
    cookie = request.cookies.get(address.login_cookie) or secrets.token_urlsafe(32)
    response = rendering.page(
        request,
        "login.html",
        401 if wrong else 200,
        next_path=next_path,
        wrong=wrong,
        login_token=csrf.login_token(cookie),
    )
    _set(response, request, address.login_cookie, cookie, 3_600)
    return response


def _set(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=desk_of(request).address.secure,
        httponly=True,
        samesite="strict",
    )
