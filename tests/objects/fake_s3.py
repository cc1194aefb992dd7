"""A server that answers every S3 request in one way, to see what is made of it."""

from __future__ import annotations

import contextlib
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from objects.places import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(kw_only=True)
class Answers:
    """What to answer, and what was asked."""

    statuses: tuple[int | None, ...]
    """One for each request in order, the last for all later ones; None closes the connection."""
    body: str = ""
    """For every status but 200."""
    delay: float = 0.0
    """Seconds before each answer."""
    asked: list[str] = field(default_factory=list)
    """Method, path and query of each request, in order."""
    headers: list[Mapping[str, str]] = field(default_factory=list)
    """Of each request, in order."""


@contextmanager
def running_fake_s3(answers: Answers) -> Iterator[str]:
    """Answer on a free port until the block ends; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answers.asked.append(f"{self.command} {self.path}")
            answers.headers.append({name.lower(): value for name, value in self.headers.items()})
            time.sleep(answers.delay)
            self.close_connection = True
            status = answers.statuses[min(len(answers.asked), len(answers.statuses)) - 1]
            if status is None:
                return
            body = answers.body.encode() if status != 200 else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.send_header("ETag", '"x"')
            self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
            self.end_headers()
            if self.command != "HEAD":
                # A client that has given up is what some tests are about.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with running(Handler) as url:
        yield url
