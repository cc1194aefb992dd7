"""LMDB: a word is a key, its vector the value: plain float32, little-endian, all of one length.

Read by the library of that name (extra ``lmdb``), in the order of the keys. It maps the file and
follows what stands in it: a file that was made to deceive can end the process.
"""

from __future__ import annotations

import importlib
import struct
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert._blocks import Table, check_dim, gathered
from embzarr.errors import EmbzarrError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Block, Given
    from embzarr.convert._damage import Damage

MARK: Final = rb".{16}\xde\xc0\xef\xbe"
"""How such a file begins."""
_META: Final = struct.Struct("<16x2I16xI92xQ8x")
"""Behind a page's head: magic, version, and of the databases the size of pages and the last one."""
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_SIZES: Final = frozenset(1 << power for power in range(8, 17))
_NUMBER_BYTES: Final = 4
_PICKLE: Final = b"\x80"


def read(given: Given) -> Table:
    """Look at the first value for the dimension, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
        UnsupportedError: code ``feature-unsupported``: lmdb is not installed.
    """
    lmdb = _library()
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        _refuse_cut(path, given.damage)
        try:
            database = lmdb.open(str(path), subdir=False, readonly=True, lock=False)
            stack.callback(database.close)
            rows = stack.enter_context(database.begin(buffers=False)).cursor()
            first = rows.value() if rows.first() else b""
        except Exception as exc:  # of the library
            raise given.damage.error(f"lmdb cannot read it: {exc}") from exc
        dim = check_dim(given.damage, _dim_of(first, given.damage))
        return Table(dim=dim, dtype="float32", blocks=_blocks(rows, dim, given, stack.pop_all()))


def _refuse_cut(path: Path, damage: Damage) -> None:
    """Refuse a file that ends before its last page, of which the library would read: SIGBUS.

    Two pages begin with what is known of all; either may be the newer one.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_META.size)
        page = _META.unpack(head)[2] if len(head) == _META.size else 0
        file.seek(page)
        metas = [head, file.read(_META.size)]
    for meta in metas:
        magic, version, page_size, last = _META.unpack(meta.ljust(_META.size, b"\0"))
        is_sound = (magic, version, page_size) == (_MAGIC, _VERSION, page) and page in _PAGE_SIZES
        if not is_sound or (last + 1) * page > size:
            raise damage.error(f"lmdb cannot read it: cut short, or no sound head: {size} bytes")


def _library() -> Any:  # noqa: ANN401 - lmdb has no types
    try:
        return importlib.import_module("lmdb")
    except ModuleNotFoundError as exc:
        raise UnsupportedError(
            "feature-unsupported", "LMDB is read by lmdb: pip install 'embzarr[lmdb]'"
        ) from exc


def _dim_of(value: bytes, damage: Damage) -> int:
    if value[:1] == _PICKLE and value[-1:] == b".":
        raise damage.error("pickles, which can run any code: store plain float32 instead")
    if not value or len(value) % _NUMBER_BYTES:
        raise damage.error(f"expected values of float32, found one of {len(value)} bytes")
    return len(value) // _NUMBER_BYTES


def _blocks(rows: Any, dim: int, given: Given, stack: ExitStack) -> Iterator[Block]:  # noqa: ANN401 - as above
    """Yield the rows whose values are as long as the first one's."""
    with stack:
        yield from gathered(_sound(rows, dim, given.damage), dim, "row", partial(_numbers, dim))


def _sound(rows: Any, dim: int, damage: Damage) -> Iterator[tuple[bytes, bytes, int]]:  # noqa: ANN401 - as above
    for number, (word, value) in enumerate(_all(rows, damage)):
        if len(value) == dim * _NUMBER_BYTES:
            yield word, value, number
        else:
            damage.lose(f"row {number}: expected {dim * _NUMBER_BYTES} bytes, found {len(value)}")


def _all(rows: Any, damage: Damage) -> Iterator[tuple[bytes, bytes]]:  # noqa: ANN401 - as above
    try:
        yield from rows
    except EmbzarrError:
        raise
    except Exception as exc:  # of the library
        raise damage.error(f"lmdb cannot read on: {exc}") from exc


def _numbers(dim: int, values: list[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(values), "<f4").reshape(-1, dim)
