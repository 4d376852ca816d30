"""What a person must type before a job changes which tables there are: the configuration of such jobs, and its check.

What the jobs do, and what speaks against it, belongs to them.
"""

import dagster as dg

from migration_kit.failures import PermanentError

LONGEST_LOCK_TIMEOUT_MS = 5_000
"""Readers wait behind whoever waits for a table: nobody may have them wait for longer."""


class ConfirmedConfig(dg.Config):
    """Whether to do it, who says so, and how patient to be with locks."""

    dry_run: bool = True
    """True: only tell what would be done, and all that speaks against it."""
    confirm: str = ""
    """What is meant, typed; the job's description has it."""
    by: str = ""
    """Who decides this; kept with the transition."""
    lock_timeout_ms: int = 300
    """How long to wait for the tables (ms) before they are let go; readers wait as long."""
    attempts: int = 30
    """How often the tables are asked for."""


def to_do_it(op: str, confirmation: str) -> str:
    """The configuration with which a job does it, for its description (Markdown)."""
    return (
        f"```yaml\nops:\n  {op}:\n    config:\n      dry_run: false\n"
        f"      confirm: {confirmation}\n      by: who decides this\n```"
    )


def require_confirmed(config: ConfirmedConfig, confirmation: str, *, job: str) -> None:
    """Refuse what nobody confirmed, and patience that nobody may ask for.

    Raises:
        PermanentError: names the setting; nothing was changed.
    """
    wrong = None
    if not 1 <= config.lock_timeout_ms <= LONGEST_LOCK_TIMEOUT_MS:
        wrong = f"lock_timeout_ms is {config.lock_timeout_ms}, and may be 1 to {LONGEST_LOCK_TIMEOUT_MS}"
    elif config.attempts < 1:
        wrong = f"attempts is {config.attempts}, and may be 1 or more"
    elif not config.dry_run and not config.by.strip():
        wrong = "by is empty"
    elif not config.dry_run and config.confirm != confirmation:
        wrong = f"confirm is not {confirmation!r}"
    if wrong:
        raise PermanentError(
            wrong,
            item=job,
            remedy="Nothing was changed. Correct the configuration; the job's description has one to copy",
        )
