"""finalfusion's ``.fifu``: a plain vocabulary, a matrix, and norms that were taken out of it."""

from __future__ import annotations

import math
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from embzarr.convert._blocks import MOST_WORD_BYTES, Block, Table, check_dim, rows_in_block
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage

MAGIC: Final = b"FiFu"
_VOCABULARY, _MATRIX, _METADATA, _NORMS = 1, 2, 5, 6
_OTHERS: Final = {
    3: "a vocabulary with buckets of n-grams",
    4: "a quantised matrix",
    7: "a vocabulary with fastText's n-grams",
    8: "a vocabulary with explicit n-grams",
    9: "a vocabulary of floret",
}
_FLOAT32: Final = 10
_MOST_PADDING: Final = 4
_MOST_CHUNKS: Final = 16
_MOST_METADATA_BYTES: Final = 1 << 20


def read(given: Given) -> Table:
    """Read vocabulary and norms, and leave the rows to be read."""
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        with path.open("rb") as file:
            parts = _Parts(file, path, given.damage)
            parts.read()
        matrix, words = parts.sound()
        return Table(
            dim=check_dim(given.damage, matrix.shape[1]),
            dtype="float32",
            blocks=_blocks(words, matrix, parts.norms, stack.pop_all()),
            metadata=parts.metadata,
        )


class _Parts:
    """The chunks of a file."""

    def __init__(self, file: BinaryIO, path: Path, damage: Damage) -> None:
        self._file = file
        self._path = path
        self._damage = damage
        self._size = path.stat().st_size
        self._words: list[bytes] | None = None
        self._matrix: NDArray[np.float32] | None = None
        self.norms: NDArray[np.float32] | None = None
        self.metadata: dict[str, Any] = {}

    def read(self) -> None:
        """Read all chunks that the header tells of."""
        magic, version, count = self._take("<4sII")
        if magic != MAGIC or version != 0 or count > _MOST_CHUNKS:
            raise self._damage.error(f"byte 0: expected a header of version 0, found {version}")
        kinds = self._take(f"<{count}I")
        for kind in kinds:
            self._read_chunk(kind)

    def sound(self) -> tuple[NDArray[np.float32], list[bytes]]:
        """Return matrix and words, once they are known to fit."""
        if self._words is None or self._matrix is None:
            raise self._damage.error("a vocabulary or a matrix is missing")
        lengths = {len(self._words), len(self._matrix)}
        lengths |= set() if self.norms is None else {len(self.norms)}
        if len(lengths) > 1:
            raise self._damage.error(
                f"found {len(self._words)} words, {len(self._matrix)} rows and "
                f"{'no' if self.norms is None else len(self.norms)} norms",
                code="input-rows",
            )
        return self._matrix, self._words

    def _read_chunk(self, told: int) -> None:
        kind, size = self._take("<IQ")
        begin = self._file.tell()
        if kind != told or size > self._size - begin:
            raise self._damage.error(
                f"byte {begin - 12}: chunk {kind} of {size} bytes is not sound"
            )
        if kind in _OTHERS:
            raise UnsupportedError(
                "feature-unsupported", f"{self._damage.name}: {_OTHERS[kind]}, which is not read"
            )
        if kind == _VOCABULARY:
            self._words = self._vocabulary(begin + size)
        elif kind == _MATRIX:
            rows, dim, number = self._take("<QII")
            self._matrix = self._floats(number, (rows, dim), begin + size)
        elif kind == _NORMS:
            rows, number = self._take("<QI")
            self.norms = np.array(self._floats(number, (rows,), begin + size))
        elif kind == _METADATA and size <= _MOST_METADATA_BYTES:
            self.metadata = {"metadata": self._file.read(size).decode(errors="replace")}
        self._file.seek(begin + size)

    def _vocabulary(self, end: int) -> list[bytes]:
        (count,) = self._take("<Q")
        words: list[bytes] = []
        while len(words) < count:
            (length,) = self._take("<I")
            if length > min(MOST_WORD_BYTES, end - self._file.tell()):
                at = self._file.tell() - 4
                raise self._damage.error(
                    f"word {len(words)}, byte {at}: {length} bytes are too many"
                )
            words.append(self._file.read(length))
        return words

    def _floats(self, number: int, shape: tuple[int, ...], end: int) -> NDArray[np.float32]:
        at = self._file.tell()
        count = math.prod(shape)
        # finalfusion pads by four bytes where nothing need be padded, others by none.
        padding = end - at - count * 4
        if number != _FLOAT32 or not 0 <= padding <= _MOST_PADDING or (at + padding) % 4:
            raise self._damage.error(f"byte {at}: {shape} float32 do not fit {end - at} bytes")
        at += padding
        if not count:
            return np.zeros(shape, np.float32)
        return np.memmap(self._path, "<f4", "r", offset=at, shape=shape)

    def _take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        at, data = self._file.tell(), self._file.read(size)
        if len(data) < size:
            raise self._damage.error(f"byte {at}: the file ends within a chunk")
        return struct.unpack(form, data)


def _blocks(
    words: list[bytes],
    matrix: NDArray[np.float32],
    norms: NDArray[np.float32] | None,
    stack: ExitStack,
) -> Iterator[Block]:
    most = rows_in_block(matrix.shape[1])
    with stack:
        for first in range(0, len(words), most):
            part = slice(first, first + most)
            vectors = np.array(matrix[part])
            if norms is not None:
                with np.errstate(over="ignore", invalid="ignore"):  # told of where all is
                    vectors *= norms[part, None]
            yield Block(
                words=words[part],
                vectors=vectors,
                place=lambda row, first=first: f"row {first + row}",  # type: ignore[misc]  # bound
            )
