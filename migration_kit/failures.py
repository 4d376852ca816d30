"""The two kinds of failure, and the retries that the transient kind deserves.

Which error of which client is transient is the store's knowledge and stays with the store.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

LONGEST_RETRY_AFTER = 60.0
"""Seconds: a server that asks for a longer wait is not waited for within a try."""


class MigrationError(Exception):
    """A failure told to the person on call: which item, why, and what to do about it."""

    def __init__(self, reason: str, *, item: str | None = None, remedy: str | None = None) -> None:
        self.reason = reason
        self.item = item
        self.remedy = remedy
        super().__init__(reason, item, remedy)

    def __str__(self) -> str:
        told = f"{self.item}: {self.reason}" if self.item else self.reason
        return f"{told.rstrip('.')}. {self.remedy.rstrip('.')}." if self.remedy else told

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process boundaries; keyword-only arguments need their own way through pickle.
        return (_rebuild, (type(self), self.reason, self.item, self.remedy))


class PermanentError(MigrationError):
    """Data or configuration is wrong: trying again cannot help."""


class TransientError(MigrationError):
    """The network, a lock or a rate limit stood in the way: trying again may help.

    `retry_after`: seconds for which the other side asked to be left alone, if it did.
    """

    retry_after: float | None = None


def _rebuild(kind: type[MigrationError], reason: str, item: str | None, remedy: str | None) -> MigrationError:
    return kind(reason, item=item, remedy=remedy)


def retrying(
    *,
    attempts: int = 5,
    first_delay: float = 0.2,
    max_delay: float = 10.0,
    on: tuple[type[BaseException], ...] = (TransientError,),
) -> "Retrying":
    """Retries with exponential back-off and full jitter (delays in seconds); the last error is raised as it is.

    A longer wait that the error itself asks for (`retry_after`, up to `LONGEST_RETRY_AFTER`) is honoured.
    Use: ``retrying()(function, *args)``.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    back_off = wait_random_exponential(multiplier=first_delay, max=max_delay)

    def delay(state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None) or 0.0
        return max(back_off(state), min(asked, LONGEST_RETRY_AFTER))

    return Retrying(
        stop=stop_after_attempt(attempts),
        wait=delay,
        retry=retry_if_exception_type(on),
        reraise=True,
    )
