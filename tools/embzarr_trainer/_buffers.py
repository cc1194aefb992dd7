"""The arrays that the compiled loops work on; what they are sized by is in ``_kernel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Weights(NamedTuple):
    """The two matrices being learnt, shared by all threads."""

    inputs: npt.NDArray[np.float32]
    """(words, padded size): the word vectors."""
    outputs: npt.NDArray[np.float32]
    """(words, padded size): the context matrix."""


class Tables(NamedTuple):
    """What is looked up and never changes."""

    keep: npt.NDArray[np.uint32]
    """(words,): an occurrence is kept when 32 random bits are not above this."""
    alias_cut: npt.NDArray[np.uint32]
    """(words,): a drawn word stays when 32 random bits are below this, else its alias is taken."""
    alias_word: npt.NDArray[np.int32]
    """(words,): the alias."""
    sigmoid: npt.NDArray[np.float32]
    """(TABLE_SIZE,): the logistic function over +-LOGIT_LIMIT."""
    softplus: npt.NDArray[np.float32]
    """(TABLE_SIZE,): log(1 + exp(x)) over the same range, for the loss."""


class Scratch(NamedTuple):
    """One thread's working space."""

    kept: npt.NDArray[np.int32]
    """(MAX_SENTENCE,): the words of a sentence that subsampling left."""
    targets: npt.NDArray[np.int64]
    """(MAX_NEGATIVE + 1,): the centre word, then distinct negatives."""
    rows: npt.NDArray[np.float32]
    """(GROUP * ROW_STRIDE,): gathered output rows."""
    slopes: npt.NDArray[np.float32]
    """(GROUP,): logits, then learning rate times (label - sigmoid)."""
    state: npt.NDArray[np.uint64]
    """(1,): the random state."""
