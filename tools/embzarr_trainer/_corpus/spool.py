"""Nameless files in the folder for temporary files, and what to say where that is full."""

from __future__ import annotations

import contextlib
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

import embzarr

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


class Spool:
    """Word ids that grow longer than memory."""

    def __init__(self) -> None:
        """Make the file, which is gone with the last that maps or holds it."""
        with telling_where():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`

    def write(self, data: Any) -> None:  # noqa: ANN401 - whatever has a buffer, as arrays do
        """Append bytes."""
        with telling_where():
            self._file.write(data)

    def map_ids(self) -> npt.NDArray[np.int32]:
        """Map the ids; the map keeps the file alive when it, having no name, is closed."""
        with telling_where():
            self._file.flush()
        return np.memmap(self._file, np.int32, mode="r+").view(np.ndarray)

    def close(self) -> None:
        """Leave the file to those that map it."""
        with contextlib.suppress(OSError):  # what could not be written has been told
            self._file.close()


@contextlib.contextmanager
def telling_where() -> Iterator[None]:
    """Name the folder for temporary files where it fails: nobody knows which it is, or that it is.

    Raises:
        embzarr.StoreError: ``store-failed``.
    """
    try:
        yield
    except OSError as exc:
        folder = tempfile.tempdir or "the folder for temporary files"
        raise embzarr.StoreError(
            "store-failed",
            f"cannot write temporary files: {folder}: {exc.strerror or exc}; TMPDIR names another"
            " folder",
        ) from exc
