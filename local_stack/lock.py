"""One program at a time on a data folder: the lock that it holds, and the question who holds it.

The folder itself, and what lies in it, belongs to ``local_stack.stack``.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.servers import ServerFailed

_LOCK = "up.lock"


@contextmanager
def the_only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data folder's lock while the block runs; raises ServerFailed if another program has it."""
    with (data_dir / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerFailed(
                f"a stack runs on {data_dir} already: `python -m local_stack down` ends it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def running_pid(data_dir: Path) -> int | None:
    """The process that runs a stack on this data folder, asked of the lock it holds, not of a file it left."""
    path = data_dir / _LOCK
    if not path.exists():
        return None
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0) or None
    return None
