"""A small HTTP proxy before an S3 server that spoils the answers to some requests."""

from __future__ import annotations

import http.client
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import urlsplit

from objects.places import running

Kind = Literal[
    "reset", "busy", "stall", "lost-answer", "garbled", "corrupted", "cut", "wrong-range",
    "error-body", "stale-list", "twice",
]  # fmt: skip
"""What happens to a request.

``reset``: the connection is broken before it is sent on. ``busy``: 503. ``stall``: no answer.
``lost-answer``: it is carried out, then the connection is broken. ``garbled``: one bit of what is
sent on is flipped. ``corrupted``: one bit of the answer is. ``cut``: the answer ends early.
``wrong-range``: bytes from one further on, said to be those asked for. ``error-body``: 200 with an
error in its body. ``stale-list``: the newest object is not in the listing. ``twice``: it is sent on
twice, and the second answer told.
"""

STALL_SECONDS = 30.0
_CONTENTS = re.compile(rb"<Contents>(?:(?!</Contents>).)*</Contents>", re.DOTALL)
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})
_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code>'
    b"<Message>We encountered an internal error. Please try again.</Message></Error>"
)


@dataclass(kw_only=True)
class Fault:
    """Which requests are spoiled, how, and how often."""

    method: str
    path: str
    """A pattern that is found in path and query."""
    kind: Kind
    times: int
    hits: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test has ended, so that no stall outlasts it."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def kind_for(self, method: str, path: str) -> Kind | None:
        """Return what happens to this request, and count it where something does."""
        with self.lock:
            if method != self.method or not re.search(self.path, path) or self.hits >= self.times:
                return None
            self.hits += 1
            return self.kind


@dataclass(kw_only=True)
class Weather:
    """Spoils any request, each kind as often as it is said to be."""

    shares: Mapping[Kind, float]
    """Of all requests."""
    chance: random.Random
    hits: Counter[Kind] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def kind_for(self, _method: str, _path: str) -> Kind | None:
        """Return what happens to this request, and count it where something does."""
        with self.lock:
            at = self.chance.random()
            for kind, share in self.shares.items():
                at -= share
                if at < 0:
                    self.hits[kind] += 1
                    return kind
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@contextmanager
def running_faulty_proxy(upstream: str, fault: Fault | Weather) -> Iterator[str]:
    """Pass requests on to `upstream` until the block ends; yield the URL."""
    handler = type("Handler", (_Handler,), {"fault": fault, "upstream": upstream})
    with running(handler) as url:
        try:
            yield url
        finally:
            fault.over.set()


class _Handler(BaseHTTPRequestHandler):
    fault: Fault | Weather
    upstream: str

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.fault.kind_for(self.command, self.path)
        if kind == "reset":
            self.break_off()
        elif kind == "stall":
            self.fault.over.wait(STALL_SECONDS)
            self.break_off()
        elif kind == "busy":
            self.tell(_Answer(status=503, headers={}, body=_ERROR))
        elif kind == "error-body":
            self.tell(_Answer(status=200, headers={}, body=_ERROR))
        else:
            self.pass_on(body, kind)

    def pass_on(self, body: bytes, kind: Kind | None) -> None:
        sent = _flipped(body) if kind == "garbled" else body
        answer = self.ask(sent, shifted=kind == "wrong-range")
        if kind == "twice":
            answer = self.ask(body)
        if kind == "lost-answer":
            self.break_off()
        else:
            self.tell(_spoiled(answer, kind), cut=kind == "cut")

    def ask(self, body: bytes, *, shifted: bool = False) -> _Answer:
        headers = dict(self.headers)
        if shifted and "Range" in headers:
            first, last = headers["Range"].removeprefix("bytes=").split("-")
            headers["Range"] = f"bytes={int(first) + 1}-{int(last) + 1}"
        there = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(str(there.hostname), there.port, timeout=20)
        try:
            connection.request(self.command, self.path, body or None, headers)
            found = connection.getresponse()
            return _Answer(status=found.status, headers=dict(found.headers), body=found.read())
        finally:
            connection.close()

    def tell(self, answer: _Answer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        if cut:
            self.break_off()

    def break_off(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        # A reset, as a crashed server's kernel sends it, and no orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True  # the client has given up, or we have

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def _spoiled(answer: _Answer, kind: Kind | None) -> _Answer:
    body = answer.body
    if kind == "corrupted" and body:
        body = _flipped(body)
    elif kind == "stale-list":
        listed = _CONTENTS.findall(body)
        body = body.replace(max(listed), b"") if listed else body
    elif kind == "wrong-range" and "Content-Range" not in answer.headers:
        body = body[1:] + b"\0"
    headers = dict(answer.headers)
    if kind == "wrong-range" and "Content-Range" in headers:
        span = re.sub(r"(\d+)-(\d+)", _one_less, headers["Content-Range"], count=1)
        headers["Content-Range"] = span
    return _Answer(status=answer.status, headers=headers, body=body)


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


def _one_less(found: re.Match[str]) -> str:
    return f"{int(found[1]) - 1}-{int(found[2]) - 1}"
