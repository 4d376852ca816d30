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
    items: Iterable[T],
    *,
    total: int | None,
    log: Callable[[str], None],
    what: str,
    size: Callable[[T], int] | None = None,
    every_seconds: float = 10.0,
) -> Iterator[T]:
    """Hand the items on, and say to the log at most every ``every_seconds`` how far they are, and at the end.

    ``total``: None where nobody knows it; then without the time left. ``size``: an item's bytes, for a rate in MB/s.
    """
    from tqdm import tqdm

    known = "{n_fmt} of {total_fmt} ({percentage:.0f}%), {rate_fmt}, {remaining} left"
    bar = tqdm(
        items,
        total=total,
        desc=what,
        unit=" items",
        file=_LogLines(log),
        mininterval=every_seconds,
        maxinterval=every_seconds,
        bar_format=f"{{desc}}: {known if total is not None else '{n_fmt} so far, {rate_fmt}'}{{postfix}}",
    )
    moved = 0
    for item in bar:
        if size is not None:
            moved += size(item)
            seconds = max(bar.format_dict["elapsed"], 1e-6)
            bar.set_postfix_str(f"{moved / seconds / 1e6:.1f} MB/s", refresh=False)
        yield item
