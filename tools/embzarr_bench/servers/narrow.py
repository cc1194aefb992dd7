"""A narrow link to a server: all connections together get so many bytes a second.

toxiproxy limits each connection for itself, so that sixteen of them would be a link sixteen times
as wide.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 64 * 1024
"""Bytes passed on at once: connections take turns piece by piece."""
_SLACK = 0.01
"""Seconds that a link may catch up after the operating system woke us late."""


@contextmanager
def narrowed(endpoint_url: str, *, bytes_per_second: float) -> Iterator[str]:
    """Yield another address of a server, over which each direction moves so much at most."""
    place = urlsplit(endpoint_url)
    upstream = (str(place.hostname), int(place.port or 80))
    link = _Link(upstream, bytes_per_second)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        thread = threading.Thread(target=link.accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            link.close()


class _Pace:
    """Says when the next bytes may go, to all that share a direction."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def wait(self, count: int) -> None:
        """Wait until `count` bytes have had their time on the link."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _SLACK) + count / self._rate
            pause = self._free_at - now
        if pause > 0:
            time.sleep(pause)


class _Link:
    """The connections through one link."""

    def __init__(self, upstream: tuple[str, int], bytes_per_second: float) -> None:
        self._upstream = upstream
        self._down = _Pace(bytes_per_second)
        self._up = _Pace(bytes_per_second)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def accept(self, listener: socket.socket) -> None:
        """Take connections until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                thread = threading.Thread(target=self._connect, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Cut what is still open."""
        with self._lock:
            for one in self._open:
                _shut(one, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _connect(self, client: socket.socket) -> None:
        """Pass on both directions of a connection until both have ended."""
        with client, suppress(OSError), socket.create_connection(self._upstream) as server:
            both = {client, server}
            for one in both:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= both
            up = threading.Thread(target=_pass_on, args=(client, server, self._up), daemon=True)
            up.start()
            _pass_on(server, client, self._down)
            up.join()
            with self._lock:
                self._open -= both


def _pass_on(source: socket.socket, target: socket.socket, pace: _Pace) -> None:
    """Move one direction until it ends, then say so to the other side."""
    buffer = memoryview(bytearray(PIECE))
    with suppress(OSError):
        while count := source.recv_into(buffer):
            pace.wait(count)
            target.sendall(buffer[:count])
    _shut(target, socket.SHUT_WR)


def _shut(one: socket.socket, how: int) -> None:
    with suppress(OSError):
        one.shutdown(how)
