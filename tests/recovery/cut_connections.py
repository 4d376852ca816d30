"""A way to a server whose connections are all cut now and then, in the middle of whatever is said over them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread


@dataclass
class Way:
    """Where to connect to; `cut` ends all connections that there are."""

    port: int
    cuts: int = 0
    _open: set[socket.socket] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            found, self._open = self._open, set()
        self.cuts += len(found) // 2
        for one in found:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def join(self, near: socket.socket, far: socket.socket) -> None:
        """Carry what is said from one to the other, both ways, until one of them ends."""
        with self._lock:
            self._open |= {near, far}
        for source, target in ((near, far), (far, near)):
            Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(65536):
            target.sendall(said)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def way_to(port: int) -> Iterator[Way]:
    """A way to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        way = Way(listening.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listening.accept()
                    way.join(near, socket.create_connection(("127.0.0.1", port)))

        Thread(target=accept, daemon=True).start()
        yield way
        way.cut()
