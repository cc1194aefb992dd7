"""Files of vectors as other programs write them: small writers of our own, an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import embzarr

ODD_WORDS = [
    "",
    " ",
    "a b",
    "\0",
    "</s>",
    "\u200b",
    "😀",
    "\ufeffbom",
    "é",
    "-0.5",
    "1 2",
    "x" * 70_000,
]
"""Words that break parsers; none holds a newline, which ends a row of text."""
TEXT_WORDS = [word for word in ODD_WORDS if " 2" not in word]
"""Those that text can hold: behind a word that ends in a number nobody knows where it ends."""

Vectors = npt.NDArray[np.float32]


def vectors(rows: int, dim: int) -> Vectors:
    """Return numbers that differ everywhere, of both signs and many sizes."""
    chance = np.random.default_rng(rows * 1000 + dim)
    return (chance.standard_normal((rows, dim)) * 10.0 ** chance.integers(-9, 9, (rows, 1))).astype(
        np.float32
    )


def word2vec_binary(
    words: Sequence[str | bytes],
    matrix: npt.NDArray[Any],
    *,
    end: bytes = b"\n",
    rows: int | None = None,
) -> bytes:
    """Return a file as the program word2vec writes it, or as gensim does (no `end`)."""
    told = len(words) if rows is None else rows
    body = (
        (word.encode() if isinstance(word, str) else word)
        + b" "
        + row.astype("<f4").tobytes()
        + end
        for word, row in zip(words, matrix, strict=True)
    )
    return b"%d %d\n" % (told, matrix.shape[1]) + b"".join(body)


def text(
    words: Sequence[str], matrix: npt.NDArray[Any], *, header: bool = True, end: str = "\n"
) -> bytes:
    """Return a file of text, each number in the fewest digits that tell it from its neighbours."""
    first = f"{len(words)} {matrix.shape[1]}{end}" if header else ""
    lines = (
        f"{word} {' '.join(map(str, row.tolist()))}{end}"
        for word, row in zip(words, matrix, strict=True)
    )
    return (first + "".join(lines)).encode()


def stored(url: Path) -> tuple[list[str], npt.NDArray[Any]]:
    """Return words and vectors of the newest checkpoint."""
    checkpoint = embzarr.open(url)
    return list(checkpoint.words), checkpoint.load_rows(0, len(checkpoint)).vectors
