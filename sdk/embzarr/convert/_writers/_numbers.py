"""Words and numbers as lines of text; numbers read back to the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

_DIGITS = {"float32": "%.9g", "float64": "%.17g"}
"""So many digits tell any two numbers apart."""
DTYPES = tuple(_DIGITS)


def write_lines(rows: Rows, sink: Sink, separator: str) -> None:
    """Write a line for each row: the word and its numbers, separated."""
    for batch in rows.batches():
        pairs = zip(batch.words, _texts_of(batch.vectors, separator), strict=True)
        sink.append("".join(f"{word}{separator}{numbers}\n" for word, numbers in pairs).encode())


def _texts_of(block: NDArray[Any], separator: str) -> Iterator[str]:
    """Yield the numbers of each row, separated."""
    row = separator.join([_DIGITS[block.dtype.name]] * block.shape[1])
    return (row % tuple(numbers) for numbers in block.tolist())
