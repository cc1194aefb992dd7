"""A vocabulary in memory: the UTF-8 of all words, end to end, and where each begins.

This is how the store keeps words (``words/data`` and ``words/offsets``, spec section "Words"), and
it costs the bytes of the text and 8 a word, where a list of Python strings costs some 60 more.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from embzarr._format import rooms, spec
from embzarr._format.given import arguments
from embzarr._format.words.word_order import COMPARED, PART, Windows, compare
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

_SHOWN: Final = 5
"""Words that are there twice, in a message."""


def in_turn(work: Callable[[T], object], items: Sequence[T]) -> None:
    """Do something with one item after the other."""
    for item in items:
        work(item)


@dataclass(frozen=True, slots=True, eq=False)
class WordTable:
    """Words by row number."""

    data: NDArray[np.uint8]
    """UTF-8 of all words in row order, concatenated."""
    offsets: NDArray[np.int64]
    """Start of each word in `data`, and the end of the last: one more entry than words."""

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        """Yield the words in row order."""
        for text in self.texts():
            yield text.decode("utf-8")

    def texts(self) -> Iterator[bytes]:
        """Yield the UTF-8 of the words in row order: far quicker than `utf8` for each."""
        every = self.data.tobytes()
        for start, end in itertools.pairwise(self.offsets.tolist()):
            yield every[start:end]

    def utf8(self, row: int) -> bytes:
        """Return the UTF-8 of the word in `row`."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def word(self, row: int) -> str:
        """Return the word in `row`."""
        return self.utf8(row).decode("utf-8")

    def lengths(self) -> NDArray[np.int64]:
        """Return the bytes of each word."""
        return np.diff(self.offsets)

    def part(self, start: int, stop: int) -> WordTable:
        """Return the words of rows `start` up to, not including, `stop`."""
        offsets = self.offsets[start : stop + 1]
        return WordTable(self.data[offsets[0] : offsets[-1]], offsets - offsets[0])

    def take(self, rows: NDArray[np.int64]) -> WordTable:
        """Return the words of `rows`, in that order."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        places = np.repeat(starts - offsets[:-1], lengths)
        places += np.arange(offsets[-1])
        return WordTable(self.data[places], offsets)

    def argsort(self) -> NDArray[np.int64]:
        """Return the rows in byte order of their words, which is code point order.

        Equal words stay next to each other in row order.
        """
        return self._sorted()[0]

    def argsort_unique(
        self,
        place: Callable[[int], int] = int,
        *,
        places: str = "rows",
        each: Callable[..., object] = in_turn,
    ) -> NDArray[np.int64]:
        """Return the rows in byte order of their words, and refuse a vocabulary with a word twice.

        Args:
            place: where a row stands, for messages: by default in itself.
            places: what is counted so.
            each: makes calls for parts of the order, as `in_turn` does, or several at once.

        Raises:
            InvalidInputError: code ``input-duplicate-word``, with the first words and their places.
        """
        order, tied = self._sorted(each)
        at = np.flatnonzero(tied)
        if len(at):
            pairs = zip(order[at[:_SHOWN]].tolist(), order[at[:_SHOWN] + 1].tolist(), strict=True)
            shown = ", ".join(
                f"{self.word(a)!r} in {places} {place(a)} and {place(b)}" for a, b in pairs
            )
            more = f", and {len(at) - _SHOWN} more" if len(at) > _SHOWN else ""
            message = f"every word may stand once: {shown}{more}"
            raise InvalidInputError("input-duplicate-word", message)
        return order

    def _sorted(
        self, each: Callable[..., object] = in_turn
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the rows in byte order of their words, and which are the same as the next.

        Bytes of a word are sorted as a big-endian integer whose low bits tell the row: numpy sorts
        integers several times as fast as it sorts where they stand. Only words that tie go on to
        their next bytes, a part of the order at a time.
        """
        windows, bits = self.windows(), len(self).bit_length()
        packed = windows.firsts()  # and the rest in place: of millions of words it is much
        packed >>= bits
        packed <<= bits
        for start in range(0, len(self), PART):
            stop = min(start + PART, len(self))
            packed[start:stop] |= np.arange(start, stop, dtype=np.uint64)
        packed.sort()
        order = rooms.empty(len(packed), np.int64)
        np.bitwise_and(packed, (1 << bits) - 1, out=order.view(np.uint64))
        packed >>= bits
        tied = packed[1:] == packed[:-1]
        del packed
        known = (64 - bits) // 8
        each(
            lambda part: _refine(
                order[part[0] : part[1]], tied[part[0] : part[1] - 1], windows, known
            ),
            [*_stretches(tied)],
        )
        for start, end in _runs(tied):
            some = sorted(order[start:end].tolist(), key=self.utf8)
            order[start:end] = some
            tied[start : end - 1] = [a == b for a, b in itertools.pairwise(map(self.utf8, some))]
        return order, tied

    def rises(self) -> bool:
        """Tell whether every word lies above the one before it in byte order."""
        rows, windows = np.arange(max(len(self) - 1, 0)), self.windows()
        return bool(np.all(compare(windows, rows, windows, rows + 1) < 0))

    def windows(self) -> Windows:
        """Return the words as what compares many of them at once."""
        return Windows(self.data, self.offsets)


def from_words(words: Iterable[str | bytes], *, first_row: int = 0) -> WordTable:
    """Encode a caller's words.

    Args:
        words: text, or its UTF-8.
        first_row: row of the first word, for messages.

    Raises:
        InvalidInputError: code ``input-word``: not text, a lone surrogate, bytes that are not
            UTF-8, or a word of more than 16 MiB.
    """
    listed: list[Any] = words if isinstance(words, list) else list(words)
    table = _of_one_kind(listed) or _of_any(listed, first_row)
    lengths = table.lengths()
    if len(lengths) and lengths.max() > spec.MAX_WORD_BYTES:
        raise InvalidInputError(
            "input-word",
            f"row {first_row + int(lengths.argmax())}: expected a word of at most "
            f"{spec.MAX_WORD_BYTES} bytes, found {lengths.max()}",
        )
    return table


def _of_one_kind(words: list[Any]) -> WordTable | None:
    """Encode words that are all text, or all bytes, sound and without NUL; else return None.

    NUL tells where each ends in what they are joined to, which is quicker than to ask each.
    """
    joined = _joined(words)
    if joined is None or joined.count(b"\0") != len(words) - 1:
        return None
    ends = np.zeros(len(words) + 1, np.int64)
    ends[1:-1] = np.flatnonzero(np.frombuffer(joined, np.uint8) == 0)
    ends[-1] = len(joined)
    ends[1:] -= np.arange(len(words))
    return WordTable(np.frombuffer(joined.translate(None, b"\0"), np.uint8), ends)


def _joined(words: list[Any]) -> bytes | None:
    """Return the UTF-8 of words with NUL between; None where some are not of one kind, or sound."""
    try:
        return "\0".join(words).encode()
    except UnicodeEncodeError:
        return None
    except TypeError:
        is_sound = set(map(type, words)) == {bytes} and is_utf8(words)
        return b"\0".join(words) if is_sound else None


def _of_any(words: list[Any], first_row: int) -> WordTable:
    encoded = [_encode(word, first_row + row) for row, word in enumerate(words)]
    return WordTable(np.frombuffer(b"".join(encoded), np.uint8), _ends(encoded))


def _ends(words: Sequence[bytes]) -> NDArray[np.int64]:
    """Return 0, then where each word ends when they stand end to end."""
    ends = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, words), np.int64, len(words)), out=ends[1:])
    return ends


def is_utf8(words: list[bytes]) -> bool:
    """Tell whether each of some words is UTF-8 for itself."""
    try:
        b"\n".join(words).decode()  # which goes on with no character
    except UnicodeDecodeError:
        return False
    return True


class Gathering:
    """Joins tables of words as they come, in no more memory than the words take."""

    def __init__(self) -> None:
        """Begin without words."""
        self._data = bytearray()
        self._offsets = bytearray(np.int64().nbytes)

    def add(self, table: WordTable) -> None:
        """Put words behind those that are there."""
        self._offsets += (table.offsets[1:] + (len(self._data) - table.offsets[0])).tobytes()
        self._data += table.data.tobytes()

    def table(self) -> WordTable:
        """Return all words, in their own memory: none can be added any more."""
        data = np.frombuffer(self._data, np.uint8)
        return WordTable(data, np.frombuffer(self._offsets, np.int64))


def concatenate(tables: Sequence[WordTable]) -> WordTable:
    """Return the words of all tables, one after the other."""
    lengths = [table.lengths() for table in tables]
    data = [table.data for table in tables]
    if not tables:
        return from_words([])
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths))))
    return WordTable(np.concatenate(data), offsets)


def from_store(data: NDArray[np.uint8], offsets: NDArray[np.uint64], *, what: str) -> WordTable:
    """Check what ``words/data`` and ``words/offsets`` held, or a part of them.

    Args:
        data: the bytes from ``offsets[0]`` to ``offsets[-1]``.
        offsets: starts and one end, as stored.
        what: the layer, for messages.

    Raises:
        DamagedError: code ``words-invalid``: offsets that fall or leave the data, or no UTF-8.
    """
    # Compared as they are: the difference of hostile numbers may wrap around and look sound.
    if np.any(offsets[1:] < offsets[:-1]) or int(offsets[-1]) - int(offsets[0]) != len(data):
        raise DamagedError("words-invalid", f"{what}: word offsets do not divide the text")
    table = WordTable(data, (offsets - offsets[0]).astype(np.int64))
    check_utf8(table, what=what)
    return table


def check_utf8(table: WordTable, *, what: str) -> None:
    """Refuse words that are not UTF-8 each for itself.

    Raises:
        DamagedError: code ``words-invalid``.
    """
    try:
        table.data.tobytes().decode("utf-8")
    except UnicodeDecodeError as exc:
        raise DamagedError("words-invalid", f"{what}: words are not UTF-8: {exc}") from exc
    # Sound text cut inside a character gives a word that begins with a continuation byte.
    starts = table.offsets[:-1][table.lengths() > 0]
    if np.any(table.data[starts] & 0xC0 == 0x80):  # noqa: PLR2004 - 10xxxxxx, RFC 3629
        raise DamagedError("words-invalid", f"{what}: a word begins inside a character")


def _encode(word: object, row: int) -> bytes:
    try:
        if isinstance(word, str):
            return word.encode("utf-8")
        if isinstance(word, bytes):
            word.decode("utf-8")
            return word
    except UnicodeError as exc:
        raise InvalidInputError(
            "input-word", f"row {row}: a word must be Unicode text that UTF-8 can hold: {exc}"
        ) from exc
    raise arguments.wrong_type(f"row {row}", "a word as str", word, code="input-word")


def _refine(order: NDArray[np.int64], tied: NDArray[np.bool_], windows: Windows, at: int) -> None:
    """Sort rows whose words tie, in place, by their bytes from `at` on; leave what still ties."""
    while at < COMPARED and tied.any():
        inside = np.append(tied, False)
        inside[1:] |= tied
        places = np.flatnonzero(inside)
        begins = ~np.append(False, tied)[places]
        firsts, run = np.flatnonzero(begins), np.cumsum(begins)
        run -= 1
        rows, nth = order[places], np.arange(len(places))
        nth -= firsts[run]
        run_bits, nth_bits = (len(firsts) - 1).bit_length(), int(nth.max()).bit_length()
        bits = 64 - run_bits - nth_bits
        packed = windows.window(rows, at)
        packed >>= 64 - bits
        packed <<= nth_bits
        packed |= nth.view(np.uint64)
        packed |= run.view(np.uint64) << (64 - run_bits)
        packed.sort()
        np.bitwise_and(packed, (1 << nth_bits) - 1, out=nth.view(np.uint64))
        nth += firsts[run]
        order[places] = rows[nth]
        packed >>= nth_bits
        tied[places[1:] - 1] = packed[1:] == packed[:-1]
        at += bits // 8


def _stretches(tied: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield half-open stretches of places, none of which ties with the next."""
    ends = np.flatnonzero(np.append(~tied, True)) + 1
    start = 0
    while start <= len(tied):
        end = int(ends[min(int(np.searchsorted(ends, start + PART)), len(ends) - 1)])
        yield start, end
        start = end


def _runs(tied: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the half-open stretches of places whose neighbours tie."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], tied, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        yield start, end + 1
