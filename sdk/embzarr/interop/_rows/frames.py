"""Rows of a checkpoint as pandas has them: words as index, a column for each number of a vector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from embzarr._format import spec
from embzarr.errors import InvalidInputError
from embzarr.interop._door import needs

with needs("pandas", extra="pandas"):
    import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._reading import Loaded


def frame_of(loaded: Loaded) -> Any:  # noqa: ANN401 - pandas is an extra
    """Return loaded rows as a data frame; numbers of one column alone are not copied.

    Raises:
        InvalidInputError: two columns would have one name.
    """
    index = pd.Index(list(loaded.words), dtype=str, name="word")
    frames = [_frame(name, column, index) for name, column in loaded.columns.items()]
    names = [name for frame in frames for name in frame.columns]
    if len(set(names)) < len(names):
        message = "columns: two columns would have one name in the table; leave out one of them"
        raise InvalidInputError("input-argument", message)
    # One block of numbers is left as it is, without a copy.
    return (
        frames[0] if len(frames) == 1 else pd.concat([pd.DataFrame(index=index), *frames], axis=1)
    )


def _frame(name: str, column: NDArray[Any], index: Any) -> Any:  # noqa: ANN401 - pandas is an extra
    if column.ndim == 1:
        texts = {"U": str, "S": object}.get(column.dtype.kind)
        return pd.DataFrame({name: pd.Series(column.tolist() if texts else column, index, texts)})
    flat = column.reshape(len(column), math.prod(column.shape[1:]))
    spread: Any = [f"{name}.{at}" for at in range(flat.shape[1])]
    names = range(flat.shape[1]) if name == spec.VECTORS else spread
    return pd.DataFrame(flat, index=index, columns=names, copy=False)
