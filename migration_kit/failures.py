"""The two kinds of failure, and the retries that the transient kind deserves.

Which error of which client is transient is the store's knowledge and stays with the store.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import Retrying


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
    """The network, a lock or a rate limit stood in the way: trying again may help."""


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

    Use: ``retrying()(function, *args)``.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    return Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=first_delay, max=max_delay),
        retry=retry_if_exception_type(on),
        reraise=True,
    )
