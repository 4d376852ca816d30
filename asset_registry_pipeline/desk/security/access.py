"""What a route asks for to know who asks: `page_user`, `at_least` for pages, `api_user`, `api_at_least` for the API.

A page's user comes from the session's cookie, the API's from the bearer token; neither is taken for the other, so a
cookie can never be used against the API from another page.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends
from starlette.requests import Request

from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security import csrf
from asset_registry_pipeline.desk.security.sessions import Session
from asset_registry_pipeline.desk.security.tokens import digest_of
from asset_registry_pipeline.desk.state import Desk, desk_of
from asset_registry_pipeline.registry.roles import Actor, Role

User = Actor
"""Who is logged in; the same to whatever is done for them."""
_UNAUTHORISED = {"WWW-Authenticate": 'Bearer realm="asset registry"'}


def session_of(request: Request) -> Session | None:
    """The session of a request, looked up once; None without one, or where its token was taken away since."""
    found: tuple[Session, Actor] | None = _looked_up(request)
    return found[0] if found else None


def page_user(request: Request) -> User:
    """Who is logged in.

    Raises:
        Problem: nobody is; a person is led to the login, and gets back what they had typed.
    """
    found = _looked_up(request)
    if found is None:
        raise LoginNeeded(request)
    return found[1]


def at_least(role: Role) -> Callable[[User], User]:
    """A dependency of pages: who is logged in, with this role or more."""

    def page_user_with_role(user: Annotated[User, Depends(page_user)]) -> User:
        return _with_role(user, role)

    return page_user_with_role


Curator = Annotated[User, Depends(at_least(Role.CURATOR))]
"""Of pages that decide, and of those that spend what services answer in a minute, or what a model costs."""


def api_user(request: Request) -> User:
    """Who holds the bearer token of a request to the API.

    Raises:
        Problem: 401 without a token that counts, 429 after too many that do not.
    """
    desk = desk_of(request)
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Problem(
            401,
            "unauthorized",
            "A bearer token is needed",
            "Send Authorization: Bearer TOKEN",
            headers=_UNAUTHORISED,
        )
    holder = desk.tokens.standing(digest_of(token.strip()))
    if holder is None:
        desk.login_limit.count(client_of(request))
        raise Problem(
            401,
            "unauthorized",
            "The token is not known",
            "Ask an admin for one that is",
            headers=_UNAUTHORISED,
        )
    request.state.user = holder.actor
    return holder.actor


def api_at_least(role: Role) -> Callable[[User], User]:
    """A dependency of the API: who holds the token, with this role or more."""

    def api_user_with_role(user: Annotated[User, Depends(api_user)]) -> User:
        return _with_role(user, role)

    return api_user_with_role


async def csrf_protected(request: Request, user: Annotated[User, Depends(page_user)]) -> None:  # noqa: ARG001
    """A dependency of all pages: whatever is not merely read must come from the desk's own page."""
    if request.method in csrf.SAFE_METHODS:
        return
    session = session_of(request)
    await csrf.require_own_form(request, desk_of(request).address, session.csrf if session else "")


def client_of(request: Request) -> str:
    """The address that a request came from, as the server knows it: headers of clients are not asked."""
    return request.client.host if request.client else "unknown"


class LoginNeeded(Problem):
    """Nobody is logged in: pages lead to the login."""

    def __init__(self, request: Request) -> None:
        self.login = f"/login?next={quote(_way_back(request), safe='')}"
        super().__init__(
            401,
            "unauthorized",
            "You are not logged in, or your session has ended",
            "Log in again, then send once more",
        )


def safe_path(path: str) -> str:
    """A path of the desk to go to after the login; anything else is the front page."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\", "/login", "/logout"))
    return path if plain and path.isprintable() and "\\" not in path else "/"


def _way_back(request: Request) -> str:
    if request.method not in csrf.SAFE_METHODS or request.headers.get("hx-request"):
        return "/"
    query = f"?{request.url.query}" if request.url.query else ""
    return safe_path(f"{request.url.path}{query}")


def _looked_up(request: Request) -> tuple[Session, Actor] | None:
    if not hasattr(request.state, "session"):
        desk = desk_of(request)
        request.state.session = _session_and_user(desk, request.cookies.get(desk.address.cookie, ""))
        if request.state.session:
            request.state.user = request.state.session[1]
    found: tuple[Session, Actor] | None = request.state.session
    return found


def _session_and_user(desk: Desk, cookie: str) -> tuple[Session, Actor] | None:
    session = desk.sessions.find(cookie, desk.clock())
    # Name and role are the token's as it stands now: who is taken off the list is out at once.
    holder = desk.tokens.standing(session.token_digest) if session else None
    return (session, holder.actor) if session and holder else None


def _with_role(user: User, role: Role) -> User:
    if not user.role.includes(role):
        raise Problem(
            403,
            "forbidden",
            f"This needs the role {role}; yours is {user.role}",
            "Ask somebody who has it, or an admin for a token with it",
        )
    return user
