"""What a load returns: a small value that unpacks into words and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import spec
from embzarr._redact import printable
from embzarr._storage import forks, interrupts
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Loaded:
    """Rows read from a checkpoint; ``words, vectors = loaded``."""

    rows: NDArray[np.int64]
    """Row numbers in the checkpoint, shape (k,); -1 where a word was missing."""
    columns: dict[str, NDArray[Any]]
    """Each column that was asked for, shape (k, ...)."""
    read_words: Callable[[], Iterable[str]]
    """Fetches the words; `words` calls it once, and nothing does where nobody asks."""

    def __reduce__(self) -> tuple[type[Loaded], tuple[object, ...]]:
        """Pickle and copy rows, columns and words, which are read from the store if need be."""
        return Loaded, (self.rows, self.columns, partial(tuple, self.words))

    @forks.cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the rows; reading them from the store waits until they are asked for."""
        return interrupts.apart(lambda: tuple(self.read_words()))

    @property
    def vectors(self) -> NDArray[Any]:
        """The vectors, shape (k, dim).

        Raises:
            InvalidInputError: the load left them out.
        """
        if spec.VECTORS not in self.columns:
            raise InvalidInputError("input-argument", "the vectors were not among the columns")
        return self.columns[spec.VECTORS]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[str, ...] | NDArray[Any]]:
        """Yield words, then vectors, so that the value unpacks."""
        yield self.words
        yield self.vectors

    def __repr__(self) -> str:
        """Return the size of what was read, not the numbers."""
        shapes = ", ".join(f"{name} {list(a.shape)} {a.dtype}" for name, a in self.columns.items())
        return printable(f"Loaded({len(self)} rows: {shapes})")


def fill(
    block: NDArray[Any],
    lost: NDArray[np.bool_],
    *,
    nan: bool,
    what: str,
    full: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Spread the rows that were found, with zeros or NaN for those that were not.

    Args:
        block: the rows that were found, in order.
        lost: for each row of the result, whether it was missing.
        nan: fill with NaN instead of zeros.
        what: the column, for messages.
        full: filled and returned, if given.

    Raises:
        InvalidInputError: NaN for a column of whole numbers.
    """
    if nan and block.dtype.kind in "biu":
        raise InvalidInputError(
            "input-argument", f"column {what!r} is {block.dtype}, which has no NaN: use zeros"
        )
    if full is None:
        full = np.empty((len(lost), *block.shape[1:]), block.dtype)
    full[~lost] = block
    full[lost] = np.nan if nan else 0
    return full
