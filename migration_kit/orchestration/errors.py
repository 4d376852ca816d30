"""From the kit's two kinds of failure to Dagster's: a failed step that is never retried, or a retry."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from migration_kit.failures import PermanentError, TransientError
from migration_kit.redaction import redact

MOST_RETRIES = 3
FIRST_WAIT_SECONDS = 2


@contextmanager
def failing(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Carry the kit's errors into Dagster, redacted: permanent ones fail at once, transient ones are retried.

    Raises:
        dagster.Failure: the error was permanent, or the retries are used up.
        dagster.RetryRequested: the error was transient and may pass.
    """
    try:
        yield
    except PermanentError as wrong:
        raise dg.Failure(description=redact(str(wrong)), allow_retries=False) from None
    except TransientError as passing:
        told = redact(str(passing))
        if context.retry_number >= MOST_RETRIES:
            description = f"{told} (given up after {MOST_RETRIES} retries)"
            raise dg.Failure(description=description, allow_retries=False) from None
        context.log.warning(f"{told}. Trying again ({context.retry_number + 1} of {MOST_RETRIES}).")
        wait = FIRST_WAIT_SECONDS * 2**context.retry_number
        raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=wait) from passing
