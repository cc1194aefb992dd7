"""Large reads without TLS, by sockets of our own that fill the memory which is returned.

A library hands over what it has copied twice, into memory that is new each time: of a gigabyte that
is a quarter of the reader's processor time. How to ask again, wait for a server and tell what is
wrong is not repeated here: whatever comes but the whole range is left to the library.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from socket import MSG_PEEK
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

# By its module, which shows a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import exceptions as obstore_errors

from embzarr._storage import forks, interrupts
from embzarr._storage.libraries import deadline
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

LITTLE_BYTES = 2**20
"""What comes as quickly by the library, whose requests take less of the interpreter."""
VALID = timedelta(minutes=15)
"""How far a server's clock may be ahead, as of signed headers."""
_CONNECT_SECONDS = 4.0
_SILENT_SECONDS = 12.0
"""As of the library's: see `embzarr._storage.backends.cloud`."""
_REST_SECONDS = 10.0
"""How long the library is asked alone after something else has come, or nothing."""
_PIECE_BYTES = 2**20
"""After so many it is looked whether to go on."""
_PARTIAL = 206
_ABSENT = (404, 416)
"""HTTP: no such object, or none of that size."""


class Direct:
    """Reads ranges of objects by connections of its own; safe to use from many threads."""

    def __init__(self, sign: Callable[[str], str]) -> None:
        """Ask for nothing yet.

        Args:
            sign: returns a URL without TLS by which an object can be read, by its key.
        """
        self._sign = sign
        self._free: list[HTTPConnection] = []
        self._rests_until = 0.0
        forks.tell_in_child(self)

    def range(self, key: str, start: int, length: int) -> memoryview | None:
        """Return the bytes from `start`, or None where the library is to be asked for them.

        Raises:
            StoreError: code ``store-failed``: they did not come in the time that a request has.
        """
        if time.monotonic() < self._rests_until:
            return None
        try:
            return self._asked(urlsplit(self._sign(key)), start, length)
        except StoreError:
            raise
        except obstore_errors.BaseError:
            pass  # of credentials, which the library will tell
        except (HTTPException, OSError, ValueError):
            self._rests_until = time.monotonic() + _REST_SECONDS
        return None

    def forget_parent(self) -> None:
        """Leave the parent's connections to it: closed here, they stay open there."""
        self._free = []

    def __del__(self) -> None:
        """Close the connections."""
        for connection in self._free:
            connection.close()

    def _asked(self, url: SplitResult, start: int, length: int) -> memoryview | None:
        connection, is_whole = self._connection(url.netloc), False
        try:
            found = _filled(connection, f"{url.path}?{url.query}", start, length)
            is_whole = found is not None
        finally:
            if is_whole and connection.sock is not None:  # else the server has said that it ends it
                self._free.append(connection)
            else:
                connection.close()
        return found

    def _connection(self, host: str) -> HTTPConnection:
        with suppress(IndexError):  # another thread may take the last
            while True:
                connection = self._free.pop()
                if _is_open(connection):
                    return connection
                connection.close()
        connection = HTTPConnection(host, timeout=_CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(_SILENT_SECONDS)
        return connection


def _is_open(connection: HTTPConnection) -> bool:
    """Tell whether a connection on which nothing was asked is silent: else it was ended."""
    connection.sock.settimeout(0)
    try:
        connection.sock.recv(1, MSG_PEEK)
    except BlockingIOError:
        connection.sock.settimeout(_SILENT_SECONDS)
        return True
    except OSError:
        pass
    return False


def _filled(connection: HTTPConnection, path: str, start: int, length: int) -> memoryview | None:
    """Return a range of an object; None where the object has not all of it.

    Raises:
        HTTPException: another answer than the range, or not all of it.
        OSError: no answer.
    """
    ends = time.monotonic() + deadline.seconds_for(length)
    asked = f"{start}-{start + length - 1}"
    connection.request("GET", path, headers={"Range": f"bytes={asked}"})
    answer = connection.getresponse()
    if answer.status not in {_PARTIAL, *_ABSENT}:
        raise HTTPException
    given = answer.headers.get("Content-Range", "")
    is_it = answer.length == length and given.startswith(f"bytes {asked}/")
    if answer.status in _ABSENT or not is_it:
        return None
    memory = np.empty(length, np.uint8).data
    for at in range(0, length, _PIECE_BYTES):
        interrupts.check()
        if time.monotonic() > ends:
            raise StoreError("store-failed", "the answer did not come to its end in time")
        piece = memory[at : at + _PIECE_BYTES]
        if answer.readinto(piece) != len(piece):
            raise HTTPException
    return memory
