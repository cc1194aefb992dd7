"""finalfusion's ``.fifu``: words, a matrix, plain or quantised, and norms taken out of it.

Of vocabularies with n-grams, in buckets or named, words have their own rows, which is what
finalfusion answers for them; the rows of n-grams become a tensor, by which it answers others. A
vocabulary of floret has no words: those of a file are computed, as of floret's own table.
"""

from __future__ import annotations

import math
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from embzarr._reading import HashedGrams
from embzarr.convert._blocks import MOST_WORD_BYTES, Block, Table, check_dim, rows_in_block
from embzarr.convert._matrix import spooled
from embzarr.convert._readers import floret
from embzarr.convert._readers.finalfusion_ngrams import BY_BUCKETS, Ngrams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage
    from embzarr.convert._readers.finalfusion_ngrams import Matrix

MAGIC: Final = b"FiFu"
_MATRIX, _METADATA, _NORMS = 2, 5, 6
_VOCABULARIES: Final = {1: "<Q", 3: "<QIII", 7: "<QIII", 8: "<QQII"}
"""Of words alone, with buckets of n-grams, fastText's, and with n-grams by name: their heads."""
_QUANTISED: Final = 4
_FLORET: Final = 9
_FLORET_HEAD: Final = "<IIQII"
_BYTES: Final = 1
_FLOAT32: Final = 10
_MOST_PADDING: Final = 4
_MOST_CENTROIDS: Final = 256
_MOST_CHUNKS: Final = 16
_MOST_METADATA_BYTES: Final = 1 << 20


def read(given: Given) -> Table:
    """Read vocabulary and norms, and leave the rows to be read.

    Raises:
        InvalidInputError: codes ``input-file``; ``input-rows``: words and rows do not fit;
            ``input-argument``: rows of floret, and no vocabulary.
    """
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        with path.open("rb") as file:
            parts = _Parts(file, path, given.damage)
            parts.read()
        if parts.hashed is not None:
            return _of_floret(parts.hashed, parts.table(parts.hashed), given, stack)
        matrix, words = parts.sound()
        dim = check_dim(given.damage, matrix.shape[1])
        ngrams = parts.ngrams and parts.ngrams.stored(matrix, len(words), stack)
        return Table(
            dim=dim,
            dtype="float32",
            blocks=_blocks(words, matrix, parts.norms, stack.pop_all()),
            metadata=parts.metadata,
            **(ngrams or {}),
        )


def _of_floret(grams: HashedGrams, matrix: Matrix, given: Given, stack: ExitStack) -> Table:
    """Return the vectors of words of a vocabulary, each made of rows of n-grams, and those rows."""
    check_dim(given.damage, matrix.shape[1])
    words = floret.words_of(given)
    rows = spooled(lambda first, last: matrix.rows(slice(first, last)), matrix.shape, stack)
    return floret.of_table(rows, grams, words, given, stack.pop_all())


class _Parts:
    """The chunks of a file."""

    def __init__(self, file: BinaryIO, path: Path, damage: Damage) -> None:
        self._file = file
        self._path = path
        self._damage = damage
        self._size = path.stat().st_size
        self._words: list[bytes] | None = None
        self.ngrams: Ngrams | None = None
        self.hashed: HashedGrams | None = None
        """How rows were hashed, where they are floret's."""
        self._matrix: Matrix | None = None
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
        # finalfusion's own programs look for norms whether the header tells of them or not.
        while self._file.tell() < self._size:
            self._read_chunk(None)

    def sound(self) -> tuple[Matrix, list[bytes]]:
        """Return matrix and words, once they are known to fit; rows of n-grams follow."""
        if self._words is None or self._matrix is None:
            raise self._damage.error("a vocabulary or a matrix is missing")
        words, rows = len(self._words), self._matrix.shape[0]
        grams = 0 if self.ngrams is None else self.ngrams.rows
        norms = words if self.norms is None else len(self.norms)
        if rows != words + grams or norms not in {words, rows}:
            raise self._damage.error(
                f"found {words} words and {grams} n-grams, {rows} rows and "
                f"{'no' if self.norms is None else norms} norms",
                code="input-rows",
            )
        return self._matrix, self._words

    def table(self, grams: HashedGrams) -> Matrix:
        """Return the rows of floret's n-grams, once they are known to be as many as it says."""
        rows = 0 if self._matrix is None else self._matrix.shape[0]
        if self._matrix is None or rows != grams.bucket or self._words or self.norms is not None:
            raise self._damage.error(
                f"expected {grams.bucket} rows of floret's n-grams and neither words nor norms, "
                f"found {rows} rows",
                code="input-rows",
            )
        return self._matrix

    def _read_chunk(self, told: int | None) -> None:
        kind, size = self._take("<IQ")
        begin = self._file.tell()
        if told not in {kind, None} or size > self._size - begin:
            raise self._damage.error(
                f"byte {begin - 12}: chunk {kind} of {size} bytes is not sound"
            )
        if kind in _VOCABULARIES:
            self._words, self.ngrams = self._vocabulary(kind, begin + size)
        elif kind == _FLORET:
            self.hashed = self._hashed(begin + size)
        elif kind == _QUANTISED:
            self._matrix = self._quantised(begin + size)
        elif kind == _MATRIX:
            rows, dim, number = self._take("<QII")
            self._matrix = _Plain(self._floats(number, (rows, dim), begin + size))
        elif kind == _NORMS:
            rows, number = self._take("<QI")
            self.norms = np.array(self._floats(number, (rows,), begin + size))
        elif kind == _METADATA and size <= _MOST_METADATA_BYTES:
            self.metadata["metadata"] = self._file.read(size).decode(errors="replace")
        self._file.seek(begin + size)

    def _vocabulary(self, kind: int, end: int) -> tuple[list[bytes], Ngrams | None]:
        count, *told = self._take(_VOCABULARIES[kind])
        words = [self._text(number, end) for number in range(count)]
        if kind in BY_BUCKETS:
            minn, maxn, buckets = told
            return words, Ngrams.in_buckets(BY_BUCKETS[kind], minn, maxn, buckets, self._damage)
        if not told:
            return words, None
        count, minn, maxn = told
        names = [(self._text(at, end), *self._take("<Q")) for at in range(count)]
        return words, Ngrams.by_name(names, minn, maxn, self._damage)

    def _hashed(self, end: int) -> HashedGrams:
        minn, maxn, buckets, hashes, seed = self._take(_FLORET_HEAD)
        begin, stop = (self._text(at, end).decode(errors="replace") for at in range(2))
        grams = HashedGrams(
            bucket=buckets,
            minn=minn,
            maxn=maxn,
            hash_count=hashes,
            hash_seed=seed,
            begin=begin,
            end=stop,
        )
        if not grams.is_sound:
            raise self._damage.error(f"no sound parameters of floret: {grams!r:.300}")
        return grams

    def _text(self, number: int, end: int) -> bytes:
        (length,) = self._take("<I")
        if length > min(MOST_WORD_BYTES, end - self._file.tell()):
            at = self._file.tell() - 4
            raise self._damage.error(f"word {number}, byte {at}: {length} bytes are too many")
        return self._file.read(length)

    def _floats(self, number: int, shape: tuple[int, ...], end: int) -> NDArray[np.float32]:
        at = self._file.tell()
        count = math.prod(shape)
        padding = end - at - count * 4
        if number != _FLOAT32 or not _is_padding(at, padding):
            raise self._damage.error(f"byte {at}: {shape} float32 do not fit {end - at} bytes")
        return self._mapped(at + padding, "<f4", shape)

    def _quantised(self, end: int) -> _Quantised:
        """Return what stands for the rows: numbers of centroids, and those."""
        has_projection, has_norms, parts, dim, centroids, rows, code, number = self._take(
            "<IIIIIQII"
        )
        at = self._file.tell()
        sizes = [dim * dim * bool(has_projection), centroids * dim, rows * bool(has_norms)]
        padding = end - at - 4 * sum(sizes) - rows * parts
        is_divided = 1 <= parts <= dim and dim % parts == 0 and 1 <= centroids <= _MOST_CENTROIDS
        if not is_divided or (code, number) != (_BYTES, _FLOAT32) or not _is_padding(at, padding):
            raise self._damage.error(f"byte {at}: no sound quantised matrix of {rows} rows")
        at += padding
        found = []
        for size in sizes:
            found.append(self._mapped(at, "<f4", (size,)))
            at += 4 * size
        projection, quantisers, norms = found
        return _Quantised(
            codes=self._mapped(at, "u1", (rows, parts)),
            quantisers=np.array(quantisers).reshape(parts, centroids, dim // parts),
            projection=np.array(projection).reshape(dim, dim) if has_projection else None,
            norms=norms if has_norms else None,
            damage=self._damage,
        )

    def _mapped(self, at: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        if not math.prod(shape):
            return np.zeros(shape, dtype)
        return np.memmap(self._path, dtype, "r", offset=at, shape=shape)

    def _take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        at, data = self._file.tell(), self._file.read(size)
        if len(data) < size:
            raise self._damage.error(f"byte {at}: the file ends within a chunk")
        return struct.unpack(form, data)


class _Plain:
    """A matrix on the disk."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        self._matrix = matrix
        self.shape: tuple[int, int] = (matrix.shape[0], matrix.shape[1])

    def rows(self, which: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return np.array(self._matrix[which])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quantised:
    """Rows whose parts are each one of a few hundred (product quantisation)."""

    codes: NDArray[np.uint8]
    """Which one each part of a row is, shape (rows, parts)."""
    quantisers: NDArray[np.float32]
    """What they are, shape (parts, centroids, dim / parts)."""
    projection: NDArray[np.float32] | None
    norms: NDArray[np.float32] | None
    damage: Damage

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.codes), self.quantisers.shape[0] * self.quantisers.shape[2]

    def rows(self, which: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        codes = np.array(self.codes[which])
        parts, centroids, _ = self.quantisers.shape
        if codes.size and int(codes.max()) >= centroids:
            told = f"a row with code {codes.max()}"
            raise self.damage.error(f"{told}: expected codes below {centroids}")
        found = self.quantisers[np.arange(parts), codes].reshape(len(codes), self.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):  # told of where all is
            if self.projection is not None:
                found = found @ self.projection.T
            if self.norms is not None:
                found = found * np.array(self.norms[which])[:, None]
        return found


def _is_padding(at: int, padding: int) -> bool:
    """Tell whether so many bytes align what follows `at`.

    finalfusion pads by four bytes where nothing need be padded, others by none.
    """
    return 0 <= padding <= _MOST_PADDING and (at + padding) % 4 == 0


def _blocks(
    words: list[bytes],
    matrix: Matrix,
    norms: NDArray[np.float32] | None,
    stack: ExitStack,
) -> Iterator[Block]:
    most = rows_in_block(matrix.shape[1])
    with stack:
        for first in range(0, len(words), most):
            part = slice(first, min(first + most, len(words)))
            vectors = matrix.rows(part)
            if norms is not None:
                with np.errstate(over="ignore", invalid="ignore"):  # told of where all is
                    vectors *= norms[part, None]
            yield Block(
                words=words[part],
                vectors=vectors,
                place=lambda row, first=first: f"row {first + row}",  # type: ignore[misc]  # bound
            )
