"""fastText's ``.bin``: parameters, words with their counts, and rows of words and of n-grams.

A word's vector is the mean of its own row and those of its n-grams, as fastText itself answers it.
The rows of the n-grams become a tensor, by which vectors of unknown words are computed.
"""

from __future__ import annotations

import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from embzarr._reading import MOST_LETTERS, SUBWORDS, ngram_hashes
from embzarr.convert._blocks import MOST_WORD_BYTES, Block, Table, check_dim
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage

MAGIC: Final = struct.pack("<i", 793712314)
_PARAMETERS: Final = (
    "dim", "ws", "epoch", "min_count", "neg", "word_ngrams", "loss", "model", "bucket", "minn",
    "maxn", "lr_update_rate",
)  # fmt: skip
_MODELS: Final = {1: "cbow", 2: "sg", 3: "supervised"}
_LOSSES: Final = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
_VERSIONS: Final = (11, 12)
_SUPERVISED: Final = 3
_ROWS_BYTES: Final = 8 << 20
"""Of words and n-grams that are added up at a time."""
_USUAL_NGRAMS: Final = 32
_PIECE_BYTES: Final = 1 << 20


def read(given: Given) -> Table:
    """Read parameters and words, and leave the vectors to be read."""
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        with path.open("rb") as file:
            model = _Head(file, given.damage).model()
        rows = _input(path, model, given.damage)
        return Table(
            dim=model.dim,
            dtype="float32",
            blocks=blocks(model, rows, stack.pop_all()),
            has_counts=True,
            metadata=model.told,
            **subwords(model, rows),
        )


def subwords(model: Model, rows: NDArray[np.float32]) -> dict[str, Any]:
    """Return the rows of n-grams, and how they are found; nothing of a model without."""
    if not model.has_ngrams:
        return {}
    first = len(model.words)
    record = {"minn": model.minn, "maxn": model.maxn, "bucket": model.bucket}
    return {
        "tensors": {SUBWORDS: rows[first : first + model.bucket]},
        "model": {"framework": "fasttext", "form": SUBWORDS, **record},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Words, and where the rows of n-grams lie behind theirs."""

    dim: int
    minn: int
    maxn: int
    bucket: int
    words: list[bytes]
    counts: list[int] | None
    rows: int
    """Of the input matrix."""
    offset: int
    """Where that begins in the file."""
    told: dict[str, Any]

    @property
    def has_ngrams(self) -> bool:
        """Whether a vector is made of more than a word's own row."""
        return self.bucket > 0 and self.maxn > 0 and self.minn <= self.maxn


class _Head:
    """What stands before the vectors."""

    def __init__(self, file: BinaryIO, damage: Damage) -> None:
        self._file = file
        self._damage = damage

    def model(self) -> Model:
        magic, version = self._take("<4si")
        if magic != MAGIC or version not in _VERSIONS:
            raise self._damage.error(f"byte 0: expected fastText's {_VERSIONS}, found {version}")
        given = dict(zip(_PARAMETERS, self._take("<12i"), strict=True))
        (sample,) = self._take("<d")
        words, counts = self._words()
        (is_quantised,) = self._take("<?")
        if is_quantised:
            raise UnsupportedError(
                "feature-unsupported",
                f"{self._damage.name}: a quantised model, which is not read: import the .bin that "
                "it was made of",
            )
        rows, dim = self._take("<qq")
        # Models of this version were trained without n-grams, whatever they say.
        is_old = version == _VERSIONS[0] and given["model"] == _SUPERVISED
        model = Model(
            dim=check_dim(self._damage, dim),
            minn=max(given["minn"], 1),
            maxn=0 if is_old else given["maxn"],
            bucket=given["bucket"],
            words=words,
            counts=counts,
            rows=rows,
            offset=self._file.tell(),
            told={**_named(given), "sample": sample},
        )
        return self._checked(model, given["dim"])

    def _checked(self, model: Model, dim: int) -> Model:
        if model.dim != dim or model.maxn > MOST_LETTERS:
            found = f"vectors of {model.dim}, n-grams of up to {model.maxn} letters"
            raise self._damage.error(f"expected vectors of {dim}, found {found}")
        least = len(model.words) + (model.bucket if model.has_ngrams else 0)
        if model.rows < least:
            raise self._damage.error(
                f"byte {model.offset - 16}: expected at least {least} rows, found {model.rows}"
            )
        return model

    def _words(self) -> tuple[list[bytes], list[int]]:
        entries, words, labels, _, pruned = self._take("<iiiqq")
        if pruned > 0 or min(entries, words, labels) < 0 or entries != words + labels:
            found = f"{entries} entries, {words} words, {labels} labels, {pruned} pruned"
            raise self._damage.error(
                f"byte 64: no sound and whole dictionary: {found}; of a model of floret's, import "
                "the table that its save_floret_vectors writes"
            )
        found_words: list[bytes] = []
        counts: list[int] = []
        for word, count, kind in self._entries(entries):
            if kind == 0:
                found_words.append(word)
                counts.append(count)
        if len(found_words) != words:
            raise self._damage.error(f"expected {words} words, found {len(found_words)}")
        return found_words, counts

    def _entries(self, entries: int) -> Iterator[tuple[bytes, int, int]]:
        data, at = b"", 0
        for entry in range(entries):
            while (end := data.find(b"\0", at)) < 0 or end + 10 > len(data):
                piece = self._file.read(_PIECE_BYTES)
                if not piece or len(data) - at > MOST_WORD_BYTES:
                    raise self._damage.error(f"word {entry}: the dictionary is cut short")
                data, at = data[at:] + piece, 0
            yield (data[at:end], *struct.unpack_from("<qb", data, end + 1))
            at = end + 10
        self._file.seek(at - len(data), 1)

    def _take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize(form)
        at, data = self._file.tell(), self._file.read(size)
        if len(data) < size:
            raise self._damage.error(f"byte {at}: the file ends within its head")
        return struct.unpack(form, data)


def _named(given: dict[str, int]) -> dict[str, Any]:
    return {
        **given,
        "model": _MODELS.get(given["model"], str(given["model"])),
        "loss": _LOSSES.get(given["loss"], str(given["loss"])),
    }


def _input(path: Path, model: Model, damage: Damage) -> NDArray[np.float32]:
    """Return the input matrix, which stays on the disk."""
    size = path.stat().st_size - model.offset
    if model.rows > size // (model.dim * 4):
        raise damage.error(
            f"byte {model.offset}: cut short: expected {model.rows} rows of {model.dim * 4} bytes, "
            f"found {size} bytes"
        )
    shape = (model.rows, model.dim)
    return (
        np.memmap(path, "<f4", "r", offset=model.offset, shape=shape)
        if model.rows
        else (np.zeros(shape, np.float32))
    )


def blocks(model: Model, rows: NDArray[np.float32], stack: ExitStack) -> Iterator[Block]:
    """Yield the vectors of words, each made of its own row and those of its n-grams."""
    counts = model.counts
    most = max(1, _ROWS_BYTES // (model.dim * 4 * _USUAL_NGRAMS))
    with stack:
        for first in range(0, len(model.words), most):
            words = model.words[first : first + most]
            yield Block(
                words=words,
                vectors=_vectors(model, rows, words, first),
                place=lambda row, first=first: f"word {first + row}",  # type: ignore[misc]  # bound
                counts=None if counts is None else np.array(counts[first : first + most], np.int64),
            )


def _vectors(
    model: Model, rows: NDArray[np.float32], words: list[bytes], first: int
) -> NDArray[np.float32]:
    """Return means of the rows of words and their n-grams, added up in fastText's order.

    What is not finite, or becomes so, is told of where all formats' is.
    """
    if not model.has_ngrams:
        return np.array(rows[first : first + len(words)])
    of_word, hashes = ngram_hashes(words, model.minn, model.maxn)
    buckets = len(model.words) + (hashes % np.uint32(model.bucket)).astype(np.int64)
    sums = np.array(rows[first : first + len(words)])
    counts = np.bincount(of_word, minlength=len(words)) + 1
    ends = np.cumsum(counts - 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for row in range(len(words)):
            _add(sums[row : row + 1], rows, buckets[ends[row] - counts[row] + 1 : ends[row]])
        return sums * (1.0 / counts).astype(np.float32)[:, None]


def _add(total: NDArray[np.float32], rows: NDArray[np.float32], numbers: NDArray[np.int64]) -> None:
    """Add some rows to a total, one after the other, some MiB at a time."""
    step = max(1, _ROWS_BYTES // (rows.shape[1] * 4))
    for at in range(0, len(numbers), step):
        total[0] = np.add.reduce(np.concatenate((total, rows[numbers[at : at + step]])), axis=0)
