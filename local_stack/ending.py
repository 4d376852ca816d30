"""How a program that runs servers is told to end: by Ctrl-C, SIGTERM or SIGHUP, each of them once.

What is then stopped, and how, belongs to the context managers of whoever started it.
"""

import signal
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals() -> None:
    """From now on the first of the signals raises KeyboardInterrupt, and further ones do not disturb the end."""
    for number in _SIGNALS:
        signal.signal(number, _end)


def _end(*_: object) -> NoReturn:
    for number in _SIGNALS:
        # Not SIG_IGN: what is started meanwhile would inherit it, and could not be told to end.
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt
