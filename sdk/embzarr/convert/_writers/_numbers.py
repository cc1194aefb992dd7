"""Numbers as text that reads back to the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_DIGITS = {"float32": "%.9g", "float64": "%.17g"}
"""So many digits tell any two numbers apart."""
DTYPES = tuple(_DIGITS)


def texts_of(block: NDArray[Any], separator: str) -> Iterator[str]:
    """Yield the numbers of each row, separated."""
    row = separator.join([_DIGITS[block.dtype.name]] * block.shape[1])
    return (row % tuple(numbers) for numbers in block.tolist())
