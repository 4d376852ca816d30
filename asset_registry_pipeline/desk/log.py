"""The desk's log: lines without passwords, tokens and people's addresses, tracebacks included."""

import logging

from migration_kit.redaction import mask_email, redact


class Redacted(logging.Formatter):
    """A formatter that masks what must not be read, in whatever way it got into a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback where there is one."""
        return mask_email(redact(super().format(record)))


def log_redacted(level: int) -> None:
    """Send all that is logged in this process to standard error, masked."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacted("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
