"""Tokens: the service-role key, who a caller is, and signed urls. All are JWTs signed with the project's secret."""

import time
from dataclasses import dataclass
from typing import Any

import jwt

from local_stack.storage_api import errors

SERVICE_ROLE = "service_role"
_ALGORITHM = "HS256"
_ISSUED = 1_700_000_000  # fixed, so that the same secret always gives the same key
_YEARS = 365 * 24 * 3600


@dataclass(frozen=True)
class Caller:
    """Who asks: the role in the token, or `anon`."""

    role: str

    @property
    def is_service(self) -> bool:
        """Whether the caller may do everything."""
        return self.role == SERVICE_ROLE


def service_role_key(secret: str) -> str:
    """The key a project's owner holds (SUPABASE_SERVICE_ROLE_KEY)."""
    claims = {"iss": "local-stack", "role": SERVICE_ROLE, "iat": _ISSUED, "exp": _ISSUED + 50 * _YEARS}
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def caller_of(authorization: str | None, secret: str) -> Caller:
    """The caller behind an Authorization header; raises AccessDenied for a wrong token."""
    if authorization is None:
        raise errors.malformed("headers must have required property 'authorization'")
    scheme, _, token = authorization.partition(" ")
    claims = _claims(token.strip() if scheme.lower() == "bearer" else authorization, secret)
    if isinstance(claims, str):
        raise errors.access_denied(claims)
    return Caller(str(claims.get("role", "anon")))


def caller_or_nobody(authorization: str | None, secret: str) -> Caller:
    """As `caller_of`, where a wrong token only makes the caller nobody (downloads, info)."""
    try:
        return caller_of(authorization, secret)
    except errors.StorageError:
        return Caller("anon")


def sign_url(path: str, seconds: int, secret: str, **claims: Any) -> str:
    """A token for one path (`bucket/key`) that ends after so many seconds."""
    now = int(time.time())
    return jwt.encode({"url": path, **claims, "iat": now, "exp": now + seconds}, secret, algorithm=_ALGORITHM)


def signed_claims(token: str, path: str, secret: str) -> dict[str, Any]:
    """The claims of a signed url; raises unless the token is good and made for this path."""
    claims = _claims(token, secret)
    if isinstance(claims, str):
        raise errors.invalid_token(claims)
    if claims.get("url") != path:
        raise errors.invalid_signature()
    return claims


def _claims(token: str, secret: str) -> dict[str, Any] | str:
    """The claims, or the words the real server refuses this token with."""
    try:
        claims: dict[str, Any] = jwt.decode(token, secret, algorithms=[_ALGORITHM])
    except jwt.ExpiredSignatureError:
        return '"exp" claim timestamp check failed'
    except jwt.InvalidSignatureError:
        return "signature verification failed"
    except jwt.InvalidTokenError:
        return "Invalid Compact JWS"
    return claims
