"""Large reads and writes without TLS, by sockets of our own, from and to memory that is at hand.

A library hands over what it has copied twice, into memory that is new each time: of a gigabyte that
is a quarter of the reader's processor time. It also knows no CRC-32C, which a server has computed
in a tenth of the time of the CRC-64 that the library sends. How to ask again, wait for a server and
tell what is wrong is not repeated here: whatever comes but the whole range, or the checksum of what
was sent, is left to the library.
"""

from __future__ import annotations

import base64
import math
import struct
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from io import DEFAULT_BUFFER_SIZE
from itertools import islice
from socket import MSG_PEEK, MSG_WAITALL, SO_RCVTIMEO, SOL_SOCKET, socket
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import crc32c
import numpy as np

# By its module, which shows a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import exceptions as obstore_errors

from embzarr._storage import forks, interrupts
from embzarr._storage.libraries import deadline
from embzarr._storage.port import parts_of
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

    from _typeshed import WriteableBuffer

    from embzarr._storage.port import Body

T = TypeVar("T")

_Method: TypeAlias = Literal["GET", "PUT"]

LITTLE_BYTES = 2**20
"""What comes as quickly by the library, whose requests take less of the interpreter."""
VALID = timedelta(minutes=15)
"""How far a server's clock may be ahead, as of signed headers."""
_CONNECT_SECONDS = 4.0
_SILENT_SECONDS = 12.0
"""As of the library's: see `embzarr._storage.backends.connecting`."""
_LEAST_SECONDS = 1.0
"""For the answer to what has been sent."""
_REST_SECONDS = 10.0
"""How long the library is asked alone after something else has come, or nothing."""
_PIECE_BYTES = 2**20
"""After so many it is looked whether to go on."""
_MOST_PIECES = 512
"""That the system takes at once: it has a limit, of 1,024 on most."""
_ANSWER_BYTES = 65536
_CHECKSUM = "x-amz-checksum-crc32c"
_STORED = 200
_PARTIAL = 206
_ABSENT = (404, 416)
"""HTTP: no such object, or none of that size."""


class _Socket(socket):
    """Takes nothing once its time is over, however little comes at a time, as of an answer's head.

    Nor once its caller was interrupted.
    """

    ends = math.inf

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Take what has come."""
        _check(self.ends)
        return super().recv_into(buffer, nbytes, flags)


class _Connection(HTTPConnection):
    sock: _Socket

    def connect(self) -> None:
        """Connect, for as long as the library has for it, and then wait as it does."""
        super().connect()
        self.sock = _Socket(fileno=self.sock.detach())
        self.sock.settimeout(_SILENT_SECONDS)
        seconds, part = divmod(_SILENT_SECONDS, 1)
        silence = struct.pack("ll", int(seconds), int(part * 10**6))
        self.sock.setsockopt(SOL_SOCKET, SO_RCVTIMEO, silence)


class Direct:
    """Reads ranges of objects, and writes them, by connections of its own; for many threads."""

    def __init__(self, sign: Callable[[_Method, str], str]) -> None:
        """Ask for nothing yet.

        Args:
            sign: returns a URL without TLS by which an object can be read or written, by its key.
        """
        self._sign = sign
        self._free: list[_Connection] = []
        self._rests_until: dict[_Method, float] = {}
        forks.tell_in_child(self)

    def range(self, key: str, start: int, length: int) -> memoryview | None:
        """Return the bytes from `start`, or None where the library is to be asked for them.

        Raises:
            StoreError: code ``store-failed``: they did not come in the time that a request has.
        """
        return self._tried("GET", key, lambda by, path: _filled(by, path, start, length))

    def put(self, key: str, data: Body) -> bool:
        """Store the bytes whole; tell whether they are: else the library is to send them.

        They are where the server says that it has bytes of their checksum.

        Raises:
            StoreError: code ``store-failed``: they did not go in the time that a request has.
        """
        is_told = self._tried("PUT", key, lambda by, path: _sent(by, path, data))
        if is_told is False:  # nor will it be of the next: this server knows no such checksum
            self._rests_until["PUT"] = math.inf
        return is_told is True

    def _tried(
        self, method: _Method, key: str, ask: Callable[[_Connection, str], T | None]
    ) -> T | None:
        if time.monotonic() < self._rests_until.get(method, 0):
            return None
        try:
            return self._asked(self._sign(method, key), ask)
        except StoreError:
            raise
        except obstore_errors.BaseError:
            pass  # of credentials, which the library will tell
        except (HTTPException, OSError, ValueError):
            self._rests_until[method] = time.monotonic() + _REST_SECONDS
        return None

    def forget_parent(self) -> None:
        """Leave the parent's connections to it: closed here, they stay open there."""
        while self._free:
            self._free.pop().close()

    def __del__(self) -> None:
        """Close the connections."""
        self.forget_parent()

    def _asked(self, url: str, ask: Callable[[_Connection, str], T | None]) -> T | None:
        parts = urlsplit(url)
        connection, is_whole = self._connection(parts.netloc), False
        try:
            found = ask(connection, f"{parts.path}?{parts.query}")
            is_whole = found is not None
        finally:
            if is_whole and connection.sock is not None:  # else the server has said that it ends it
                self._free.append(connection)
            else:
                connection.close()
        return found

    def _connection(self, host: str) -> _Connection:
        with suppress(IndexError):  # another thread may take the last
            while True:
                connection = self._free.pop()
                if _is_open(connection):
                    return connection
                connection.close()
        connection = _Connection(host, timeout=_CONNECT_SECONDS)
        connection.connect()
        return connection


def _is_open(connection: _Connection) -> bool:
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


def _filled(connection: _Connection, path: str, start: int, length: int) -> memoryview | None:
    """Return a range of an object; None where the object has not all of it.

    Raises:
        HTTPException: another answer than the range, or not all of it.
        OSError: no answer.
    """
    connection.sock.ends = _end_of(length)
    asked = f"{start}-{start + length - 1}"
    connection.request("GET", path, headers={"Range": f"bytes={asked}"})
    source = connection.sock  # which the connection forgets where the server ends it
    answer = connection.getresponse()
    if answer.status not in {_PARTIAL, *_ABSENT}:
        raise HTTPException
    given = answer.headers.get("Content-Range", "")
    is_it = answer.length == length and given.startswith(f"bytes {asked}/")
    if answer.status in _ABSENT or not is_it:
        return None
    memory = np.empty(length, np.uint8).data
    begin = answer.read1(DEFAULT_BUFFER_SIZE)  # what has come with the header
    memory[: len(begin)] = begin
    _receive(source, memory[len(begin) :])
    answer.close()
    return memory


def _receive(source: socket, memory: memoryview) -> None:
    """Fill memory from a connection.

    With a timeout of Python's, all that comes is taken as it comes, and its lock each time; the
    system, which has that timeout, too, waits for all of a piece.
    """
    source.settimeout(None)
    while memory:
        count = source.recv_into(memory[:_PIECE_BYTES], 0, MSG_WAITALL)
        if not count:
            raise HTTPException
        memory = memory[count:]
    source.settimeout(_SILENT_SECONDS)


def _sent(connection: _Connection, path: str, data: Body) -> bool:
    """Store an object; tell whether the server says that it has its checksum.

    Raises:
        HTTPException: another answer than that it was stored.
        OSError: no answer.
    """
    pieces = [memoryview(part).cast("B") for part in parts_of(data)]
    size, crc = sum(map(len, pieces)), 0
    for piece in pieces:
        crc = crc32c.crc32c(piece, crc)
    checksum = base64.b64encode(crc.to_bytes(4, "big")).decode()
    connection.sock.ends = _end_of(size)
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(size))
    connection.putheader(_CHECKSUM, checksum)
    connection.endheaders()
    _send(connection.sock, deque(filter(len, pieces)))
    answer = _answer_in_time(connection)
    answer.read(_ANSWER_BYTES)
    if answer.status != _STORED:
        raise HTTPException
    return answer.headers.get(_CHECKSUM) == checksum


def _send(to: _Socket, pieces: deque[memoryview]) -> None:
    """Send all pieces; some are taken at once, and the last of those perhaps in part."""
    while pieces:
        _check(to.ends)
        sent = to.sendmsg(islice(pieces, _MOST_PIECES))
        while pieces and sent >= len(pieces[0]):
            sent -= len(pieces.popleft())
        if sent:
            pieces[0] = pieces[0][sent:]


def _answer_in_time(connection: _Connection) -> HTTPResponse:
    """Return the answer to what was sent: a server may be long about it."""
    connection.sock.settimeout(max(connection.sock.ends - time.monotonic(), _LEAST_SECONDS))
    try:
        answer = connection.getresponse()
    except TimeoutError as exc:
        raise StoreError("store-failed", "no answer came in time") from exc
    if connection.sock is not None:
        connection.sock.settimeout(_SILENT_SECONDS)
    return answer


def _end_of(nbytes: int) -> float:
    return time.monotonic() + deadline.seconds_for(nbytes)


def _check(ends: float) -> None:
    """End what was interrupted, or has no time left."""
    interrupts.check()
    if time.monotonic() > ends:
        raise StoreError("store-failed", "it did not come to its end in time")
