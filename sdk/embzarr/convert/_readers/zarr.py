"""A Zarr array of this machine, or a group that holds one; texts in the group, or a vocabulary."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from embzarr.convert import _matrix
from embzarr.convert._blocks import told
from embzarr.convert._vocabulary import ArrayTexts
from embzarr.errors import EmbzarrError

if TYPE_CHECKING:
    from embzarr.convert._blocks import Given, Table
    from embzarr.convert._damage import Damage

_PLANE: Final = 2


def read(given: Given) -> Table:
    """Look for the matrix and its words, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    import zarr  # noqa: PLC0415 - slow to import

    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        try:
            node = zarr.open(str(path.parent), mode="r")
            about = dict(node.attrs)
            arrays = {"": node} if isinstance(node, zarr.Array) else dict(node.arrays())
            matrix, texts = _found_in(arrays, given.damage)
            about |= dict(matrix.attrs)
            for array in [matrix] if texts is None else [matrix, texts]:
                _note_files(path, array.path, given)
        except EmbzarrError:
            raise
        except Exception as exc:  # zarr raises what it likes of a damaged store
            raise given.damage.error(f"zarr cannot read it: {exc}") from exc
        words = None if texts is None else ArrayTexts(texts, given.damage)
        table = _matrix.of_array(matrix, given, words, stack.pop_all())
        return replace(table, metadata=told(about))


def _note_files(path: Path, name: str, given: Given) -> None:
    """Note the files of an array, which zarr reads by itself."""
    for folder, folders, names in os.walk(path.parent / name):
        folders.sort()
        for file in (Path(folder, one) for one in sorted(names)):
            if file != path:
                given.source.note(file, file.relative_to(path.parent).as_posix())


def _found_in(arrays: dict[str, Any], damage: Damage) -> tuple[Any, Any]:
    matrices = {n: a for n, a in arrays.items() if a.ndim == _PLANE and a.dtype.kind == "f"}
    matrix = _matrix.only_one(matrices, damage)
    _matrix.check_chunks(matrix.chunks, matrix.dtype, damage)
    texts = [a for a in arrays.values() if a.shape == matrix.shape[:1] and a.dtype.kind in "UTO"]
    return matrix, texts[0] if len(texts) == 1 else None
