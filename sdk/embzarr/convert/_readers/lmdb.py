"""LMDB: a word is a key, its vector the value: plain float32, little-endian, all of one length.

Read here, in the order of the keys, and not by LMDB's library: that maps the file and follows what
stands in it, so that a damaged file, or one that was made to deceive, ends the process. Of the
format (version 1, as machines of 64 bits write it: LMDB's ``mdb.c``) only what such a table has is
read; of what is read, each place is checked.
"""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import numpy as np

from embzarr.convert._blocks import Table, check_dim, gathered
from embzarr.convert._matrix import until_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.errors import InvalidInputError

MARK: Final = rb".{16}\xde\xc0\xef\xbe"
"""How such a file begins."""
_META: Final = struct.Struct("<16x2I16xI48xH26x4Q")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_SIZES: Final = frozenset(1 << power for power in range(8, 17))
_SEVERAL_VALUES: Final = 4
"""Of a table: a key may have them."""
_NO_PAGE: Final = 2**64 - 1
_PAGE: Final = struct.Struct("<10x2H2x")
"""How a page begins: its kind, and where the places of its entries end."""
_KINDS: Final = 0x2F
_BRANCH, _LEAF = 1, 2
_ENTRY: Final = struct.Struct("<4H")
"""How an entry begins; its key follows, and then its value, if it stands there."""
_HERE, _ELSEWHERE = 0, 1
_NUMBER_BYTES: Final = 4
_PICKLE: Final = b"\x80"


class _Meta(NamedTuple):
    """What two pages tell of the whole file: the first ones, of which the newer counts."""

    magic: int
    version: int
    page_size: int
    flags: int
    """Of the table."""
    entries: int
    root: int
    last: int
    """The last page that is used."""
    transaction: int


class _Entry(NamedTuple):
    word: bytes
    size: int
    """Of its value."""
    value: Callable[[], bytes]
    """Reads it."""


def read(given: Given) -> Table:
    """Look at the first value for the dimension, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    damage = given.damage
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        pages = _Pages(stack.enter_context(path.open("rb", buffering=0)), damage)
        dim = _dim_of(next(pages.entries(), _Entry(b"", 0, bytes)), damage)
        blocks = gathered(_sound(pages, dim, damage), dim, "row", partial(_numbers, dim))
        return Table(dim=dim, dtype="float32", blocks=until_end(blocks, stack.pop_all()))


class _Pages:
    """The pages of a file, none of which is believed to be what another says."""

    def __init__(self, file: BinaryIO, damage: Damage) -> None:
        """Read how the file begins.

        Raises:
            InvalidInputError: code ``input-file``.
        """
        self._file = file
        self._damage = damage
        first = self._meta(0)
        self._meta_found = max(first, self._meta(first.page_size), key=lambda m: m.transaction)
        self._page_size = first.page_size
        self._count = self._meta_found.last + 1
        if self._meta_found.flags & _SEVERAL_VALUES:
            raise damage.error("a table with several values for a key: expected one")

    @property
    def rows(self) -> int:
        """That the file tells of."""
        return self._meta_found.entries

    def entries(self) -> Iterator[_Entry]:
        """Yield the entries in the order of their keys.

        Raises:
            InvalidInputError: code ``input-file``.
        """
        root = self._meta_found.root
        ahead, seen = [] if root == _NO_PAGE else [root], 0
        while ahead:
            number, seen = ahead.pop(), seen + 1
            if max(seen, len(ahead)) > self._count:  # one leads back to another
                raise self._wrong(number)
            page = self._page(number)
            kind, places = self._places(number, page)
            if kind == _LEAF:
                yield from (self._entry(number, page, place) for place in places)
            else:
                ahead += [_child(page, place) for place in reversed(places)]

    def _meta(self, place: int) -> _Meta:
        found = _Meta(*_META.unpack(self._at(place, _META.size).ljust(_META.size, b"\0")))
        size, page = os.fstat(self._file.fileno()).st_size, found.page_size
        is_known = (found.magic, found.version) == (_MAGIC, _VERSION) and page in _PAGE_SIZES
        if not is_known or place not in {0, page} or (found.last + 1) * page > size:
            raise self._damage.error(
                f"LMDB of another version, cut short, or without a sound head: {size} bytes"
            )
        return found

    def _page(self, number: int) -> bytes:
        page = self._at(number * self._page_size, self._page_size) if number < self._count else b""
        if len(page) < self._page_size:
            raise self._wrong(number)
        return page

    def _places(self, number: int, page: bytes) -> tuple[int, list[int]]:
        """Return whether a page leads to others or has entries, and where what it has begins."""
        flags, stop = _PAGE.unpack_from(page)
        kind = flags & _KINDS
        places = np.frombuffer(page[_PAGE.size : stop - stop % 2], "<u2").tolist()
        most = len(page) - _ENTRY.size
        if kind not in {_BRANCH, _LEAF} or stop > len(page) or max(places, default=0) > most:
            raise self._wrong(number)
        return kind, places

    def _entry(self, number: int, page: bytes, place: int) -> _Entry:
        low, high, flags, key_size = _ENTRY.unpack_from(page, place)
        key, size = place + _ENTRY.size, low | high << 16
        stop = key + key_size
        if flags == _HERE and stop + size <= len(page):
            return _Entry(page[key:stop], size, lambda: page[stop : stop + size])
        at = int.from_bytes(page[stop : stop + 8], "little") * self._page_size + _PAGE.size
        if flags != _ELSEWHERE or at + size > self._count * self._page_size:
            raise self._wrong(number)
        return _Entry(page[key:stop], size, lambda: self._at(at, size))

    def _at(self, place: int, size: int) -> bytes:
        """Return bytes of the file, fewer where it was cut meanwhile."""
        try:
            self._file.seek(place)
            return self._file.read(size)
        except OSError as exc:
            raise self._damage.error(f"byte {place}: {exc.strerror}") from exc

    def _wrong(self, number: int) -> InvalidInputError:
        return self._damage.error(f"LMDB: page {number} is none of a sound table")


def _child(page: bytes, place: int) -> int:
    low, high, top, _ = _ENTRY.unpack_from(page, place)
    return int(low | high << 16 | top << 32)


def _dim_of(first: _Entry, damage: Damage) -> int:
    dim = check_dim(damage, max(first.size // _NUMBER_BYTES, 1))  # no more is read than it takes
    value = first.value()
    if value[:1] == _PICKLE and value[-1:] == b".":
        raise damage.error("pickles, which can run any code: store plain float32 instead")
    if not value or len(value) % _NUMBER_BYTES:
        raise damage.error(f"expected values of float32, found one of {len(value)} bytes")
    return dim


def _sound(pages: _Pages, dim: int, damage: Damage) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield the rows whose values are as long as the first one's."""
    nbytes, number = dim * _NUMBER_BYTES, -1
    for number, entry in enumerate(pages.entries()):
        value = entry.value() if entry.size == nbytes else b""
        if len(value) == nbytes:
            yield entry.word, value, number
        else:
            damage.lose(f"row {number}: expected {nbytes} bytes, found {entry.size}")
    if number + 1 != pages.rows:
        damage.note(f"LMDB: it tells of {pages.rows} entries, found {number + 1}")


def _numbers(dim: int, values: list[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(values), "<f4").reshape(-1, dim)
