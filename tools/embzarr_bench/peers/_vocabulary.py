"""Words beside an array, as somebody without embzarr keeps them: one text, read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embzarr_bench._cases import Case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr_bench._cases import Request

CHUNK_BYTES = 128 * 1024
"""The largest chunk of vectors, of a power of two of rows, as embzarr has it."""


def chunk_rows(row_bytes: int, *, target: int = CHUNK_BYTES) -> int:
    """Return the largest power of two of rows within `target` bytes: 64 of 300 float32."""
    return 1 << max((target // row_bytes).bit_length() - 1, 0)


def shard_rows(rows: int, row_bytes: int, *, target: int) -> int:
    """Return the rows of a shard of `target` bytes: whole chunks, no more than hold `rows`."""
    chunk = chunk_rows(row_bytes)
    chunks = chunk_rows(chunk * row_bytes, target=target)
    return chunk * min(chunks, -(-rows // chunk))


def encode(words: Sequence[str]) -> NDArray[np.uint8]:
    """Return the words as one text, a line each."""
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def decode(text: bytes) -> list[str]:
    """Return the words of `encode`."""
    return text.decode().split("\n")


def find(words: Sequence[str], request: Request) -> tuple[NDArray[np.int64], list[str] | None]:
    """Return the rows that are asked for by name, and the words where any order will do."""
    if request.case is Case.RANGE:
        rows = [i for i, word in enumerate(words) if request.first <= word < request.last]
    elif request.case is Case.PREFIX:
        rows = [i for i, word in enumerate(words) if word.startswith(request.prefix)]
    else:
        place = {word: row for row, word in enumerate(words)}
        return np.array([place[word] for word in request.words]), None
    return np.array(rows), [words[row] for row in rows]
