"""HDF5: a matrix of floating point numbers, and texts beside it or a vocabulary file.

As Keras, pandas' own arrays and h5py's users write it; read by h5py (extra ``hdf5``).
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from embzarr.convert import _matrix
from embzarr.convert._blocks import told
from embzarr.convert._vocabulary import ArrayTexts
from embzarr.errors import EmbzarrError, UnsupportedError

if TYPE_CHECKING:
    from embzarr.convert._blocks import Given, Table
    from embzarr.convert._damage import Damage

MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_PLANE: Final = 2


def read(given: Given) -> Table:
    """Look for the matrix and its words, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
        UnsupportedError: code ``feature-unsupported``: h5py is not installed, or the numbers lie in
            other files.
    """
    h5py = _library()
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        try:
            file = stack.enter_context(h5py.File(path, "r"))
            matrix, texts = _found_in(h5py, file, given.damage)
            about = {**file.attrs, **matrix.attrs}
        except EmbzarrError:
            raise
        except Exception as exc:  # h5py raises what it likes of a damaged file
            raise given.damage.error(f"h5py cannot read it: {exc}") from exc
        words = None if texts is None else ArrayTexts(texts, given.damage)
        table = _matrix.of_array(matrix, given, words, stack.pop_all())
        return replace(table, metadata=told(about))


def _library() -> Any:  # noqa: ANN401 - h5py has no types
    try:
        return importlib.import_module("h5py")
    except ModuleNotFoundError as exc:
        raise UnsupportedError(
            "feature-unsupported", "HDF5 is read by h5py: pip install 'embzarr[hdf5]'"
        ) from exc


def _found_in(h5py: Any, file: Any, damage: Damage) -> tuple[Any, Any]:  # noqa: ANN401 - as above
    """Return the matrix, and the texts of as many rows if there are such."""
    every: list[Any] = []

    def look(_: str, one: object) -> None:
        if isinstance(one, h5py.Dataset):
            every.append(one)

    file.visititems(look)
    matrices = [one for one in every if one.ndim == _PLANE and one.dtype.kind == "f"]
    matrix = _matrix.only_one({one.name: one for one in matrices}, damage)
    _refuse_elsewhere(matrix, damage)
    texts = [
        one
        for one in every
        if one.shape == matrix.shape[:1] and h5py.check_string_dtype(one.dtype) is not None
    ]
    return matrix, texts[0] if len(texts) == 1 else None


def _refuse_elsewhere(matrix: Any, damage: Damage) -> None:  # noqa: ANN401 - as above
    if matrix.is_virtual or matrix.external:
        raise UnsupportedError(
            "feature-unsupported", f"{damage.name}: the numbers lie in other files: not read"
        )
    _matrix.check_chunks(matrix.chunks, matrix.dtype, damage)
