"""The text that all train on: the first bytes of a corpus, a thousand words a line.

gensim divides a file among its threads at line ends, and fastText cuts lines of more than 1,024
words; so the long line of a text8 file would be no fair text for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr_bench._errors import BenchError

if TYPE_CHECKING:
    from pathlib import Path

_WORDS_OF_LINE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A prepared text."""

    file: Path
    words: int


def prepare(corpus: Path, nbytes: int, folder: Path) -> Text:
    """Write the whole words of the first `nbytes` bytes of a UTF-8 text to `folder`.

    Raises:
        BenchError: the file cannot be read or holds no words.
    """
    try:
        with corpus.open("rb") as stream:
            data = stream.read(nbytes)
            more = stream.read(1)
    except OSError as exc:
        raise BenchError(f"{corpus}: {exc.strerror}") from exc
    words = data.split()
    if more and not data[-1:].isspace() and not more.isspace():
        words = words[:-1]
    if not words:
        raise BenchError(f"{corpus}: no words in its first {nbytes} bytes")
    file = folder / "text.txt"
    with file.open("wb") as out:
        for start in range(0, len(words), _WORDS_OF_LINE):
            out.write(b" ".join(words[start : start + _WORDS_OF_LINE]) + b"\n")
    return Text(file=file, words=len(words))
