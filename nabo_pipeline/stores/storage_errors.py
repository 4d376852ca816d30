"""What Storage's answers mean: which error concerns one object, which passes by itself, and what to do about it.

Asking Storage belongs to `stores.storage` and `stores.resumable`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from migration_kit.failures import MigrationError, PermanentError, TransientError


class DuplicateError(PermanentError):
    """An object stands at this path already. `own_try` says that an earlier try of ours may have put it there."""

    own_try = False


class MissingError(PermanentError):
    """There is no such object."""


class RefusedError(PermanentError):
    """Storage does not take this object: its size, its type or its name. It says nothing about the others."""


class NotOfferedError(PermanentError):
    """This server does not have the address that was asked: an older one, or one behind a gateway."""


_RETRIED = frozenset(("408", "423", "429", "500", "502", "503", "504", "544"))
"""True statuses that another try may heal; 544 is Storage's own time-out of its database."""


_KINDS: dict[str, type[PermanentError]] = {
    "404": MissingError,
    "405": NotOfferedError,
    "409": DuplicateError,
    "413": RefusedError,
    "415": RefusedError,
    "501": NotOfferedError,
}


def translated(error: Exception, item: str) -> MigrationError:
    """What an error of the client means. The true status stands in the body, not in the answer's own status."""
    import httpx
    from storage3.exceptions import StorageApiError

    if isinstance(error, MigrationError):
        return error
    if isinstance(error, httpx.TransportError):
        return TransientError(f"Storage could not be reached: {type(error).__name__}", item=item)
    if not isinstance(error, StorageApiError):
        return PermanentError(f"the Storage client failed: {type(error).__name__}: {error}", item=item)
    cause = error.__cause__
    while cause is not None and not isinstance(cause, httpx.HTTPStatusError):
        cause = cause.__cause__ or cause.__context__
    wait = cause.response.headers.get("retry-after") if isinstance(cause, httpx.HTTPStatusError) else None
    return judged(str(error.status), error.code, error.message, item, retry_after=wait)


def judged(
    status: str, code: str, message: str, item: str, *, retry_after: str | None = None
) -> MigrationError:
    """The error that an answer with this true status, code and text stands for. `retry_after`: its header."""
    told = f"Storage answered {status} {code}: {message}"
    if status in _RETRIED:
        passing = TransientError(told, item=item)
        passing.retry_after = _seconds(retry_after)
        return passing
    if status == "404" and message.lower().startswith("bucket not found"):
        return PermanentError(told, item=item, remedy="Create the bucket as the app's own migrations do.")
    remedy = "Check SUPABASE_SERVICE_ROLE_KEY." if status in ("401", "403") else None
    bad_name = status == "400" and (code == "InvalidKey" or message.startswith("Invalid key"))
    kind = RefusedError if bad_name else _KINDS.get(status, PermanentError)
    return kind(told, item=item, remedy=remedy)


def _seconds(retry_after: str | None) -> float | None:
    """Seconds to wait by a Retry-After header: a number, or a date (RFC 9110); None where it says neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
