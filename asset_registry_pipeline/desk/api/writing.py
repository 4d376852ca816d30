"""Requests that write: once for each Idempotency-Key, and over nothing that the sender has not seen (If-Match)."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Header
from pymongo.client_session import ClientSession
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk.api import replies
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.access import api_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.stores.requests import Answer, Keyed, KeyReusedError

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
Data = tuple[Any, Mapping[str, str]]
"""What a request is answered: data that has a form in JSON, and headers."""


async def keyed(
    request: Request,
    user: Annotated[Actor, Depends(api_user)],
    idempotency_key: Annotated[
        str | None,
        Header(
            description="1 to 200 printable characters of your own. The same request with the same key is carried out"
            " once, and answered in the same words for 24 hours; another request with it is refused (422). While the"
            " first is still under way, the second waits for it: up to two minutes, if a server died over it.",
        ),
    ] = None,
) -> Keyed | None:
    """A dependency of routes that write: the request's key and hash, None where its sender gave no key.

    Raises:
        Problem: 422, the key is none.
    """
    if idempotency_key is None:
        return None
    if not _KEY.fullmatch(idempotency_key):
        raise Problem(
            422, "invalid", "Idempotency-Key is not 1 to 200 printable ASCII characters", "Send a UUID"
        )
    parts = (
        request.method,
        request.url.path,
        request.url.query,
        request.headers.get("if-match", ""),
        hashlib.sha256(await request.body()).hexdigest(),
    )
    return Keyed(key=key_in_store(user.name, idempotency_key), digest=_hash(*parts))


def key_in_store(sender: str, key: str) -> str:
    """What an Idempotency-Key is kept under: everybody's keys are their own."""
    return _hash(sender, key)


def written(
    request: Request, keyed: Keyed | None, write: Callable[[ClientSession], Data], *, status: int = 200
) -> Response:
    """Write in a transaction with the request's key, and answer.

    Raises:
        Problem: 422, the key came with another request before.
    """
    desk = desk_of(request)
    now = desk.clock()

    def answered(session: ClientSession) -> Answer:
        data, headers = write(session)
        return Answer(status, headers, replies.body_of(data, now))

    try:
        answer = desk.registry.requests.once(keyed, answered, now=now)
    except KeyReusedError as error:
        raise Problem(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key came with another request before",
            "Give every new request a key of its own",
        ) from error
    headers = {**answer.headers, **({"Idempotent-Replayed": "true"} if answer.repeated else {})}
    return replies.as_response(answer.body, answer.status, headers)


def etag(version: str) -> str:
    """The header ETag of a version."""
    return f'"{version}"'


def expected(if_match: str | None) -> frozenset[str]:
    """The versions that a sender has seen and means to change, by the header If-Match.

    Raises:
        Problem: 428, it is absent or does not name any.
    """
    named = (if_match or "").strip()
    if not named or named == "*":
        raise Problem(
            428,
            "precondition_required",
            "The header If-Match has to name the version that you have read",
            "Read the asset, then send its ETag as If-Match",
        )
    found = [_ETAG.fullmatch(part.strip()) for part in named.split(",")]
    # A weak one never matches: what is changed has to be the very bytes that were read.
    return frozenset(match[2] for match in found if match and not match[1])


def _hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part};".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
