"""A real MinIO as a child process, as the benchmark starts it; and one that can be killed."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embzarr_bench.servers import _program
from embzarr_bench.servers.minio import MISSING, Minio, _launch, find_minio, running_minio

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

__all__ = ["MISSING", "Minio", "MortalMinio", "find_minio", "mortal_minio", "running_minio"]


class MortalMinio:
    """A MinIO that comes back with its data, on the same port."""

    def __init__(self, program: Path, place: Path) -> None:
        self._launch = _launch(program, place)
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self.server: Minio = self._launch.server

    def start(self) -> None:
        log = self._place / "log.txt"
        self._process = _program._start(self._launch, self._place, log)
        assert _program._ready(self._process, self._launch.health), log.read_text(errors="replace")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@contextmanager
def mortal_minio(program: Path) -> Iterator[MortalMinio]:
    """Run a MinIO of its own until the block ends, then end it and remove its data."""
    with tempfile.TemporaryDirectory(prefix="embzarr-minio-", ignore_cleanup_errors=True) as place:
        found = MortalMinio(program, Path(place))
        try:
            found.start()
            yield found
        finally:
            found.kill()
