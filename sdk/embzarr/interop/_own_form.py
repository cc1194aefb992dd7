"""Models that a library writes to a file of its own form, and reads from one."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._checkpoint import Checkpoint


def written(save: Callable[[str], object], name: str) -> bytes:
    """Return the bytes of the file that a library saves under a path."""
    with tempfile.TemporaryDirectory(prefix="embzarr-model-") as folder:
        path = Path(folder) / name
        save(str(path))
        return path.read_bytes()


@contextmanager
def file_of(checkpoint: Checkpoint, name: str) -> Iterator[str]:
    """Lend the path of a model's file, for a library that reads no bytes.

    Raises:
        MemberNotFoundError: code ``file-missing``.
    """
    with tempfile.TemporaryDirectory(prefix="embzarr-model-") as folder:
        yield str(checkpoint.files[name].save(Path(folder) / name))
