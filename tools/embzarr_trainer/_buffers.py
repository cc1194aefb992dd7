"""The arrays that the compiled loops work on, and the sizes that those loops rely on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

LANES: Final = 16
"""Rows of the weights are padded with zeros to a multiple of this many float32."""

_CACHE_LINE: Final = 64
"""Bytes. A vector register's load that crosses a line takes twice as long."""

MAX_VECTOR_SIZE: Final = 4096
MAX_NEGATIVE: Final = 63
MAX_WINDOW: Final = 1000
MAX_SENTENCE: Final = 10_000
"""Words in the longest sentence that the scratch holds; the corpus cuts longer ones."""

GROUP: Final = 6
"""Output rows that the unrolled loops take at once: the centre word and the usual 5 negatives."""

ROW_STRIDE: Final = MAX_VECTOR_SIZE + 160
"""Float32 between gathered rows: a constant, so that the compiler can tell the rows apart, and
not a multiple of 4 KiB, so that they do not fall on the same cache lines."""

TABLE_SIZE: Final = 4096
LOGIT_LIMIT: Final = 6.0
"""Logits are clipped to +-this before the table lookup, as in word2vec.c."""


class Method(NamedTuple):
    """How to train."""

    window: int
    """The widest distance; each centre word draws its own from 1 .. window."""
    negative: int
    """Words drawn against each centre word."""
    cbow: bool
    """Whether the mean of the context predicts the centre, or each context word for itself."""


class Weights(NamedTuple):
    """The two matrices being learnt, shared by all threads."""

    inputs: npt.NDArray[np.float32]
    """(words, padded size): the word vectors."""
    outputs: npt.NDArray[np.float32]
    """(words, padded size): the context matrix."""


class Marks(NamedTuple):
    """Which rows of the weights were touched since the marks were cleared: 1, else 0."""

    inputs: npt.NDArray[np.uint8]
    """(words,)"""
    outputs: npt.NDArray[np.uint8]
    """(words,)"""


class Tables(NamedTuple):
    """What is looked up and never changes."""

    keep: npt.NDArray[np.uint32]
    """(words,): an occurrence is kept when 32 random bits are not above this."""
    frozen: npt.NDArray[np.uint8]
    """(words,): 1 for words whose rows are to stay as they are, else 0."""
    alias_cut: npt.NDArray[np.uint32]
    """(words,): a drawn word stays when 32 random bits are below this, else its alias is taken."""
    alias_word: npt.NDArray[np.int32]
    """(words,): the alias."""
    sigmoid: npt.NDArray[np.float32]
    """(TABLE_SIZE,): the logistic function over +-LOGIT_LIMIT."""
    softplus: npt.NDArray[np.float32]
    """(TABLE_SIZE,): log(1 + exp(x)) over the same range, for the loss."""


class Windows(NamedTuple):
    """Centre words with the context words that each is trained with, one after another."""

    centres: npt.NDArray[np.int32]
    """(windows,): rows of the output matrix."""
    sizes: npt.NDArray[np.uint16]
    """(windows,): how many context words each has, at least one."""
    contexts: npt.NDArray[np.int32]
    """(sum of sizes,): rows of the input matrix."""


class Scratch(NamedTuple):
    """One thread's working space."""

    kept: npt.NDArray[np.int32]
    """(MAX_SENTENCE,): the words of a sentence that subsampling left."""
    context: npt.NDArray[np.int32]
    """(2 * MAX_WINDOW + 1,): the words around the centre word."""
    targets: npt.NDArray[np.int64]
    """(MAX_NEGATIVE + 1,): the centre word, then distinct negatives."""
    ahead: npt.NDArray[np.int64]
    """(GROUP,): output rows of the next window, to have them in the cache when they are needed."""
    rows: npt.NDArray[np.float32]
    """(GROUP * ROW_STRIDE,): gathered output rows."""
    slopes: npt.NDArray[np.float32]
    """(GROUP,): logits, then learning rate times (label - sigmoid)."""
    mean: npt.NDArray[np.float32]
    """(padded size,): of the context rows; CBOW only."""
    start: npt.NDArray[np.float32]
    """(padded size,): the mean before the window's steps; CBOW only."""
    state: npt.NDArray[np.uint64]
    """(2,): the random state, and the one that negatives in ``ahead`` were drawn from."""


def new_scratch(width: int) -> Scratch:
    """Allocate one thread's working space; ``state`` is to be seeded before each chunk."""
    return Scratch(
        kept=np.zeros(MAX_SENTENCE, np.int32),
        context=np.zeros(2 * MAX_WINDOW + 1, np.int32),
        targets=np.zeros(MAX_NEGATIVE + 1, np.int64),
        ahead=np.zeros(GROUP, np.int64),
        rows=aligned_zeros((GROUP * ROW_STRIDE,)),
        slopes=np.zeros(GROUP, np.float32),
        mean=aligned_zeros((width,)),
        start=aligned_zeros((width,)),
        state=np.zeros(2, np.uint64),
    )


def aligned_zeros(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Allocate zeros that begin on a cache line."""
    size = 4 * math.prod(shape)
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + size].view(np.float32).reshape(shape)
