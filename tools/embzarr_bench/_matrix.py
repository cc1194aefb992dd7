"""The matrix that all store, made here or taken from files; processes share it on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr_bench import _words
from embzarr_bench._errors import BenchError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixFiles:
    """Where a matrix lies."""

    vectors: Path
    """A ``.npy`` file of shape (rows, dim)."""
    words: Path
    """UTF-8, a word a line."""

    def open(self) -> Matrix:
        """Return the matrix, its vectors mapped from the file."""
        return Matrix(np.load(self.vectors, mmap_mode="r"), read_words(self.words))


class Matrix:
    """Words and vectors, row by row, the commonest words first."""

    def __init__(self, vectors: NDArray[Any], words: list[str]) -> None:
        """Hold what was read.

        Raises:
            BenchError: they do not belong together.
        """
        if vectors.ndim != 2 or len(vectors) != len(words):  # noqa: PLR2004 - a matrix
            raise BenchError(f"{len(words)} words do not go with vectors of shape {vectors.shape}")
        self.vectors = vectors
        self.words = words

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.words)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def byte_order(self) -> list[str]:
        """All words in the order of their UTF-8 bytes, which is that of their code points."""
        return sorted(self.words)


def make(folder: Path, *, rows: int, dim: int, text: Path | None = None) -> MatrixFiles:
    """Write normally distributed float32 vectors, and words, to `folder`.

    Args:
        folder: an existing one.
        rows: number of words.
        dim: numbers in a vector.
        text: take the words from this text, as far as it has so many; the rest are made up.
    """
    files = MatrixFiles(vectors=folder / "vectors.npy", words=folder / "words.txt")
    vectors = np.lib.format.open_memmap(
        files.vectors, mode="w+", dtype=np.float32, shape=(rows, dim)
    )
    chance = np.random.default_rng(rows)
    for start in range(0, rows, _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS]
        block[...] = chance.standard_normal(block.shape, dtype=np.float32)
    vectors.flush()
    first = _words.of_text([text])[:rows] if text else []
    known = set(first)
    # As many again as there may be clashes with the text's words.
    more = (word for word in _words.made(rows + len(known)) if word not in known)
    words = [*first, *(next(more) for _ in range(rows - len(first)))]
    files.words.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return files


def halves(text: Path, folder: Path) -> tuple[Path, Path]:
    """Write the two halves of a text to `folder`, cut at a blank."""
    data = text.read_bytes()
    cut = data.find(b" ", len(data) // 2)
    cut = len(data) if cut < 0 else cut
    parts = (folder / "first-half.txt", folder / "second-half.txt")
    for part, piece in zip(parts, (data[:cut], data[cut:]), strict=True):
        part.write_bytes(piece)
    return parts


def read_words(file: Path) -> list[str]:
    """Return the lines of a file; a line ends at a line feed and nowhere else."""
    text = file.read_text(encoding="utf-8")
    return text.removesuffix("\n").split("\n") if text else []
