"""A folder of staticvectors: a matrix, plain or quantised, its words, perhaps fastText's n-grams.

Files are ``model.safetensors``, ``vocab.json`` and ``config.json``. A model that was made of
fastText's has its rows, and its vectors are made as fastText makes them; its labels are left out.
Those that staticvectors keeps in SQLite are read as Magnitude's.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from embzarr._reading import MOST_LETTERS
from embzarr.convert._blocks import Table, check_dim
from embzarr.convert._matrix import spooled
from embzarr.convert._readers import fasttext, safetensors
from embzarr.convert._vocabulary import vocabulary_of
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage

_FLOATS: Final = {"F32": "<f4"}
_CODES: Final = {"U8": "u1", "U16": "<u2"}
_MOST_CONFIG_BYTES: Final = 1 << 20


class _Config(msgspec.Struct):
    format: str | None = None
    bucket: int | None = None
    minn: int | None = None
    maxn: int | None = None


def read(given: Given) -> Table:
    """Read words and parameters, and leave the vectors to be read.

    Raises:
        InvalidInputError: codes ``input-file``; ``input-rows``: not as many as there are words;
            ``input-argument``: there is no vocabulary.
    """
    if given.vocabulary is None:
        raise InvalidInputError(
            "input-argument", f"{given.damage.name}: give its vocab.json as vocabulary="
        )
    with ExitStack() as stack:
        parts = safetensors.parts_of(given, stack)
        rows = _rows(parts, given.damage, stack)
        words = [word for word, _ in vocabulary_of(given.vocabulary)]
        model = _model(_config(given), rows, words, given.damage)
        return Table(
            dim=model.dim,
            dtype="float32",
            blocks=fasttext.blocks(model, rows, stack.pop_all()),
            metadata=model.told,
            **fasttext.subwords(model, rows),
        )


def _config(given: Given) -> _Config:
    data = given.source.sibling("config.json").whole(_MOST_CONFIG_BYTES)
    try:
        return msgspec.json.decode(data, type=_Config)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise given.damage.error(f"config.json: {exc}") from exc


def _model(
    config: _Config, rows: NDArray[np.float32], words: list[bytes], damage: Damage
) -> fasttext.Model:
    bucket, minn, maxn = (config.bucket or 0, config.minn or 1, config.maxn or 0)
    if min(bucket, minn, maxn) < 0 or maxn > MOST_LETTERS:
        raise damage.error(f"n-grams of {minn} to {maxn} letters in {bucket} rows cannot be")
    model = fasttext.Model(
        dim=check_dim(damage, rows.shape[1]),
        minn=minn,
        maxn=maxn,
        bucket=bucket,
        words=words,
        counts=None,
        rows=len(rows),
        offset=0,
        told={} if config.format is None else {"format": config.format},
    )
    least = len(words) + (bucket if model.has_ngrams else 0)
    if len(rows) != least and not (bucket and len(rows) > least):
        raise damage.error(
            f"expected {least} rows, of {len(words)} words and of n-grams, found {len(rows)}",
            code="input-rows",
        )
    return model


def _rows(parts: safetensors.Parts, damage: Damage, stack: ExitStack) -> NDArray[np.float32]:
    """Return the matrix, which stays on the disk, quantised or not."""
    if "pq" not in parts.tensors:
        return parts.array("vectors", _FLOATS, 2)
    codes = parts.array("vectors", _CODES, 2)
    words = np.array(parts.array("codewords", _FLOATS, 3))
    if not words.size or words.shape[0] != codes.shape[1]:
        raise damage.error(f"vectors of {codes.shape[1]} parts, and codewords of {words.shape}")

    def some(first: int, last: int) -> NDArray[np.float32]:
        part = np.array(codes[first:last])
        if part.size and int(part.max()) >= words.shape[1]:
            raise damage.error(f"a code {part.max()}: expected codes below {words.shape[1]}")
        found: NDArray[Any] = words[np.arange(words.shape[0]), part]
        return found.reshape(len(part), -1)

    return spooled(some, (len(codes), words.shape[0] * words.shape[2]), stack)
