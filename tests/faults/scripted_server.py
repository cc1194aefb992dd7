"""A web server of an enemy, in a process of its own: the first part of a path names how it answers.

Its bytes are written as they stand, so that it can say what no library would.
"""

from __future__ import annotations

import gzip
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, repeat
from typing import TypeAlias

_BLOCK = bytes(2**16)
_LAST = "Connection: close"
"""Each connection has one answer, so that none is lost to the next request."""
_TRICKLE = 0.1
_TOTAL = 2**30
"""What an object is said to hold where nothing else is said."""
_LATE = "Fri, 31 Dec 9999 23:59:59 GMT"
_LONG = "Content-Length: 10000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked."""

    method: str
    path: str
    start: int
    """Of the range; 0 where none is asked for."""
    stop: int
    """Its end, which is not in it."""
    number: int
    """How many there were before of this path without its query."""


Answer: TypeAlias = Callable[[Request], Iterator[bytes]]


def _head(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", 'ETag: "x"', *headers, _LAST, "", ""]).encode()


def _partial(asked: Request, *, claims: str = "", length: int | None = None) -> bytes:
    size = asked.stop - asked.start
    told = claims or f"bytes {asked.start}-{asked.stop - 1}/{_TOTAL}"
    length = size if length is None else length
    return _head("206 Partial Content", f"Content-Range: {told}", f"Content-Length: {length}")


def _endless(head: Callable[[Request], bytes]) -> Answer:
    def answer(asked: Request) -> Iterator[bytes]:
        yield head(asked)
        yield from repeat(_BLOCK)

    return answer


def _once(*parts: bytes) -> Answer:
    return lambda _: iter(parts)


def _slowly(head: Callable[[Request], bytes], piece: bytes) -> Answer:
    def answer(asked: Request) -> Iterator[bytes]:
        yield head(asked)
        for part in repeat(piece):
            time.sleep(_TRICKLE)
            yield part

    return answer


def _ranges(claims: str) -> Answer:
    """Claim another range, and send all that one may wish for."""
    return _endless(lambda asked: _partial(asked, claims=claims, length=2**40))


def _length(value: str) -> Answer:
    return _endless(lambda _: _head("200 OK", f"Content-Length: {value}"))


def _chunked(status: str, *headers: str) -> Answer:
    def answer(asked: Request) -> Iterator[bytes]:
        told = f"Content-Range: bytes {asked.start}-{asked.stop - 1}/{_TOTAL}"
        size = f"Content-Length: {asked.stop - asked.start}"
        yield _head(status, "Transfer-Encoding: chunked", told, size, *headers)
        yield from repeat(b"10000\r\n" + _BLOCK + b"\r\n")

    return answer


def _short(asked: Request) -> Iterator[bytes]:
    yield _partial(asked)
    yield _BLOCK[: (asked.stop - asked.start) // 2]


def _redirect(to: str) -> Answer:
    return lambda asked: iter(
        [_head("302 Found", f"Location: {to.format(path=asked.path)}", "Content-Length: 0")]
    )


def _bomb(asked: Request) -> bytes:
    size = asked.stop - asked.start
    return gzip.compress(bytes(2**28), 1)[:size]


def _lines(line: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-A: "
    for number in count():
        yield line % (number, b"y" * 1000)


READS: dict[str, Answer] = {
    "length-2to33": _length(str(2**33)),
    "length-2to40": _length(str(2**40)),
    "length-2to62": _length(str(2**62)),
    "length-2to63": _length(str(2**63)),
    "length-2to64": _length(str(2**64)),
    "length-10to30": _length(str(10**30)),
    "length-negative": _length("-1"),
    "length-words": _length("much"),
    "length-twice": _length("10\r\nContent-Length: 2000000000"),
    "length-none": _endless(lambda _: _head("200 OK")),
    "partial-length-2to40": _endless(lambda asked: _partial(asked, length=2**40)),
    "partial-length-2to62": _endless(lambda asked: _partial(asked, length=2**62)),
    "partial-length-none": _endless(
        lambda asked: _head(
            "206 Partial Content", f"Content-Range: bytes {asked.start}-{asked.stop - 1}/{_TOTAL}"
        )
    ),
    "partial-chunked": _chunked("206 Partial Content"),
    "whole-chunked": _chunked("200 OK"),
    "partial-short": _short,
    "partial-empty": lambda asked: iter([_partial(asked)]),
    "range-none": _endless(lambda _: _head("206 Partial Content", "Content-Length: 1099511627776")),
    "range-words": _ranges("bytes many"),
    "range-shifted": _ranges("bytes 1-4096/8192"),
    "range-longer": _ranges(f"bytes 0-{2**40 - 1}/{2**40}"),
    "range-2to62": _ranges(f"bytes 0-{2**62 - 1}/{2**62}"),
    "range-2to64": _ranges(f"bytes 0-{2**64 - 1}/{2**64 - 1}"),
    "range-10to30": _ranges(f"bytes 0-{10**30}/{10**30 + 1}"),
    "range-backwards": _ranges("bytes 10-0/11"),
    "range-beyond-total": _ranges("bytes 0-65535/7"),
    "range-unit": _ranges("rows 0-65535/65536"),
    "trickle-body": _slowly(_partial, b"x"),
    "trickle-whole": _slowly(lambda _: _head("200 OK", "Content-Length: 8589934592"), b"x"),
    "trickle-headers": _slowly(lambda _: b"HTTP/1.1 206 Partial Content\r\n", b"X-A: b\r\n"),
    "trickle-status": _slowly(lambda _: b"HTTP/1.1 2", b"0"),
    "silence": _slowly(lambda _: b"", b""),
    "endless-headers": lambda _: _lines(b"X-%d: %s\r\n"),
    "endless-header": lambda _: _lines(b"%d %s"),
    "endless-continue": lambda _: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no-http": _once(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" * 100),
    "no-answer": _once(),
    "status-999": _once(_head("999 Odd", "Content-Length: 0")),
    "status-0": _once(b"HTTP/1.1 0 \r\n\r\n"),
    "status-204": _once(_head("204 No Content")),
    "status-304": _once(_head("304 Not Modified")),
    "retry-after": _once(_head("503 Slow Down", "Retry-After: 1000000000", "Content-Length: 0")),
    "too-many": _once(_head("429 Many", f"Retry-After: {_LATE}", "Content-Length: 0")),
    "error-slowly": _slowly(lambda _: _head("500 Oh", _LONG), b"x" * 99),
    "missing-slowly": _slowly(lambda _: _head("404 Not Found", _LONG), b"x" * 99),
    "beyond-end-slowly": _slowly(lambda _: _head("416 Beyond", _LONG), b"x"),
    "error-2to40": _endless(lambda _: _head("500 Oh", f"Content-Length: {2**40}")),
    "missing-2to40": _endless(lambda _: _head("404 Not Found", f"Content-Length: {2**40}")),
    "error-endless": _endless(lambda _: _head("500 Oh")),
    "gzip-bomb": lambda asked: iter(
        [_partial(asked)[:-2], b"Content-Encoding: gzip\r\n\r\n", _bomb(asked)]
    ),
    "redirect-loop": _redirect("{path}"),
    "redirect-longer": _redirect("{path}x"),
    "redirect-file": _redirect("file:///etc/passwd"),
    "redirect-nowhere": _redirect("http://127.0.0.1:1/x"),
    "redirect-nonsense": _redirect("http://[::::"),
    "redirect-bare": _once(_head("301 Moved", "Content-Length: 0")),
}  # fmt: skip
"""To requests for a part of an object."""


def _item(key: str, size: object = 1, modified: str = "2026-01-01T00:00:00.000Z") -> str:
    told = f"<Size>{size}</Size><LastModified>{modified}</LastModified>"
    return f"<Contents><Key>{key}</Key>{told}<ETag>x</ETag></Contents>"


def _page(items: str, *, truncated: object = "false", token: str = "") -> bytes:
    following = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    told = f"<IsTruncated>{truncated}</IsTruncated>{following}"
    body = f"<ListBucketResult>{told}{items}</ListBucketResult>".encode()
    return _head("200 OK", f"Content-Length: {len(body)}") + body


def _pages(page: Callable[[int], bytes]) -> Answer:
    return lambda asked: iter([page(asked.number)])


def _full(number: int) -> str:
    return "".join(_item(f"run/c/{number:09}-{at:04}") for at in range(1000))


_XML = (
    b'<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx">'
    + b"".join(b'<!ENTITY %c "%s">' % (n + 1, b"&%c;" % n * 10) for n in range(97, 110))
    + b"]><ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>run/c/&n;</Key>"
    b"<Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
    b"</ListBucketResult>"
)

LISTINGS: dict[str, Answer] = {
    "same-page": _pages(lambda _: _page(_full(0), truncated="true", token="t")),  # noqa: S106
    "two-pages": _pages(lambda n: _page(_full(n % 2), truncated="true", token=f"t{n}")),
    "nine-pages": _pages(lambda n: _page(_full(n % 9), truncated="true", token=f"t{n}")),
    "new-pages": _pages(lambda n: _page(_full(n), truncated="true", token=f"t{n}")),
    "empty-pages": _pages(lambda n: _page("", truncated="true", token=f"t{n}")),
    "small-pages": _pages(lambda n: _page(_item(f"run/c/{n}"), truncated="true", token=f"t{n}")),
    "other-folder": _pages(
        lambda n: _page(_full(n).replace("run/", "x/"), truncated="true", token=f"t{n}")
    ),
    "size-negative": _pages(lambda _: _page(_item("run/c/a", -1))),
    "size-2to64": _pages(lambda _: _page(_item("run/c/a", 2**64))),
    "size-words": _pages(lambda _: _page(_item("run/c/a", "much"))),
    "date-words": _pages(lambda _: _page(_item("run/c/a", 1, "yesterday"))),
    "date-99999": _pages(lambda _: _page(_item("run/c/a", 1, "99999-01-01T00:00:00.000Z"))),
    "truncated-perhaps": _pages(lambda _: _page(_item("run/c/a"), truncated="perhaps")),
    "no-xml": _once(_head("200 OK", "Content-Length: 7") + b"nothing"),
    "other-xml": _once(_head("200 OK", "Content-Length: 15") + b"<Odd><a/></Odd>"),
    "xml-cut": _once(_head("200 OK", "Content-Length: 18") + b"<ListBucketResult>"),
    "xml-deep": _pages(lambda _: _page("<a>" * 100_000)),
    "xml-bomb": _pages(lambda _: b"".join([_head("200 OK", f"Content-Length: {len(_XML)}"), _XML])),
    "list-trickle": _slowly(lambda _: _head("200 OK", _LONG), b"<a>"),
    "list-silence": _slowly(lambda _: b"", b""),
    "list-retry-after": READS["retry-after"],
    "list-redirect-loop": READS["redirect-loop"],
    "list-2to40": READS["length-2to40"],
    "list-endless": READS["length-none"],
    "list-error-2to40": READS["error-2to40"],
}
"""To requests for a listing of a bucket."""


WRITES: dict[str, Answer] = {
    "write-silence": _slowly(lambda _: b"", b""),
    "write-trickle-headers": READS["trickle-headers"],
    "write-error-slowly": READS["error-slowly"],
    "write-retry-after": READS["retry-after"],
    "write-redirect-loop": READS["redirect-loop"],
    "write-redirect-nowhere": _redirect("http://127.0.0.1:1/x"),
    "write-no-http": READS["no-http"],
    "write-no-answer": READS["no-answer"],
    "write-endless-continue": READS["endless-continue"],
    "write-endless-headers": READS["endless-headers"],
    "write-status-999": READS["status-999"],
    "write-error-2to40": READS["error-2to40"],
    "write-error-endless": READS["error-endless"],
}
"""To requests that change something."""

_ANSWERS = {**READS, **LISTINGS, **WRITES}


class _Handler(socketserver.StreamRequestHandler):
    numbers: dict[str, int] = {}  # noqa: RUF012 - shared by all connections on purpose

    def handle(self) -> None:
        try:
            self._answer_one()
        except OSError:
            return  # the client has heard enough

    def _answer_one(self) -> None:
        lines = [line.decode("latin-1") for line in iter(self.rfile.readline, b"\r\n") if line]
        method, path, _ = lines[0].split(" ", 2)
        pairs = [line.partition(":") for line in lines[1:]]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.rfile.read(int(headers.get("content-length", 0)))
        bounds = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
        start, last = map(int, bounds.groups()) if bounds else (0, _TOTAL - 1)
        bare = path.partition("?")[0]
        number = self.numbers[bare] = self.numbers.get(bare, -1) + 1
        asked = Request(method=method, path=path, start=start, stop=last + 1, number=number)
        for part in _ANSWERS[path.split("/")[1]](asked):
            self.connection.sendall(part)
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.recv(1)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def running_scripted_server() -> Iterator[str]:
    """Answer on a free port until the block ends; yield the URL."""
    command = [sys.executable, __file__]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


if __name__ == "__main__":
    with _Server(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)  # noqa: T201 - told to the parent
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()  # which ends with the parent, however that ends
