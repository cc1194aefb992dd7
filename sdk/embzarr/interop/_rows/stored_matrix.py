"""A checkpoint's vectors and words as numpy and dict would have them, read when they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from embzarr._format import arguments
from embzarr.interop._door import common_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from embzarr._checkpoint import Checkpoint

_BATCH_BYTES = 8 * 1024 * 1024
_MOST_PLACES = 2**20
"""Words whose rows are remembered."""
_BLOCK_ROWS = 65536
"""Of a column, read at once."""


class _Stored(NDArrayOperatorsMixin):
    """What an array can do, by reading all of it: arithmetic, and every attribute of an array."""

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,  # noqa: ANN401 - numpy's protocol
        **options: Any,  # noqa: ANN401 - numpy's protocol
    ) -> Any:  # noqa: ANN401 - numpy's protocol
        """Read all of it for arithmetic; a result cannot be put into it."""
        if any(isinstance(one, _Stored) for one in options.get("out", ())):
            return NotImplemented
        return getattr(ufunc, method)(*_read_all(inputs), **options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as an array has it
        """Read all of it for what only an array has."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


class StoredMatrix(_Stored):
    """The vectors of a range of rows: sliced, multiplied and measured as an array is.

    Rows that were read by number or by word are kept, and so are the first rows where a question
    about them all was asked: each up to `memory_bytes`.
    """

    def __init__(self, checkpoint: Checkpoint, memory_bytes: int) -> None:
        """Know where rows are; nothing is read."""
        self._checkpoint = checkpoint
        self._memory_bytes = memory_bytes
        self._span = range(len(checkpoint))
        self._rows: dict[int, NDArray[Any]] = {}
        self._first = np.empty((0, checkpoint.dim), common_dtype(checkpoint.dtype))
        """The first rows, kept."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers in each."""
        return len(self._span), self._checkpoint.dim

    @property
    def ndim(self) -> int:
        """Two."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return self.size * self.dtype.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return common_dtype(self._checkpoint.dtype)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._span)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as numpy takes it
        """Return a row, rows, or those of a slice: as an array where they may be kept."""
        if isinstance(key, int | np.integer):
            return self._row(self._span[key])
        if isinstance(key, slice):
            span = self._span[key]
            return self._slice(span) if span.step == 1 else self._listed(np.array(span))
        rows = np.asarray(None if isinstance(key, tuple) else key)
        if rows.dtype == np.bool_ and rows.shape == (len(self),):
            rows = np.flatnonzero(rows)
        if rows.size and rows.dtype.kind not in "iu":
            return np.asarray(self)[key]
        asked = np.array([self._span[row] for row in rows.ravel().tolist()], np.int64)
        return self._listed(asked).reshape(*rows.shape, self.shape[1])

    def learn(self, rows: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        """Keep rows that were read otherwise."""
        if (len(self._rows) + len(rows)) * self._row_bytes > self._memory_bytes:
            self._rows.clear()
        self._rows.update(zip(rows.tolist(), vectors, strict=True))

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all of them."""
        found = np.concatenate([self._first[:0], *self._blocks()])
        return found.astype(dtype or found.dtype, copy=bool(copy))

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401 - numpy's protocol
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # noqa: ANN401 - numpy's protocol
        """Multiply and measure block by block; anything else reads all rows for it."""
        if func is np.dot and args[0] is self and not kwargs:
            return np.concatenate([np.dot(block, args[1]) for block in self._blocks()])
        if func is np.linalg.norm and args[0] is self and len(args) == 1 and kwargs == {"axis": 1}:
            return np.concatenate([np.linalg.norm(block, axis=1) for block in self._blocks()])
        return func(*_read_all(args), **dict(zip(kwargs, _read_all(kwargs.values()), strict=True)))

    @property
    def _row_bytes(self) -> int:
        return self._checkpoint.dim * self.dtype.itemsize

    def _row(self, row: int) -> NDArray[Any]:
        if row < len(self._first):
            found: NDArray[Any] = self._first[row]
            return found
        if row not in self._rows:
            self.learn(np.array([row]), self._read(row, row + 1))
        return self._rows[row]

    def _listed(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        found = [self._row(row) for row in rows.tolist()]
        return np.stack(found) if found else self._first[:0]

    def _slice(self, span: range) -> Any:  # noqa: ANN401 - an array, or one that is not read
        if len(span) * self._row_bytes > self._memory_bytes:
            part = StoredMatrix(self._checkpoint, self._memory_bytes)
            part._span = span
            return part
        if span.start:
            return self._read(span.start, span.stop)
        if len(self._first) < span.stop:
            self._first = self._read(0, span.stop)
        return self._first[: span.stop]

    def _blocks(self) -> Iterator[NDArray[Any]]:
        if len(self) * self._row_bytes <= self._memory_bytes:
            yield self._slice(self._span)
            return
        stream = self._checkpoint.stream(
            start=self._span.start,
            stop=self._span.stop,
            batch_bytes=_BATCH_BYTES,
            dtype=self.dtype,
        )
        yield from (batch.vectors for batch in stream)

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        return self._checkpoint.load_rows(start, stop, dtype=self.dtype).vectors


class StoredLengths(_Stored):
    """The lengths of a matrix's rows, computed of those that are asked for."""

    def __init__(self, matrix: StoredMatrix) -> None:
        """Compute nothing yet."""
        self._matrix = matrix
        self._known: tuple[range, NDArray[Any]] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._matrix)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as numpy takes it
        """Return the length of a row, or of those of a slice, which are kept for the next time."""
        if isinstance(key, int | np.integer):
            return np.linalg.norm(self._matrix[key][np.newaxis], axis=1)[0]
        if not isinstance(key, slice):
            return np.asarray(self)[key]
        span = range(len(self._matrix))[key]
        if self._known is None or self._known[0] != span:
            self._known = span, np.linalg.norm(self._matrix[key], axis=1)
        return self._known[1]

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return the lengths of all rows."""
        found = self[:]
        return np.asarray(found.astype(dtype or found.dtype, copy=bool(copy)))


class StoredColumn(_Stored):
    """What a column says of each row: of a row, its block of rows is read and kept."""

    def __init__(self, checkpoint: Checkpoint, name: str) -> None:
        """Know where it is; nothing is read."""
        self._checkpoint = checkpoint
        self._name = name
        self._blocks: dict[int, NDArray[Any]] = {}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._checkpoint)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as numpy takes it
        """Return what it says of a row, or of rows, for which all are read."""
        if not isinstance(key, int | np.integer):
            return np.asarray(self)[key]
        block, place = divmod(range(len(self))[key], _BLOCK_ROWS)
        return self._block(block)[place]

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all of it."""
        blocks = [self._block(at) for at in range(max(-(-len(self) // _BLOCK_ROWS), 1))]
        found = np.concatenate(blocks)
        return found.astype(dtype or found.dtype, copy=bool(copy))

    def _block(self, at: int) -> NDArray[Any]:
        if at not in self._blocks:
            start = at * _BLOCK_ROWS
            loaded = self._checkpoint.load_rows(start, start + _BLOCK_ROWS, columns=(self._name,))
            self._blocks[at] = as_objects(loaded.columns[self._name])
        return self._blocks[at]


class StoredColumns(Mapping[str, StoredColumn]):
    """The columns of one value a row, by the names that `names` gives them, else by their own."""

    def __init__(self, checkpoint: Checkpoint, names: Mapping[str, str]) -> None:
        """Know which there are; nothing is read."""
        further = [name for name in checkpoint.columns if name != "vectors"]
        none = checkpoint.load_rows(0, 0, columns=further).columns
        self._columns = {
            names.get(name, name): StoredColumn(checkpoint, name)
            for name, column in none.items()
            if column.ndim == 1
        }

    def __getitem__(self, name: str) -> StoredColumn:
        """Return a column."""
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._columns)


class StoredWords(Mapping[str, int]):
    """From words to rows, looked up in the store; what was asked before is remembered."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Remember nothing yet."""
        self._checkpoint = checkpoint
        self._places: dict[str, int] = {}

    def learn(self, words: Sequence[str], rows: NDArray[np.int64]) -> None:
        """Remember rows that were looked up otherwise; of a word that is not there, -1."""
        if len(self._places) + len(words) > _MOST_PLACES:
            self._places.clear()
        self._places.update(zip(words, rows.tolist(), strict=True))

    def knows(self, word: str) -> bool:
        """Tell whether it was looked up before, and be it in vain."""
        return word in self._places

    def get(self, key: object, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        """Return the row of a word, or `default`."""
        row = self._row(key)
        return default if row < 0 else row

    def __getitem__(self, key: str) -> int:
        """Return the row of a word."""
        row = self._row(key)
        if row < 0:
            raise KeyError(key)
        return row

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such a word."""
        return self._row(key) >= 0

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self._checkpoint)

    def __iter__(self) -> Iterator[str]:
        """Yield all words, in row order."""
        return iter(self._checkpoint)

    def _row(self, key: object) -> int:
        if not isinstance(key, str) or not arguments.is_word(key):
            return -1
        if key not in self._places:
            found = self._checkpoint.load([key], missing="zeros", columns=())
            self.learn([key], found.rows)
        return self._places[key]


def as_objects(column: NDArray[Any]) -> NDArray[Any]:
    """Return texts and bytes as Python's own, and other values as they are."""
    return column.astype(object) if column.dtype.kind in "UST" else column


def _read_all(values: Iterable[Any]) -> list[Any]:
    """Return values with arrays in the place of what is stored, also within lists."""
    return [
        np.asarray(value)
        if isinstance(value, _Stored)
        else _read_all(value)
        if isinstance(value, list | tuple)
        else value
        for value in values
    ]
