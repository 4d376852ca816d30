"""Progress of a long step, told to a run's log with its rate and the time left.

The terminal's progress bars of the demo do not belong here.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class _LogLines:
    """A text stream as tqdm wants one, each of whose lines goes to a log."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            self._log(line)

    def flush(self) -> None:
        """Nothing is held back."""


def track(
    items: Iterable[T], *, total: int, log: Callable[[str], None], what: str, every_seconds: float = 10.0
) -> Iterator[T]:
    """Hand the items on, and say to the log at most every ``every_seconds`` how far they are."""
    from tqdm import tqdm

    yield from tqdm(
        items,
        total=total,
        desc=what,
        file=_LogLines(log),
        mininterval=every_seconds,
        maxinterval=every_seconds,
        bar_format="{desc}: {n_fmt} of {total_fmt} ({percentage:.0f}%), {rate_fmt}, {remaining} left",
    )
