"""Web servers that answer with a page where an object is missing, or not for this reader."""

from __future__ import annotations

from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._storage import open_store
from embzarr.errors import AccessDeniedError
from objects.places import running

PAGE = b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>"
WORDS = ["king", "queen"]


class Folder(BaseHTTPRequestHandler):
    """Gives files, and for all else what a kind of server gives."""

    protocol_version = "HTTP/1.1"

    def __init__(self, root: Path, absent: str, *connection: Any) -> None:
        self.root, self.absent = root, absent
        super().__init__(*connection)

    def do_GET(self) -> None:
        path = self.root / self.path.lstrip("/")
        if self.path == "/login" or (self.absent == "page" and not path.is_file()):
            self.answer(200, PAGE, "text/html; charset=utf-8")
        elif path.is_file():
            self.give(path.read_bytes())
        elif self.absent == "redirect":
            self.answer(302, b"", "text/html", Location="/login")
        else:
            self.answer(int(self.absent), b"", "text/plain")

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def give(self, data: bytes) -> None:
        told = self.headers.get("Range", "").removeprefix("bytes=")
        if not told:
            self.answer(200, data, "application/octet-stream")
            return
        first, last = (int(end) for end in told.split("-"))
        part = data[first : last + 1]
        if not part:
            self.answer(416, b"", "text/plain")
            return
        span = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self.answer(206, part, "application/octet-stream", **{"Content-Range": span})

    def answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        every = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
        for name, value in {**every, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A run of two checkpoints in a folder."""
    for step in (1, 2):
        embzarr.save(tmp_path, WORDS, np.full((2, 3), step, "f4"), step=step)
    return tmp_path


@pytest.mark.parametrize("absent", ["404", "403", "401", "page", "redirect"])
class TestMissing:
    """Of whatever kind the server's answer is where nothing is."""

    def test_a_sound_run_is_read(self, saved: Path, absent: str) -> None:
        """The number after the newest is not there, and need not be."""
        with running(partial(Folder, saved, absent)) as url:
            assert embzarr.open(url)["king"].tolist() == [2, 2, 2]
            assert embzarr.open(url, step=1)["king"].tolist() == [1, 1, 1]

    def test_without_a_hint_as_well(self, saved: Path, absent: str) -> None:
        """By the numbers from 1 on."""
        (saved / "latest.json").unlink()
        with running(partial(Folder, saved, absent)) as url:
            assert embzarr.open(url).step == 2


@pytest.mark.parametrize("absent", ["page", "redirect"])
@pytest.mark.parametrize("lost", ["*", "steps/*/vectors/c/**/*"], ids=["all", "vectors"])
def test_a_page_is_called_a_page(saved: Path, absent: str, lost: str) -> None:
    """And neither a damaged object nor an empty store."""
    for path in saved.rglob("*") if lost == "*" else saved.glob(lost):
        if path.is_file():
            path.unlink()
    with (
        running(partial(Folder, saved, absent)) as url,
        pytest.raises(AccessDeniedError, match="gives a web page in its place"),
    ):
        embzarr.open(url)["king"]


def test_a_page_that_was_saved_is_given(saved: Path) -> None:
    """An object whose name says that it is one."""
    (saved / "about.html").write_bytes(PAGE)
    (saved / "page").write_bytes(PAGE)

    class Html(Folder):
        def answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
            super().answer(status, body, "text/html" if status < 300 else kind, **headers)

    with running(partial(Html, saved, "404")) as url:
        assert embzarr.open(url)["king"].tolist() == [2, 2, 2]
        store = open_store(url)
        assert bytes(store.get("about.html")) == PAGE
        with pytest.raises(AccessDeniedError):
            store.get("page")
