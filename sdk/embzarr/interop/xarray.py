"""xarray and dask: a checkpoint as arrays that are read block by block (extra ``xarray``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import Source, common_dtype, needs, opened

with needs("xarray and dask", extra="xarray"):
    import dask.array as da
    import xarray as xr
    from dask.base import tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint

__all__ = ["to_xarray"]

_BLOCK_BYTES = 16 * 1024 * 1024
_VECTORS = "vectors"


def to_xarray(
    checkpoint: Source,
    columns: Sequence[str] | None = None,
    *,
    block_rows: int | None = None,
    words: bool = True,
) -> Any:  # noqa: ANN401 - xarray is an extra
    """Return a checkpoint as an `xarray.Dataset` over dask arrays, read when they are computed.

    ``vectors`` has the dimensions ``word`` and ``dim``, a further column ``word`` and, where it
    holds several values a row, ``NAME_1``, ``NAME_2`` and so on. A block is whole chunks of rows;
    of a slice of rows or dimensions those alone are kept. It works with every scheduler of dask,
    and in other processes, to which the checkpoint goes as its pickle: credentials come from their
    environment.

    Args:
        checkpoint: one that is open, or the place of a run.
        columns: which, by their names; by default all.
        block_rows: rows of a block; by default as many whole chunks of vectors as take 16 MiB.
        words: read the words, to be the coordinate ``word``, so that ``.sel(word=...)`` finds rows.

    Raises:
        InvalidInputError: no such column, or `block_rows` below 1.

    Example:
        >>> from embzarr.interop.xarray import to_xarray
        >>> table = to_xarray(checkpoint)
        >>> table.vectors.sel(word=["queen", "man"]).sum("dim").values
        array([1., 1.], dtype=float32)
        >>> table.sizes["word"], table.attrs["step"]
        (4, 100)
    """
    found = opened(checkpoint)
    arguments.check_flags(words=words)
    asked = found.columns if columns is None else columns
    none = found.load_rows(0, 0, columns=asked).columns
    rows = _block_rows(found) if block_rows is None else block_rows
    rows = arguments.whole("block_rows", rows, least=1)
    variables = {name: _variable(found, name, column, rows) for name, column in none.items()}
    coordinates = {"word": np.array(list(found.words), object)} if words else {}
    told = {"url": found.url, "step": found.step, "commit": found.commit}
    return xr.Dataset(variables, coordinates, told)


def _block_rows(checkpoint: Checkpoint) -> int:
    """Return as many whole chunks of vectors as a block may hold, in rows; one at least."""
    chunk = next(one for one in checkpoint.info().columns if one.name == _VECTORS).chunk_rows
    row_bytes = max(checkpoint.dim * common_dtype(checkpoint.dtype).itemsize, 1)
    return max(_BLOCK_BYTES // (chunk * row_bytes), 1) * chunk


def _variable(
    checkpoint: Checkpoint, name: str, none: NDArray[Any], rows: int
) -> tuple[list[str], Any]:
    shape = (len(checkpoint), *none.shape[1:])
    column = _Column(checkpoint, name, shape, common_dtype(none.dtype).newbyteorder("="))
    named = tokenize(checkpoint.url, checkpoint.commit, checkpoint.info().created, name, rows)
    array = da.from_array(
        column, chunks=(rows, *shape[1:]), name=f"embzarr-{name}-{named}", asarray=False
    )
    further = [f"{name}_{axis}" for axis in range(1, len(shape))]
    return ["word", *(["dim"] if name == _VECTORS else further)], array


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """A column as dask asks it: for slices."""

    checkpoint: Checkpoint
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:  # noqa: ANN401 - as numpy takes it
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = range(self.shape[0])[first]
        how: dict[str, Any] = {"columns": (self.name,)}
        if self.name == _VECTORS:
            how["dtype"] = self.dtype
        if not isinstance(wanted, range):
            row = self.checkpoint.load_rows(wanted, wanted + 1, **how).columns[self.name][0]
            return np.asarray(row[tuple(rest)])
        low, high = min(wanted, default=0), max(wanted, default=-1) + 1
        found = self.checkpoint.load_rows(low, high, **how).columns[self.name]
        stepped = found[:: wanted.step] if wanted.step > 0 else found[::-1][:: -wanted.step]
        return np.asarray(stepped[(slice(None), *rest)], self.dtype)
