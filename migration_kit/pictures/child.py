"""The process in which codecs run: takes one call after the other from its parent, each under limits.

Started by `isolation` as a program of its own. It knows no secret of its parent's environment, holds no connection, and
ends when its parent does, however that ended, also in the middle of a call: then the other end of its standard input
is closed.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

READY = "ready"
"""What a child says first: from here on it is a file's fault if it dies."""


def serve(descriptor: int) -> None:
    """Answers calls (function, argument, seconds, bytes of memory) on a pipe until its other end is closed."""
    pipe = Connection(descriptor)
    # No pictures of people in core files.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The kernel ends the process when its time is up, also inside a codec that never returns.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Who interrupts or ends the run means the parent: a file that is under way is not to blame.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not _ends_with_its_parent():
        return
    pipe.send(READY)
    while True:
        try:
            answer = _answer(pipe)
        except EOFError:
            return
        try:
            pipe.send(answer)
        except (TypeError, AttributeError, ValueError) as error:
            pipe.send((False, RuntimeError(f"the answer cannot be sent: {error!r}")))


def _ends_with_its_parent() -> bool:
    """Has the kernel end this process, whatever it is at, when its parent is gone; False if it is gone already.

    Nothing is ever written to standard input: its end is what the signal tells. (PR_SET_PDEATHSIG would tell the end of
    the thread that started this process.)
    """
    told = sys.stdin.fileno()
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(told, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(told, fcntl.F_SETFL, fcntl.fcntl(told, fcntl.F_GETFL) | os.O_ASYNC)
    return not select.select([told], [], [], 0)[0]


def _answer(pipe: Connection) -> tuple[bool, Any]:
    try:
        function, argument, seconds, memory = pipe.recv()
        resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
        signal.alarm(seconds)
        return True, function(argument)
    except EOFError:
        raise
    except Exception as error:  # whatever it was, it is the answer to this call
        return False, error
    finally:
        signal.alarm(0)
