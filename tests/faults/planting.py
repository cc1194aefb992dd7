"""Two stores that no read of a part tells apart: an honest one, and one with planted rows.

The planted store has the honest one's manifest byte for byte. Its chunks are as long and have the
same CRC-32C, for which four free bytes are enough, so that it reads as sound until SHA-256 is
asked for.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

import embzarr
from embzarr._format import digests
from servers.http_folder import parse_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORDS = [f"w{row:04}" for row in range(1024)]
VECTORS = np.random.default_rng(0).standard_normal((1024, 64), np.float32)
FREE = 4
"""Bytes that a forger of a CRC-32C must be free to choose."""


def forged(body: bytes, crc32c: int) -> bytes:
    """Return `body` with other last four bytes, so that it has the CRC-32C.

    The checksum is affine in the bits of the message: which of the 32 to set is what 32 equations
    of one bit tell.
    """
    rest = body[:-FREE]

    def of(free: int) -> int:
        return digests.crc32c(rest + free.to_bytes(FREE, "little"))

    base = of(0)
    rows: list[tuple[int, int]] = []  # what a choice of bits changes, and the choice
    for bit in range(8 * FREE):
        change, choice = of(1 << bit) ^ base, 1 << bit
        for other, others in rows:
            change, choice = min((change, choice), (change ^ other, choice ^ others))
        rows.append((change, choice))
    wanted, free = crc32c ^ base, 0
    for change, choice in sorted(rows, reverse=True):
        if wanted ^ change < wanted:
            wanted, free = wanted ^ change, free ^ choice
    assert not wanted
    return rest + free.to_bytes(FREE, "little")


def plant(run: Path) -> None:
    """Turn all vectors of a run round, and nothing that a read of a part would notice."""
    array = embzarr.open(run)._commit.manifest.base.arrays["vectors"]
    index = array.inline_index
    assert index is not None
    (shard,) = run.glob("steps/*/vectors/c/0/0")
    data = bytearray(shard.read_bytes())
    for offset, nbytes, crc in zip(index.offset, index.nbytes, index.crc32c, strict=True):
        begin, end = int(offset), int(offset + nbytes) - 4
        body = -np.frombuffer(bytes(data[begin:end]), np.float32)
        data[begin:end] = forged(body.tobytes(), int(crc))
    shard.write_bytes(data)


def pair(folder: Path) -> tuple[Path, Path]:
    """Write both stores; return the planted one and the honest one."""
    honest, hostile = folder / "honest", folder / "hostile"
    embzarr.save(honest, WORDS, VECTORS, compression="none")
    shutil.copytree(honest, hostile)
    plant(hostile)
    return hostile, honest


def rows_of(url: object, kept: embzarr.Cache, **options: Any) -> np.ndarray:
    """Return all rows but the last of each chunk, where a forger needs four bytes.

    Nothing is listed: a web server, and what stands for S3 here, have none.
    """
    opened = embzarr.open(url, commit=1, cache=kept, storage_options=options or None)
    by_word = opened.load(WORDS[:100]).vectors
    by_row = opened.load_rows(100, 1000).vectors
    found: np.ndarray = np.concatenate((by_word, by_row))
    return found[:500]


TRUE, PLANTED = VECTORS[:500], -VECTORS[:500]


@contextmanager
def serving(choose: Callable[[BaseHTTPRequestHandler], Path | None]) -> Iterator[str]:
    """Answer GET and HEAD with parts of the files that `choose` names; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = choose(self)
            if path is None:
                return
            data = path.read_bytes() if path.is_file() else None
            part = parse_range(self.headers.get("Range"), len(data or b""))
            body = (data or b"") if part is None else (data or b"")[part.start : part.stop]
            self.send_response(404 if data is None else 200 if part is None else 206)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
            self.send_header("ETag", '"x"')
            if part is not None:
                size = len(data or b"")
                self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
