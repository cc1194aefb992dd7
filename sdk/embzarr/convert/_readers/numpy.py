"""numpy's ``.npy``, and ``.npz`` of one matrix; the words come from a vocabulary file.

A ``.npz`` may have them as an array of texts.
"""

from __future__ import annotations

import ast
import re
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from embzarr.convert import _matrix
from embzarr.convert._vocabulary import Texts
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr.convert._blocks import Given, Table
    from embzarr.convert._damage import Damage

MAGIC: Final = b"\x93NUMPY"
ARCHIVE: Final = b"PK\x03\x04"
_LENGTH_BYTES: Final = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}
"""Of the header's length, by the version of the format."""
_FLOATS: Final = re.compile(r"[<>=|]?f[248]")
_TEXTS: Final = re.compile(r"[<>=]?U[1-9]\d{0,6}")
_MOST_HEADER_BYTES: Final = 10_000
_PLANE: Final = 2
_MOST_MEMBERS: Final = 100
_MOST_RATIO: Final = 1000
_FREE_BYTES: Final = 64 << 20


def read(given: Given) -> Table:
    """Read the header of a ``.npy``, and leave the rows to be read."""
    matrix, size = header_of(given.stream.peek(), given.damage)
    given.stream.read(size)
    return _matrix.table(matrix, given, given.stream.read)


def header_of(head: bytes, damage: Damage) -> tuple[_matrix.Matrix, int]:
    """Return what a file says of its matrix, and how long it says so.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    name, shape, in_columns, end = _described(head, damage)
    if _FLOATS.fullmatch(name) is None:
        raise damage.error(f"expected a matrix of floating point numbers, found {name} {shape}")
    if in_columns and len(shape) == _PLANE and min(shape) > 1:
        raise damage.error(
            "a matrix that is stored by columns: save it again as np.ascontiguousarray(matrix)"
        )
    return _matrix.Matrix(shape=shape, dtype=np.dtype(name)), end


def _described(head: bytes, damage: Damage) -> tuple[str, tuple[int, ...], bool, int]:
    """Return type and shape of an array, whether it lies by columns, and where its numbers begin.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    begin = _LENGTH_BYTES.get(head[len(MAGIC) : len(MAGIC) + 2], 0) + len(MAGIC) + 2
    end = begin + int.from_bytes(head[len(MAGIC) + 2 : begin], "little")
    told = _literal(head[begin:end]) if head.startswith(MAGIC) and end <= len(head) else None
    match told:
        case {"descr": str(name), "fortran_order": bool(in_columns), "shape": tuple(shape)}:
            if all(type(length) is int for length in shape):
                return name, shape, in_columns, end
    raise damage.error("byte 0: no header of a .npy with an array of numbers")


def _literal(text: bytes) -> object:
    """Return what a literal of Python stands for; None for what is none."""
    if len(text) > _MOST_HEADER_BYTES:
        return None
    try:
        return ast.literal_eval(text.decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def read_archive(given: Given) -> Table:
    """Read the header of the only matrix of a ``.npz``, and leave the rows to be read.

    An array of as many texts beside it is its words, unless others are given.
    """
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            matrix, member, texts = _found_in(archive, given.damage)
            some = _reader(stack, archive, member, given.damage)
            words = _words(stack, archive, texts, matrix.shape[0], given.damage)
        except InvalidInputError:
            raise
        except Exception as exc:  # zipfile raises what it likes of a damaged archive
            raise given.damage.error(f"no sound .npz: {exc}") from exc
        table = _matrix.table(matrix, given, some, words)
        return replace(table, blocks=_matrix.until_end(table.blocks, stack.pop_all()))


def _reader(
    stack: ExitStack, archive: zipfile.ZipFile, member: zipfile.ZipInfo, damage: Damage
) -> Callable[[int], bytes]:
    """Return what reads the numbers of a member."""
    file = stack.enter_context(archive.open(member))
    *_, size = _described(file.read(_MOST_HEADER_BYTES), damage)
    file.seek(size)

    def some(count: int) -> bytes:
        try:
            return file.read(count)
        except Exception as exc:  # as above
            raise damage.error(f"{member.filename}: {exc}") from exc

    return some


def _words(
    stack: ExitStack,
    archive: zipfile.ZipFile,
    texts: list[tuple[str, int, zipfile.ZipInfo]],
    rows: int,
    damage: Damage,
) -> Texts | None:
    """Return the words that an archive has for its rows, if one array of texts is as long."""
    fitting = [(name, member) for name, length, member in texts if length == rows]
    if len(fitting) != 1:
        return None
    name, member = fitting[0]
    return Texts(np.dtype(name), rows, _reader(stack, archive, member, damage), damage)


def _found_in(
    archive: zipfile.ZipFile, damage: Damage
) -> tuple[_matrix.Matrix, zipfile.ZipInfo, list[tuple[str, int, zipfile.ZipInfo]]]:
    """Return the only matrix, and type and length of what are arrays of texts."""
    members = archive.infolist()
    found, texts = [], []
    for member in members[:_MOST_MEMBERS]:
        if member.file_size > _FREE_BYTES + _MOST_RATIO * member.compress_size:
            raise damage.error(
                f"{member.filename}: unpacks to {member.file_size} bytes: no vectors"
            )
        with archive.open(member) as file:
            head = file.read(_MOST_HEADER_BYTES)
        name, shape, *_ = _described(head, damage)
        if len(shape) == _PLANE and _FLOATS.fullmatch(name):
            found.append((header_of(head, damage)[0], member))
        elif len(shape) == 1 and _TEXTS.fullmatch(name):
            texts.append((name, shape[0], member))
    if len(found) != 1:
        names = ", ".join(member.filename for member in members[:5])
        raise damage.error(f"expected one matrix, found {len(found)} among {names}")
    return *found[0], texts
