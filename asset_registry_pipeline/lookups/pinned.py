"""Connections that go to addresses which were looked at before, and end when their time is up.

The name stays the server's for TLS: its certificate is checked against the name, not against the address.
"""

import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore
from httpcore import NetworkBackend, NetworkStream

_SocketOptions = Iterable[Any]


class Deadline:
    """The end of a fetch as a point in time: every wait gets what is left, none gets more."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self.seconds = seconds

    def left(self, wanted: float | None = None) -> float:
        """Seconds that may still be waited.

        Raises:
            httpcore.ReadTimeout: none.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"it took longer than {self.seconds:g} s")
        return left if wanted is None else min(left, wanted)


class PinnedBackend(NetworkBackend):
    """Connects to one of these addresses, whatever name it is asked for; no name is resolved here."""

    def __init__(
        self, addresses: Sequence[str], deadline: Deadline, network: NetworkBackend | None = None
    ) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._network = network or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name was resolved before, once
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _SocketOptions | None = None,
    ) -> NetworkStream:
        """Connect to the first address that answers."""
        problem: Exception = httpcore.ConnectError("it has no address")
        for address in self._addresses:
            try:
                stream = self._network.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _Timed(stream, self._deadline)
        raise problem


class _Timed(NetworkStream):
    """A connection all of whose waits together end at the deadline: a server that drips bytes wins nothing."""

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Timed(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
