"""floret's table: rows of hashed words and n-grams, of which vectors of any words are made.

The file holds no words: those of `vocabulary` are computed, each the mean of the rows of itself and
its n-grams, several for each, as floret and spaCy do it. The table becomes a tensor, by which
vectors of unknown words are computed.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from embzarr._reading import FLORET, SUBWORDS, HashedGrams
from embzarr.convert._blocks import Block, Table, check_dim, rows_in_block
from embzarr.convert._matrix import until_end
from embzarr.convert._vocabulary import vocabulary_of
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._vocabulary import Vocabulary

_HEADER: Final = re.compile(
    rb"(\d{1,12}) (\d{1,7}) (\d{1,2}) (\d{1,2}) ([1-4]) (\d{1,10}) (\S+) (\S+) ?\n"
)
_MOST_HEADER_BYTES: Final = 200
_PIECE_BYTES: Final = 1 << 21
_MOST_NUMBER_BYTES: Final = 32
_MOST_LETTERS: Final = 1000
"""Of a word: longer ones have so many n-grams that nobody means them."""
_numbers_of: Final = msgspec.json.Decoder(list[float]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    dim: int
    grams: HashedGrams


def begins(head: bytes) -> bool:
    """Tell whether a file begins as such a table."""
    return _HEADER.match(head[:_MOST_HEADER_BYTES]) is not None


def read(given: Given) -> Table:
    """Read the table, and leave the vectors of the words to be made.

    Raises:
        InvalidInputError: codes ``input-file``; ``input-argument``: there is no vocabulary.
    """
    head = _head_of(given)
    words = words_of(given)
    with ExitStack() as stack:
        rows = _table(given, head, stack)
        return of_table(rows, head.grams, words, given, stack.pop_all())


def words_of(given: Given) -> Vocabulary:
    """Return the words whose vectors are wanted.

    Raises:
        InvalidInputError: code ``input-argument``: there is no vocabulary.
    """
    if given.vocabulary is None:
        raise InvalidInputError(
            "input-argument",
            f"{given.damage.name}: a table of n-grams without words: give the file of the words "
            "whose vectors are wanted as vocabulary=",
        )
    return vocabulary_of(given.vocabulary)


def of_table(
    rows: NDArray[np.float32],
    grams: HashedGrams,
    words: Vocabulary,
    given: Given,
    stack: ExitStack,
) -> Table:
    """Return the vectors of words, each made of a table's rows, and the table.

    Args:
        rows: the table.
        grams: how it was hashed.
        words: those that are wanted.
        given: the file.
        stack: closed when all vectors were made.
    """
    return Table(
        dim=rows.shape[1],
        dtype="float32",
        blocks=until_end(_blocks(words, rows, grams, given), stack),
        has_counts=words.has_counts,
        metadata=grams.to_json(),
        tensors={SUBWORDS: rows},
        model={"framework": "floret", "form": FLORET, **grams.to_json()},
    )


def _head_of(given: Given) -> _Head:
    found = _HEADER.match(given.stream.peek()[:_MOST_HEADER_BYTES])
    if found is None:
        raise given.damage.error("byte 0: expected floret's line of parameters")
    given.stream.read(found.end())
    rows, dim, minn, maxn, hashes, seed = map(int, found.groups()[:6])
    begin, end = (mark.decode(errors="replace") for mark in found.groups()[6:])
    dim = check_dim(given.damage, dim)
    grams = HashedGrams(
        bucket=rows,
        minn=minn,
        maxn=maxn,
        hash_count=hashes,
        hash_seed=seed,
        begin=begin,
        end=end,
    )
    if not grams.is_sound:
        raise given.damage.error(f"byte 0: no sound parameters: {found[0]!r}")
    return _Head(dim=dim, grams=grams)


def _table(given: Given, head: _Head, stack: ExitStack) -> NDArray[np.float32]:
    """Read the rows into a temporary file, which is written as far as the file goes, and map it."""
    file = stack.enter_context(
        tempfile.TemporaryFile(prefix="embzarr-import-")  # noqa: SIM115 - closed by the stack
    )
    row, tail = 0, b""
    most = head.dim * _MOST_NUMBER_BYTES + _MOST_HEADER_BYTES
    while piece := given.stream.read(_PIECE_BYTES):
        *lines, tail = (tail + piece).split(b"\n")
        for line in lines:
            file.write(_numbers(line, row, head, given).tobytes())
            row += 1
        if len(tail) > most:
            raise given.damage.error(f"row {row}: expected at most {most} bytes, found more")
    if row != head.grams.bucket or tail.strip():
        raise given.damage.error(f"expected {head.grams.bucket} rows, found {row}")
    file.flush()
    return np.memmap(file, "<f4", "r", shape=(head.grams.bucket, head.dim))


def _numbers(line: bytes, row: int, head: _Head, given: Given) -> NDArray[np.float32]:
    """Return the numbers of a line, which begins with its own number."""
    number, _, rest = line.partition(b" ")
    try:
        found = _numbers_of(b"[" + rest.strip().replace(b" ", b",") + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise given.damage.error(f"row {row}: {exc}") from exc
    if number != b"%d" % row or len(found) != head.dim:
        raise given.damage.error(
            f"row {row}: expected its number and {head.dim} others, found {len(found)}"
        )
    with np.errstate(over="ignore"):
        return np.array(found, "<f4")


def _blocks(
    words: Vocabulary, rows: NDArray[np.float32], grams: HashedGrams, given: Given
) -> Iterator[Block]:
    every, first = iter(words), 0
    while some := list(islice(every, rows_in_block(rows.shape[1]))):
        kept = [at for at, (word, _) in enumerate(some) if _is_short(word, first + at, given)]
        if kept:
            yield _block(some, kept, first, rows, grams)
        first += len(some)


def _is_short(word: bytes, line: int, given: Given) -> bool:
    if len(word) <= _MOST_LETTERS:
        return True
    given.damage.lose(f"line {line + 1} of the vocabulary: a word of {len(word)} bytes")
    return False


def _block(
    some: list[tuple[bytes, int]],
    kept: list[int],
    first: int,
    rows: NDArray[np.float32],
    grams: HashedGrams,
) -> Block:
    vectors = np.empty((len(kept), rows.shape[1]), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # told of where all is
        for place, at in enumerate(kept):
            numbers = grams.rows_of(some[at][0].decode(errors="replace"))
            vectors[place] = rows[numbers].mean(axis=0, dtype=np.float64)
    has_counts = some[0][1] >= 0
    return Block(
        words=[some[at][0] for at in kept],
        vectors=vectors,
        place=lambda place: f"line {first + kept[place] + 1} of the vocabulary",
        counts=np.array([some[at][1] for at in kept], np.int64) if has_counts else None,
    )
