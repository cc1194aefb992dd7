"""What a checkpoint is, and the tensors and files of the model in it."""

from __future__ import annotations

import codecs
import math
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr_view._shown import document, number, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import embzarr

_MOST: Final = 2000
"""Tensors, or files, that are listed."""
_FIRST_BYTES: Final = 16 * 1024
_FIRST_NUMBERS: Final = 4096
_SHOWN_NUMBERS: Final = 64


def about(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    """Return what the manifest says of a checkpoint."""
    info = checkpoint.info()
    return {
        "commit": info.commit,
        "step": info.step,
        "kind": info.kind,
        "created": info.created,
        "writer": shown(info.writer),
        "rows": info.rows,
        "dim": info.dim,
        "dtype": info.dtype,
        "placement": info.placement,
        "columns": [shown(name) for name in checkpoint.columns],
        "metadata": document(info.metadata) if info.metadata else "",
        "model": document(info.model) if info.model else "",
        "tensors": len(info.tensors),
        "files": len(info.files),
    }


def contents(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    """Return the first tensors and files by their names, and how many there are."""
    info = checkpoint.info()
    tensors = sorted(info.tensors, key=lambda one: one.name)
    files = sorted(info.files, key=lambda one: one.name)
    return {
        "tensors": [
            {
                "at": at,
                "name": shown(one.name),
                "shape": list(one.shape),
                "dtype": shown(one.dtype),
                "bytes_raw": one.bytes_raw,
                "bytes_stored": one.bytes_stored,
                "layer": one.layer,
            }
            for at, one in enumerate(tensors[:_MOST])
        ],
        "files": [
            {
                "at": at,
                "name": shown(one.name),
                "size": one.size,
                "type": shown(one.media_type),
                "sha256": one.sha256,
                "layer": one.layer,
            }
            for at, one in enumerate(files[:_MOST])
        ],
        "tensors_in_all": len(tensors),
        "files_in_all": len(files),
        "tensor_bytes": sum(one.bytes_raw for one in tensors),
        "file_bytes": sum(one.size for one in files),
        "model": document(info.model) if info.model else "",
    }


def tensor(checkpoint: embzarr.Checkpoint, at: int) -> dict[str, Any]:
    """Return the first numbers of a tensor, given by its place in the list; no more is read.

    Raises:
        IndexError: there is no such tensor.
    """
    one = checkpoint.tensors[sorted(checkpoint.tensors)[at]]
    first = _first(one)
    return {
        "name": shown(one.name),
        "seen": len(first),
        "numbers": [_told(value) for value in first[:_SHOWN_NUMBERS]],
        **_spread(first),
    }


def _first(one: embzarr.Tensor) -> NDArray[Any]:
    """Return the first numbers, flat, with little more read than holds them."""
    key: list[slice] = []
    room = _FIRST_NUMBERS
    for at, length in enumerate(one.shape):
        below = max(math.prod(one.shape[at + 1 :]), 1)
        key.append(slice(0, max(min(length, room // below), min(length, 1))))
        room = _FIRST_NUMBERS if key[-1].stop <= 1 else sys.maxsize
    part = one[tuple(key)] if key else one.load()
    return np.asarray(part).reshape(-1)[:_FIRST_NUMBERS]


def _told(value: Any) -> float | str | None:  # noqa: ANN401 - of any data type
    is_real = isinstance(value, int | float | np.integer | np.floating | np.bool_)
    return number(value) if is_real else shown(value, 40)


def _spread(values: NDArray[Any]) -> dict[str, Any]:
    if values.dtype.kind not in "iufb" or not len(values):
        return {"least": None, "mean": None, "most": None}
    wide = values.astype(np.float64)
    with np.errstate(invalid="ignore"):
        figures = {"least": wide.min(), "mean": wide.mean(), "most": wide.max()}
    return {name: number(value) for name, value in figures.items()}


def file(checkpoint: embzarr.Checkpoint, at: int) -> dict[str, Any]:
    """Return the beginning of a file, given by its place in the list, where it is text.

    Raises:
        IndexError: there is no such file.
    """
    one = checkpoint.files[sorted(checkpoint.files)[at]]
    data = one.read(0, _FIRST_BYTES)
    return {
        "name": shown(one.name),
        "size": one.size,
        "seen": len(data),
        "text": _as_text(data),
    }


def _as_text(data: bytes) -> str | None:
    """Return lines of text; None of what is none. A letter cut at the end is left out."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    return "\n".join(shown(line, 1000) for line in text.splitlines())
