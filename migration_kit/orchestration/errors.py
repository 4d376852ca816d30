"""From failures to Dagster's terms: a failed step that is never retried, or a retry.

Which error of which client passes by itself is known where that client is: in `migration_kit.postgres` and `mongo`.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import dagster as dg

from migration_kit.failures import PermanentError, TransientError
from migration_kit.redaction import redact

MOST_RETRIES = 3
FIRST_WAIT_SECONDS = 2


@contextmanager
def failing(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[None]:
    """Carry errors into Dagster, redacted: what may pass is retried, everything else fails at once.

    An error that nobody foresaw (a mistake in the code, SQL that the server refuses) fails at once, too: the asset's
    retry policy would only meet it again. Its traceback stands in the run's log.

    Raises:
        dagster.Failure: the error was permanent, or the retries are used up.
        dagster.RetryRequested: the error was transient and may pass.
    """
    try:
        yield
    except (dg.Failure, dg.RetryRequested, dg.DagsterError):
        raise
    except PermanentError as wrong:
        raise dg.Failure(description=redact(str(wrong)), allow_retries=False) from None
    except Exception as error:
        told = redact(str(error))
        if isinstance(error, TransientError) or _is_passing(error):
            _try_again(context, told)
        # Not log.exception: it would add the traceback as it is, with its passwords.
        context.log.error(redact("".join(traceback.format_exception(error))))  # noqa: TRY400
        description = f"unexpected {type(error).__name__}: {told}. The traceback is in the log of this run."
        raise dg.Failure(description=description, allow_retries=False) from None


def _try_again(context: dg.AssetExecutionContext | dg.OpExecutionContext, told: str) -> NoReturn:
    if context.retry_number >= MOST_RETRIES:
        description = f"{told} (given up after {MOST_RETRIES} retries)"
        raise dg.Failure(description=description, allow_retries=False) from None
    context.log.warning(f"{told}. Trying again ({context.retry_number + 1} of {MOST_RETRIES}).")
    wait = FIRST_WAIT_SECONDS * 2**context.retry_number
    # Without its cause: Dagster would store that as it is, with its passwords.
    raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=wait) from None


def _is_passing(error: Exception) -> bool:
    """Whether a client's own error, untranslated by a store, may pass. A client that is not loaded raised none."""
    if isinstance(error, (ConnectionError, TimeoutError)) or getattr(error, "connection_invalidated", False):
        return True  # the second: SQLAlchemy says so of a connection that broke
    if "psycopg" in sys.modules:
        from migration_kit import postgres

        if postgres.is_passing(error):
            return True
    if "pymongo" in sys.modules:
        from migration_kit import mongo

        return mongo.is_passing(error)
    return False
