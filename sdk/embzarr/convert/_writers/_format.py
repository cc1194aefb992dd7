"""What a format is: its name, what it can hold, and the function that writes it."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import numpy_dtype
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

_WIDER = {
    "float16": ("float32", "float64"),
    "bfloat16": ("float32", "float64"),
    "float32": ("float64",),
}
"""Types that hold every number of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRule:
    """Which words a format cannot hold."""

    pattern: re.Pattern[str]
    """Found in a word that is refused."""
    why: str
    begins_file: bool = False
    """Whether the first word stands first in its file, where U+FEFF would mark the byte order."""

    def refuses(self, word: str, place: int) -> str | None:
        """Return why a word cannot be held in a place; None where it can."""
        if self.pattern.search(word) is not None:
            return self.why
        if self.begins_file and place == 0 and word.startswith("\ufeff"):
            return "it begins the file, where readers take U+FEFF for a mark of byte order"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file."""

    name: str
    what: str
    """In a few words, for people."""
    endings: tuple[str, ...]
    """Of names of such files; none where they are another format's."""
    dtypes: tuple[str, ...]
    """Of numbers that it holds."""
    write: Callable[..., None]
    """Takes the rows, the sink, and that of the words where they lie beside."""
    words: WordRule | None = None
    """None where it holds every word."""
    words_beside: Callable[[str], str] | None = None
    """From the name of the file to the name of that of its words, where they do not lie inside."""
    package: str | None = None
    """What must be installed."""
    extra: str | None = None
    """The extra of embzarr that installs it."""

    def files(self, name: str) -> list[str]:
        """Return the names of the files that it makes, the one that is asked for first."""
        return [name] if self.words_beside is None else [name, self.words_beside(name)]

    def needs(self) -> None:
        """Refuse to go on without the package.

        Raises:
            UnsupportedError: code ``feature-unsupported``.
        """
        if self.package is None:
            return
        try:
            importlib.import_module(self.package)
        except ImportError as exc:
            raise UnsupportedError(
                "feature-unsupported",
                f"{self.name} needs {self.package}: pip install 'embzarr[{self.extra}]'",
            ) from exc

    def dtype_for(self, stored: np.dtype[Any], wanted: DTypeLike | None) -> np.dtype[Any]:
        """Return the type of the numbers in the file.

        Raises:
            InvalidInputError: code ``input-dtype``: the format has neither the type that is wanted
                nor one that holds all numbers that are stored.
        """
        name = stored.name if wanted is None else _name_of(wanted)
        wider = () if wanted is not None else _WIDER.get(name, ())
        for one in (name, *wider):
            if one in self.dtypes:
                return numpy_dtype(one)
        lossy = "" if wanted is not None else f"; dtype={self.dtypes[0]!r} rounds them"
        held = " or ".join(self.dtypes)
        raise InvalidInputError("input-dtype", f"{self.name} holds {held}, not {name}{lossy}")


def bytes_of(block: NDArray[Any]) -> memoryview:
    """Return the numbers of an array one after the other, little-endian."""
    little = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def _name_of(dtype: DTypeLike) -> str:
    if isinstance(dtype, str) and dtype == "bfloat16":
        return dtype
    try:
        return np.dtype(dtype).name
    except TypeError as exc:
        raise InvalidInputError("input-dtype", f"dtype: {dtype!r} is no data type") from exc


ONE_A_LINE = WordRule(
    pattern=re.compile("[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029\0]|^$"),
    why="its file of words has one a line, and behind a tab its count, so that no word is empty or"
    " holds a line end, tab or NUL",
    begins_file=True,
)
ONE_FIELD = WordRule(
    pattern=re.compile("[ \t\n\r\v\f\0]|^$"),
    why="a blank or line end would end it, so that no word is empty or holds one, or a NUL",
)


def write_beside(rows: Rows, sink: Sink, words: Sink) -> None:
    """Write the numbers of all rows one after the other, and the words one a line beside them."""
    for batch in rows.batches():
        sink.append(bytes_of(batch.vectors))
        words.append("".join(f"{word}\n" for word in batch.words).encode())


def words_beside(name: str) -> str:
    """Return the name of the file of words beside a file of vectors: ``x.npy`` has ``x.txt``."""
    stem, dot, _ = name.rpartition(".")
    return f"{stem if dot else name}.txt"
