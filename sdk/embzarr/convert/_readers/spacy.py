"""spaCy's vectors as it saves them: a matrix, which key has which row, and the texts of the keys.

They are the files ``vectors`` (numpy's), ``key2row`` (msgpack) and ``strings.json``, in the folder
of a pipeline's vocabulary or of `Vectors.to_disk`. Nothing is unpickled, and spaCy is not needed,
but for words that are names of its own, such as NOUN, whose keys only it knows. Where they are
floret's, of n-grams, the words are those of a vocabulary, as of floret's own file.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from embzarr._reading import HashedGrams
from embzarr.convert._blocks import Block, Table, check_dim, rows_in_block
from embzarr.convert._readers import floret
from embzarr.convert._readers import numpy as npy
from embzarr.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage

_SETTINGS: Final = "vectors.cfg"
_MOST_BYTES: Final = 1 << 30
_SEED: Final = 1
_FACTOR: Final = 0xC6A4A7935BD1E995
_WORD: Final = 0xFFFFFFFFFFFFFFFF
_WORD_BYTES: Final = 8
_LEAST_HASH: Final = 1 << 16
"""Smaller keys are numbers of spaCy's own names."""


def read(given: Given) -> Table:
    """Read which word has which row, and leave the rows to be read.

    Raises:
        InvalidInputError: codes ``input-file``: a file is damaged; ``input-argument``: vectors of
            floret, and no vocabulary.
        NotFoundError: code ``object-missing``: a file is missing.
    """
    head = given.stream.peek()
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        matrix = _mapped(path, head, given)
        dim = check_dim(given.damage, matrix.shape[1])
        if (grams := _floret(given, matrix)) is not None:
            wanted = floret.words_of(given)
            return floret.of_table(matrix, grams, wanted, given, stack.pop_all())
        keys = _decoded(given, "key2row", dict[int, int])
        texts = _decoded(given, "strings.json", list[str])
        words, rows = _words(keys, texts, len(matrix), given.damage)
        return Table(
            dim=dim,
            dtype=matrix.dtype.newbyteorder("=").name,
            blocks=_blocks(words, rows, matrix, stack.pop_all()),
        )


def _floret(given: Given, matrix: NDArray[Any]) -> HashedGrams | None:
    """Return how rows of n-grams were hashed, where they are floret's."""
    try:
        told = _decoded(given, _SETTINGS, dict[str, Any])
    except NotFoundError:
        return None
    if told.get("mode") != "floret":
        return None
    record = {**told, "bucket": len(matrix), "begin": told.get("bow"), "end": told.get("eow")}
    grams = HashedGrams.from_json(record)
    if grams is None or matrix.dtype != np.float32:
        raise given.damage.error(f"{_SETTINGS}: no sound parameters of floret: {told!r:.200}")
    return grams


def _mapped(path: Path, head: bytes, given: Given) -> NDArray[Any]:
    """Return the matrix, which stays on the disk."""
    matrix, offset = npy.header_of(head, given.damage)
    matrix.check(given)
    needed = matrix.shape[0] * matrix.shape[1] * matrix.dtype.itemsize
    if path.stat().st_size - offset < needed:
        raise given.damage.error(f"cut short: expected {needed} bytes behind byte {offset}")
    if not needed:
        return np.zeros(matrix.shape, matrix.dtype)
    return np.memmap(path, matrix.dtype, "r", offset=offset, shape=matrix.shape)


def _decoded(given: Given, name: str, kind: Any) -> Any:  # noqa: ANN401 - a type
    """Return what a file beside the matrix holds: JSON, or msgpack."""
    data = given.source.sibling(name).whole(_MOST_BYTES)
    decoder = msgspec.json if name.endswith(".json") or name == _SETTINGS else msgspec.msgpack
    try:
        return decoder.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise given.damage.error(f"{name}: {exc}") from exc


def _words(
    keys: dict[int, int], texts: list[str], count: int, damage: Damage
) -> tuple[list[bytes], NDArray[np.int64]]:
    """Return the words that have a row, in the order of rows, and those."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    known = {key_of(text): text for text in encoded} | _names(keys)
    words, rows = [], []
    for key, row in sorted(keys.items(), key=lambda item: item[1]):
        if not 0 <= row < count:
            damage.lose(f"key {key}: row {row} of {count}")
        elif key not in known:
            why = "a name of spaCy's own, known if spaCy is installed" if key < _LEAST_HASH else ""
            damage.lose(f"key {key}: no text in strings.json has it{why and ': '}{why}")
        else:
            words.append(known[key])
            rows.append(row)
    return words, np.array(rows, np.int64)


def _names(keys: dict[int, int]) -> dict[int, bytes]:
    """Return spaCy's own names, where there are such keys and spaCy is installed."""
    if all(key >= _LEAST_HASH for key in keys):
        return {}
    try:
        found = importlib.import_module("spacy.symbols").IDS
    except ImportError:
        return {}
    return {number: name.encode() for name, number in found.items()}


def _blocks(
    words: list[bytes], rows: NDArray[np.int64], matrix: NDArray[Any], stack: ExitStack
) -> Iterator[Block]:
    most = rows_in_block(matrix.shape[1], matrix.dtype.itemsize)
    with stack:
        for first in range(0, len(words), most):
            part = rows[first : first + most]
            yield Block(
                words=words[first : first + most],
                vectors=matrix[part].astype(matrix.dtype.newbyteorder("=")),
                place=lambda at, part=part: f"row {part[at]}",  # type: ignore[misc]  # bound
            )


def key_of(text: bytes) -> int:
    """Return spaCy's key of a text: MurmurHash64A, seeded with 1; the empty text has 0."""
    if not text:
        return 0
    found = _SEED ^ (len(text) * _FACTOR & _WORD)
    whole = len(text) - len(text) % _WORD_BYTES
    for at in range(0, whole, _WORD_BYTES):
        part = int.from_bytes(text[at : at + _WORD_BYTES], "little") * _FACTOR & _WORD
        part = (part ^ part >> 47) * _FACTOR & _WORD
        found = (found ^ part) * _FACTOR & _WORD
    if whole < len(text):
        found = (found ^ int.from_bytes(text[whole:], "little")) * _FACTOR & _WORD
    found = (found ^ found >> 47) * _FACTOR & _WORD
    return found ^ found >> 47
