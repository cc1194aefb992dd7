"""pandas: a checkpoint as a data frame (extra ``pandas``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from embzarr._format import arguments
from embzarr.errors import InvalidInputError
from embzarr.interop._door import Source, common_dtype, needs, opened

with needs("pandas", extra="pandas"):
    import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from embzarr._reading import Missing

__all__ = ["to_pandas"]


def to_pandas(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    columns: Sequence[str] | None = None,
    *,
    missing: Missing = "raise",
) -> Any:  # noqa: ANN401 - pandas is an extra
    """Return a checkpoint, or some words of it, as a `pandas.DataFrame` with the words as index.

    The vectors are columns ``0`` to ``dim - 1``, numbers as names, so that ``frame[range(dim)]`` is
    the matrix; a further column of one value a word has its name, one of several values is spread
    as ``name.0``, ``name.1``, row by row.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        columns: which to read, by their names in the checkpoint; by default all.
        missing: what to do about words that are not there, as `Checkpoint.load` takes it.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.

    Example:
        >>> from embzarr.interop.pandas import to_pandas
        >>> to_pandas(checkpoint, ["queen", "king"]).loc["king"].tolist()
        [1.0, 0.0, 0.0, 0.0]
    """
    found = opened(checkpoint)
    asked = found.columns if columns is None else columns
    how: dict[str, Any] = {"columns": asked, "dtype": common_dtype(found.dtype)}
    if words is None:
        loaded = found.load_rows(None, None, **how)
    else:
        loaded = found.load(arguments.words("words", words), missing=missing, **how)
    index = pd.Index(list(loaded.words), dtype=str, name="word")
    frames = [_frame(name, column, index) for name, column in loaded.columns.items()]
    names = [name for frame in frames for name in frame.columns]
    if len(set(names)) < len(names):
        message = "columns: two columns would have one name in the table; leave out one of them"
        raise InvalidInputError("input-argument", message)
    # One block of numbers is left as it is, without a copy.
    return frames[0] if len(frames) == 1 else pd.concat(frames, axis="columns")


def _frame(name: str, column: NDArray[Any], index: Any) -> Any:  # noqa: ANN401 - pandas is an extra
    if column.ndim == 1:
        texts = {"U": str, "S": object}.get(column.dtype.kind)
        return pd.DataFrame({name: pd.Series(column.tolist() if texts else column, index, texts)})
    flat = column.reshape(len(column), math.prod(column.shape[1:]))
    spread: Any = [f"{name}.{at}" for at in range(flat.shape[1])]
    names = range(flat.shape[1]) if name == "vectors" else spread
    return pd.DataFrame(flat, index=index, columns=names, copy=False)
