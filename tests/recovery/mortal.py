"""A process whose children migrate and die, or lose a server, where they are told to: `mortal.py MODULE`.

It forks a child for each order (a line of JSON on its standard input), which is killed by SIGKILL as a machine that is
switched off. What a child had to import is imported here for those that come after it. What a child does to the outside
is seen as events: writes, commits, uploads and downloads. An order names the event before which something happens.

What a pipeline does to the outside, and how it is run, is said by its module: `prepare()` in the process that forks,
`watch(outside)` and `migrate(order, outside)` in the child, and `HAPPENINGS` beside death.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from threading import Lock
from types import ModuleType
from typing import Any


class Outside:
    """The events of this process, and what happens before one of them."""

    def __init__(self, order: Mapping[str, Any], happenings: Mapping[str, Callable[[], None]]) -> None:
        self.events: list[str] = []
        self._order = order
        self._happenings = {"death": _die, **happenings}
        self._lock = Lock()
        self._seen = 0

    def reached(self, event: str) -> None:
        """Something is about to be done to the outside."""
        with self._lock:
            self.events.append(event)
            place = self._order.get("at")
            due = place == event if isinstance(place, str) else place == len(self.events)
            self._seen += due
            if not due or self._seen != self._order.get("nth", 1):
                return
        self._happenings[self._order["happens"]]()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, tell: Callable[..., None]) -> None:
    """Each call of this method is told before it is made."""
    original = getattr(owner, name)

    @wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        tell(*args, **kwargs)
        return original(*args, **kwargs)

    setattr(owner, name, watched)


def learn(modules: list[str]) -> None:
    """Imports what a child had to import."""
    for name in modules:
        with suppress(Exception):
            importlib.import_module(name)
    gc.freeze()


def child(pipeline: ModuleType, order: Mapping[str, Any], answer: int) -> None:
    """In the forked process: migrate as ordered and say how it ended, if it ends."""
    os.environ.update(order["environment"])
    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    known = set(sys.modules)
    with os.fdopen(answer, "w") as pipe:
        try:
            outside = Outside(order, pipeline.HAPPENINGS)
            pipeline.watch(outside)
            failures = pipeline.migrate(order, outside)
            told = {"success": not failures, "events": outside.events, "failures": failures}
            json.dump({**told, "imported": sorted(set(sys.modules) - known)}, pipe)
        except BaseException as error:
            json.dump({"success": False, "events": [], "failures": [repr(error)]}, pipe)


@contextmanager
def _forked(pipeline: ModuleType, order: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(pipeline, order, writing)
        os._exit(0)
    os.close(writing)
    yield pid, reading


def say(answer: Mapping[str, Any]) -> None:
    """A line of JSON to who gives the orders."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve(pipeline: ModuleType) -> None:
    """Orders from standard input, answers to standard output, several children at once."""
    pipeline.prepare()
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    waiting, answers = b"", {}
    say({"ready": True})
    while True:
        for key, _ in selector.select():
            if key.fd == sys.stdin.fileno():
                found = os.read(key.fd, 65536)
                if not found:
                    return
                *lines, waiting = (waiting + found).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    with _forked(pipeline, order) as (pid, reading):
                        selector.register(reading, selectors.EVENT_READ, (order["id"], pid))
                        answers[reading] = b""
                continue
            found = os.read(key.fd, 65536)
            answers[key.fd] += found
            if not found:  # its end of the pipe is closed: it is done, or dead
                selector.unregister(key.fd)
                os.close(key.fd)
                number, pid = key.data
                _, status = os.waitpid(pid, 0)
                told = json.loads(answers.pop(key.fd) or b"{}")
                learn(told.pop("imported", []))
                say({"id": number, "killed": os.WIFSIGNALED(status), **told})


if __name__ == "__main__":
    serve(importlib.import_module(sys.argv[1]))
