"""A checkpoint's vectors and words as numpy and dict would have them, read when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import common_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from embzarr._checkpoint import Checkpoint

_BATCH_BYTES = 8 * 1024 * 1024
_MOST_PLACES = 2**20
"""Words whose rows are remembered."""


class StoredMatrix:
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
        if isinstance(key, tuple):
            return np.asarray(self)[key]
        if isinstance(key, slice) and self._span[key].step == 1:
            return self._slice(self._span[key])
        return self._listed(range(len(self))[key] if isinstance(key, slice) else key)

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
        if func is np.linalg.norm and args == (self,) and kwargs == {"axis": 1}:
            return np.concatenate([np.linalg.norm(block, axis=1) for block in self._blocks()])
        whole = (np.asarray(one) if isinstance(one, StoredMatrix) else one for one in args)
        return func(*whole, **kwargs)

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

    def _listed(self, rows: Any) -> NDArray[Any]:  # noqa: ANN401 - as numpy takes it
        listed = np.asarray(rows)
        if listed.dtype == np.bool_:
            listed = np.flatnonzero(listed)
        found = [self._row(self._span[row]) for row in listed.tolist()]
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


class StoredLengths:
    """The lengths of a matrix's rows, computed of those that are asked for."""

    def __init__(self, matrix: StoredMatrix) -> None:
        """Compute nothing yet."""
        self._matrix = matrix
        self._known: tuple[range, NDArray[Any]] | None = None

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
