"""A door before a server that counts the bytes which come out of it, whoever asks."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 256 * 1024


class CountedDoor:
    """Passes connections on to a port of this machine."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        """Bytes that the server has sent so far."""
        self._lock = threading.Lock()
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._behind))
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, begin: socket.socket, end: socket.socket, is_answer: bool) -> None:  # noqa: FBT001 - of a thread
        with suppress(OSError):
            while data := begin.recv(_PIECE):
                if is_answer:
                    with self._lock:
                        self.sent += len(data)
                end.sendall(data)
        with suppress(OSError):
            end.shutdown(socket.SHUT_WR)


@contextmanager
def counted_door(port: int) -> Iterator[CountedDoor]:
    """Open a door before a port until the block ends."""
    door = CountedDoor(port)
    thread = threading.Thread(target=door.run, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.close()
        thread.join()
