"""pandas: a checkpoint as a data frame (extra ``pandas``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import arguments
from embzarr.interop._door import Source, common_dtype, opened
from embzarr.interop._rows.frames import frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    return frame_of(loaded)
