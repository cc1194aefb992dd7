"""A folder served read-only over HTTP, with single byte ranges, as any static web server does.

Python's own `http.server` ignores ``Range``, so it cannot show a partial read.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
}
"""What a browser must be told of; everything else is bytes."""


@contextmanager
def running_http_folder(root: Path, *, allow_origin: str | None = None) -> Iterator[str]:
    """Serve `root` on loopback until the block ends; yield its address without a last slash.

    Pages of `allow_origin`, ``*`` for all, may read it in a browser; else only its own.
    """
    members = {"root": root.resolve(), "allow_origin": allow_origin}
    handler = type("Handler", (_FolderHandler,), members)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def parse_range(header: str | None, size: int) -> range | None:
    """Return which bytes are asked for: an empty range if none can be given, None for all.

    A header that is malformed or names several ranges counts as absent (RFC 9110, 14.2).
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


class _FolderHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for files below `root`; every other method is refused."""

    root: ClassVar[Path]
    allow_origin: ClassVar[str | None]
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Send the file or the part that was asked for."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send what GET would say, without the bytes."""
        self._answer(with_body=False)

    def do_PUT(self) -> None:
        """Refuse: this folder is read-only. The connection ends, for its body is not read."""
        self.close_connection = True
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, allow="GET, HEAD")

    # The names are those that http.server looks for.
    do_POST = do_DELETE = do_PROPFIND = do_MKCOL = do_COPY = do_PUT  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep the tests' output free of an access log."""

    def _answer(self, *, with_body: bool) -> None:
        file = self._file()
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        size = file.stat().st_size
        part = parse_range(self.headers.get("Range"), size)
        if part is not None and not part:
            self._refuse(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, content_range=f"bytes */{size}"
            )
            return
        self._send_head(file, size, part)
        if with_body:
            self._send_bytes(file, part or range(size))

    def _file(self) -> Path | None:
        """Return the file that the address names, None if there is none or it lies outside."""
        path = self.root / unquote(urlsplit(self.path).path).lstrip("/")
        inside = path.resolve().is_relative_to(self.root)
        return path if inside and path.is_file() else None

    def _send_head(self, file: Path, size: int, part: range | None) -> None:
        modified = file.stat().st_mtime
        self.send_response(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT)
        kind = _TYPES.get(file.suffix, "application/octet-stream")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size if part is None else len(part)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Last-Modified", formatdate(modified, usegmt=True))
        self.send_header("ETag", f'"{int(modified * 1e9):x}-{size:x}"')
        if part is not None:
            self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        self._allow()
        self.end_headers()

    def _send_bytes(self, file: Path, part: range, piece: int = 1 << 20) -> None:
        with file.open("rb") as source:
            source.seek(part.start)
            for at in range(part.start, part.stop, piece):
                self.wfile.write(source.read(min(piece, part.stop - at)))

    def _refuse(
        self, status: HTTPStatus, *, allow: str | None = None, content_range: str | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if allow:
            self.send_header("Allow", allow)
        if content_range:
            self.send_header("Content-Range", content_range)
        self._allow()
        self.end_headers()

    def _allow(self) -> None:
        if self.allow_origin:
            self.send_header("Access-Control-Allow-Origin", self.allow_origin)
