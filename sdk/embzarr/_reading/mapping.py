"""A checkpoint's words, and what goes with them, as plain Python collections."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

import numpy as np

from embzarr._reading.pages import PagedMembers
from embzarr.errors import InvalidInputError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import DTypeLike, NDArray

    from embzarr._format import Layer, WordTable
    from embzarr._reading.fetching.cost import Link
    from embzarr._storage import GetRange

T = TypeVar("T")
M = TypeVar("M")

_SHOWN = 3
"""Words that are shown of many."""


class Words(Sequence[str]):
    """Words in row order, kept as UTF-8: their text and eight bytes a word, whatever their number.

    Behaves as a list that cannot be changed, and equals any sequence of the same words.
    """

    __slots__ = ("_table",)
    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __init__(self, table: WordTable) -> None:
        """Show a table of words."""
        self._table = table

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self._table)

    def __iter__(self) -> Iterator[str]:
        """Yield the words in row order."""
        return iter(self._table)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Words: ...
    def __getitem__(self, row: int | slice) -> str | Words:
        """Return the word of a row, counted from the end if negative, or those of a slice."""
        rows = range(len(self))[row]
        if isinstance(rows, int):
            return self._table.word(rows)
        return Words(self._table.take(np.array(rows, np.int64)))

    def __contains__(self, word: object) -> bool:
        """Tell whether `word` is one of them."""
        return isinstance(word, str) and bool(len(self._rows_of(word)))

    def index(self, value: str, start: int = 0, stop: int | None = None) -> int:
        """Return the row of a word, by one look over the words' lengths and bytes.

        The rows of many words are ``checkpoint.load(many, columns=()).rows``.

        Raises:
            ValueError: it is not among them, as a list says it.
        """
        first, last, _ = slice(start, stop).indices(len(self))
        for row in self._rows_of(value).tolist() if isinstance(value, str) else ():
            if first <= row < last:
                return int(row)
        raise ValueError(f"{value!r} is not among the words")

    def _rows_of(self, word: str) -> NDArray[np.intp]:
        text = word.encode("utf-8", "surrogatepass")  # which no word has: none is found
        rows = np.flatnonzero(self._table.lengths() == len(text))
        for place, byte in enumerate(text):
            rows = rows[self._table.data[self._table.offsets[rows] + place] == byte]
        return rows

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence of words."""
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        """Return the first words, and how many there are."""
        more = f", ... {len(self)} in all" if len(self) > _SHOWN else ""
        return f"Words([{', '.join(map(repr, self[:_SHOWN]))}{more}])"


class Values(Collection[T]):
    """What goes with each word: counted without being read, and read anew by each loop over it.

    Whether it holds something cannot be asked: arrays do not compare to one truth.
    """

    __contains__ = None  # type: ignore[assignment]  # so that Python says that it cannot be asked

    def __init__(self, count: int, begin: Callable[[], Iterable[T]]) -> None:
        """Know how many there are, and how to begin."""
        self._count = count
        self._begin = begin

    def __repr__(self) -> str:
        """Return how many there are; what they are would have to be read."""
        return f"<embzarr {type(self).__name__.lower()}: {self._count}, read by a loop over them>"

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Begin to read."""
        return iter(self._begin())


class Members(Mapping[str, T], Generic[M, T]):
    """What layers name beside their rows: known from the manifest, and each made when asked for."""

    _kind: ClassVar[str]
    """What one of them is called."""
    _missing: ClassVar[str]
    """The code of an error about one that is not there."""

    def __init__(self, store: GetRange, members: Mapping[str, tuple[Layer, M]], link: Link) -> None:
        """Wrap what a manifest says of them."""
        self._store = store
        self._members = members
        self._link = link

    def _made(self, name: str) -> T:
        """Return one of them, of which nothing is read yet."""
        raise NotImplementedError

    def _bytes(self) -> int:
        """Return the bytes of them all."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return how many there are, and of how many bytes; what pages list is not read for it."""
        is_known = not isinstance(self._members, PagedMembers) or self._members.is_known
        held = f"{len(self)} of {self._bytes()} bytes" if is_known else "that were not listed yet"
        return f"<embzarr.{type(self).__name__} {held}>"

    def __len__(self) -> int:
        """Return their number."""
        return len(self._members)

    def __iter__(self) -> Iterator[str]:
        """Yield their names."""
        return iter(self._members)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is one of this name."""
        return name in self._members

    def __getitem__(self, name: str) -> T:
        """Return one of them.

        Raises:
            MemberNotFoundError: code ``file-missing`` or ``tensor-missing``.
        """
        if name not in self._members:
            message = f"no {self._kind} {name!r} among {len(self)}{near(name, self)}"
            raise MemberNotFoundError(self._missing, message)
        return self._made(name)


def as_array(
    array: NDArray[Any], dtype: DTypeLike | None, *, copy: bool | None = None
) -> NDArray[Any]:
    """Return an array for ``__array__``: of another type, or a copy, where numpy asks for it.

    Raises:
        InvalidInputError: code ``input-argument``, a `ValueError` as numpy expects it: it cannot be
            had without a copy.
    """
    wanted = array.dtype if dtype is None else np.dtype(dtype)
    if copy is False and wanted != array.dtype:
        raise InvalidInputError(
            "input-argument", f"copy=False: {array.dtype} becomes {wanted} by a copy alone"
        )
    return array.astype(wanted, copy=bool(copy))


def near(name: object, names: Iterable[str]) -> str:
    """Return a question that names what is spelt like a name that is not there, or nothing."""
    found = difflib.get_close_matches(str(name), names, n=3)
    return f"; did you mean {', '.join(map(repr, found))}?" if found else ""
