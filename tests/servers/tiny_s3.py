"""An S3 server of one bucket in memory, which can be told to break one promise."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from objects.places import running

Defect = Literal[
    "none",
    "ignores the condition",
    "inverts the condition",
    "stale list",
    "wrong range",
    "error body with 200 on put",
    "error body with 200 on get",
    "stale read",
    "forgets to delete",
]
_ERROR = b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class TinyS3(BaseHTTPRequestHandler):
    """One bucket; `running_tiny_s3` makes a class of its own for every server."""

    defect: ClassVar[Defect] = "none"
    objects: ClassVar[dict[str, bytes]]
    asked: ClassVar[list[str]]
    lock: ClassVar[threading.Lock]

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        exclusive = self.headers.get("If-None-Match") == "*"
        with self.lock:
            refused = exclusive and (self.key in self.objects) != (
                self.defect == "inverts the condition"
            )
            if refused and self.defect != "ignores the condition":
                self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            if self.defect == "error body with 200 on put":
                self.answer(200, _ERROR)
                return
            if self.defect != "stale read" or self.key not in self.objects:
                self.objects[self.key] = data
        self.answer(200)

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            self.list_objects(query.get("prefix", [""])[0])
        elif self.key not in self.objects:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.defect == "error body with 200 on get":
            self.answer(200, _ERROR)
        else:
            self.give(self.objects[self.key])

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def do_DELETE(self) -> None:
        if self.defect != "forgets to delete":
            self.objects.pop(self.key, None)
        self.answer(204)

    do_POST = do_DELETE  # noqa: N815 - http.server's name

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/bucket/")

    def give(self, data: bytes) -> None:
        asked_range = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not asked_range:
            self.answer(200, data)
            return
        first, last = map(int, asked_range.groups())
        if first >= len(data):
            self.answer(416)
            return
        last = min(last, len(data) - 1)
        shift = 1 if self.defect == "wrong range" and first else 0
        part = data[first - shift : last + 1 - shift]
        self.answer(206, part, {"Content-Range": f"bytes {first}-{last}/{len(data)}"})

    def list_objects(self, prefix: str) -> None:
        shown = {} if self.defect == "stale list" else self.objects
        items = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(data)}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key, data in sorted(shown.items())
            if key.startswith(prefix)
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        self.answer(200, body.encode())

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(status)
        told = {"ETag": '"x"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        for name, value in {**told, **(headers or {})}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def running_tiny_s3(defect: Defect = "none") -> Iterator[tuple[str, list[str]]]:
    """Answer on a free port until the block ends; yield the URL, and what was asked so far."""
    asked: list[str] = []
    own: dict[str, object] = {
        "defect": defect,
        "objects": {},
        "asked": asked,
        "lock": threading.Lock(),
    }
    with running(type("OneTinyS3", (TinyS3,), own)) as url:
        yield url, asked
