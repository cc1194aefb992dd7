"""A matrix whose words stand elsewhere, as rows: numpy's, and safetensors'."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert._blocks import Block, Given, Table, check_dim, rows_in_block
from embzarr.convert._vocabulary import vocabulary_of
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from embzarr.convert._damage import Damage
    from embzarr.convert._vocabulary import Vocabulary

_PLANE: Final = 2
_SHOWN: Final = 5
_MOST_CHUNK_BYTES: Final = 256 << 20
NAMES: Final = ("embeddings", "embedding.weight", "embeddings.weight", "vectors", "weight")
"""Under which matrices of word vectors are kept, where a file has several."""
_LAYER: Final = "embedding"
_STORED: Final = {"float16": "float16", "float32": "float32", "float64": "float64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What a file says of the matrix that follows."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_bfloat16: bool = False
    """The numbers are the upper halves of float32, which `dtype` has as uint16."""

    def check(self, given: Given) -> None:
        """Refuse what is no matrix of floating point numbers.

        Raises:
            InvalidInputError: code ``input-file``.
        """
        if len(self.shape) != _PLANE or min(self.shape) < 0:
            raise given.damage.error(f"expected a matrix, found an array of shape {self.shape}")
        if not self.is_bfloat16 and self.dtype.name not in _STORED:
            raise given.damage.error(f"expected floating point numbers, found {self.dtype.name}")
        check_dim(given.damage, self.shape[1])

    def floats(self, data: bytes) -> NDArray[Any]:
        """Return the numbers of some rows."""
        rows = np.frombuffer(data, self.dtype).reshape(-1, self.shape[1])
        if not self.is_bfloat16:
            return rows.astype(self.dtype.newbyteorder("="), copy=False)
        return (rows.astype(np.uint32) << np.uint32(16)).view(np.float32)


def table(
    matrix: Matrix,
    given: Given,
    read: Callable[[int], bytes],
    inside: Vocabulary | None = None,
) -> Table:
    """Return the rows of a matrix that is read from here on, beside their words.

    Args:
        matrix: what is known of it.
        given: the file and its vocabulary.
        read: returns so many of the matrix's bytes.
        inside: the words that the file itself has, for where no vocabulary is given.

    Raises:
        InvalidInputError: codes ``input-file``, ``input-argument``.
    """
    matrix.check(given)
    words = inside if given.vocabulary is None else vocabulary_of(given.vocabulary)
    if words is None:
        raise InvalidInputError(
            "input-argument",
            f"{given.damage.name}: {matrix.shape[0]} vectors without words: give the file of "
            "their words as vocabulary=",
        )
    dtype = "float32" if matrix.is_bfloat16 else _STORED[matrix.dtype.name]
    return Table(
        dim=matrix.shape[1],
        dtype=dtype,
        blocks=_blocks(matrix, given, read, words),
        has_counts=words.has_counts,
    )


def of_array(array: Any, given: Given, words: Vocabulary | None, stack: ExitStack) -> Table:  # noqa: ANN401 - of several libraries
    """Return the rows of a matrix that another library reads, some at a time.

    Args:
        array: has a shape and a data type, and is sliced.
        given: the file and its vocabulary.
        words: those that are beside it, for where no vocabulary is given.
        stack: closed when all rows were read.
    """
    matrix = Matrix(shape=tuple(array.shape), dtype=array.dtype)
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        rows = count // (matrix.shape[1] * matrix.dtype.itemsize)
        try:
            found = np.asarray(array[at : at + rows]).tobytes()
        except Exception as exc:  # of any library
            raise given.damage.error(f"rows from {at} on: {exc}") from exc
        at += rows
        return found

    found = table(matrix, given, read, words)
    return replace(found, blocks=until_end(found.blocks, stack))


def until_end(blocks: Iterator[Block], stack: ExitStack) -> Iterator[Block]:
    """Yield blocks, and close what they are read from."""
    with stack:
        yield from blocks


def spooled(
    some: Callable[[int, int], NDArray[np.float32]], shape: tuple[int, int], stack: ExitStack
) -> NDArray[np.float32]:
    """Write rows that are made some at a time to a temporary file, and return them from there."""
    file = stack.enter_context(
        tempfile.TemporaryFile(prefix="embzarr-import-")  # noqa: SIM115 - closed by the stack
    )
    rows, dim = shape
    step = rows_in_block(max(dim, 1))
    for first in range(0, rows, step):
        file.write(some(first, min(first + step, rows)).astype("<f4", copy=False).tobytes())
    file.flush()
    return np.memmap(file, "<f4", "r", shape=shape) if rows * dim else np.zeros(shape, np.float32)


def only_one(matrices: Mapping[str, Any], damage: Damage) -> Any:  # noqa: ANN401 - as above
    """Return the only matrix, or the one whose name or folder says that it is of word vectors.

    Raises:
        InvalidInputError: code ``input-file``: none, or several.
    """
    known = [name for name in matrices if name.rpartition("/")[2].partition(":")[0] in NAMES]
    # Keras names a layer's arrays by number, and the layer after its kind: layers/embedding/vars/0.
    inside = [name for name in matrices if _LAYER in name.split("/")]
    names = next((some for some in (known, inside) if len(some) == 1), list(matrices))
    if len(names) != 1:
        shown = ", ".join(sorted(matrices)[:_SHOWN])
        raise damage.error(f"expected one matrix of floats, found {len(matrices)}: {shown}")
    return matrices[names[0]]


def check_chunks(chunks: Sequence[int] | None, dtype: np.dtype[Any], damage: Damage) -> None:
    """Refuse chunks that memory may not have room for.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    nbytes = math.prod(chunks or ()) * dtype.itemsize
    if nbytes > _MOST_CHUNK_BYTES:
        raise damage.error(f"chunks of {nbytes} bytes: expected at most {_MOST_CHUNK_BYTES}")


def _blocks(
    matrix: Matrix, given: Given, read: Callable[[int], bytes], words: Vocabulary
) -> Iterator[Block]:
    rows, dim = matrix.shape
    nbytes = dim * matrix.dtype.itemsize
    most, first = rows_in_block(dim, matrix.dtype.itemsize), 0
    lines = iter(words)
    while first < rows:
        count = min(most, rows - first)
        data = read(count * nbytes)
        whole = len(data) // nbytes
        taken = list(islice(lines, whole))
        if len(taken) < whole:
            raise _other_length(given, rows, f"{first + len(taken)}")
        if whole:
            yield _block(matrix, data[: whole * nbytes], taken, first)
        first += whole
        if whole < count:
            given.damage.lose(f"row {first}: cut short: expected {rows} rows of {nbytes} bytes")
            return
    if next(lines, None) is not None:
        raise _other_length(given, rows, "more")


def _block(matrix: Matrix, data: bytes, lines: list[tuple[bytes, int]], first: int) -> Block:
    counts = np.array([count for _, count in lines], np.int64)
    return Block(
        words=[word for word, _ in lines],
        vectors=matrix.floats(data),
        place=lambda row: f"row {first + row}",
        counts=counts if lines[0][1] >= 0 else None,
    )


def _other_length(given: Given, rows: int, found: str) -> InvalidInputError:
    return given.damage.error(
        f"expected a word for each of {rows} rows, found {found} in the vocabulary",
        code="input-rows",
    )
