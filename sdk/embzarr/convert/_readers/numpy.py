"""numpy's ``.npy``, and ``.npz`` of one matrix; the words come from a vocabulary file."""

from __future__ import annotations

import io
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert import _matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr.convert._blocks import Block, Given, Table
    from embzarr.convert._damage import Damage

MAGIC: Final = b"\x93NUMPY"
ARCHIVE: Final = b"PK\x03\x04"
_MOST_HEADER_BYTES: Final = 10_000
_PLANE: Final = 2
_MOST_RATIO: Final = 1000
_FREE_BYTES: Final = 64 << 20


def read(given: Given) -> Table:
    """Read the header of a ``.npy``, and leave the rows to be read."""
    matrix, size = _header(given.stream.peek(), given.damage)
    given.stream.read(size)
    return _matrix.table(matrix, given, given.stream.read)


def _header(head: bytes, damage: Damage) -> tuple[_matrix.Matrix, int]:
    """Return what a file says of its array, and how long it says so.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    file = io.BytesIO(head)
    parsers: dict[tuple[int, int], Callable[..., Any]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        version = np.lib.format.read_magic(file)
        parse = parsers[version]
        shape, in_columns, dtype = parse(file, max_header_size=_MOST_HEADER_BYTES)
    except (ValueError, KeyError, TypeError, SyntaxError, EOFError, RecursionError) as exc:
        raise damage.error(f"byte 0: no header of a .npy: {exc}") from exc
    if dtype.hasobject:
        raise damage.error("an array of Python objects, which is a pickle and can run any code")
    if in_columns and len(shape) == _PLANE and min(shape) > 1:
        raise damage.error(
            "a matrix that is stored by columns: save it again as np.ascontiguousarray(matrix)"
        )
    return _matrix.Matrix(shape=shape, dtype=dtype), file.tell()


def read_archive(given: Given) -> Table:
    """Read the header of the only matrix of a ``.npz``, and leave the rows to be read."""
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            matrix, member = _only_matrix(archive, given.damage)
            file = stack.enter_context(archive.open(member))
            _, size = _header(file.read(_MOST_HEADER_BYTES), given.damage)
            file.seek(size)
        except _BROKEN as exc:
            raise given.damage.error(f"no sound .npz: {exc}") from exc

        def some(count: int) -> bytes:
            try:
                return file.read(count)
            except _BROKEN as exc:
                raise given.damage.error(f"{member.filename}: {exc}") from exc

        table = _matrix.table(matrix, given, some)
        return replace(table, blocks=_until_end(table.blocks, stack.pop_all()))


def _until_end(blocks: Iterator[Block], stack: ExitStack) -> Iterator[Block]:
    with stack:
        yield from blocks


def _only_matrix(
    archive: zipfile.ZipFile, damage: Damage
) -> tuple[_matrix.Matrix, zipfile.ZipInfo]:
    members = archive.infolist()
    found = []
    for member in members[:_MOST_MEMBERS]:
        if member.file_size > _FREE_BYTES + _MOST_RATIO * member.compress_size:
            raise damage.error(
                f"{member.filename}: unpacks to {member.file_size} bytes: no vectors"
            )
        with archive.open(member) as file:
            head = file.read(_MOST_HEADER_BYTES)
        matrix, _ = _header(head, damage)
        if len(matrix.shape) == _PLANE:
            found.append((matrix, member))
    if len(found) != 1:
        names = ", ".join(member.filename for member in members[:5])
        raise damage.error(f"expected one matrix, found {len(found)} among {names}")
    return found[0]


_MOST_MEMBERS: Final = 100
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
