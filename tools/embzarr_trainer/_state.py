"""From a checkpoint back to the state of the trainer that saved it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_trainer._buffers import LANES, Weights, aligned_zeros
from embzarr_trainer._options import FREE, OF_CORPUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from embzarr_trainer._options import TrainOptions

MODEL: Final = "word2vec-negative-sampling"
"""What ``metadata["trainer"]["model"]`` says of these checkpoints."""

_STATE_COLUMNS: Final = ("vectors", "context", "counts")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """All that training goes on from."""

    checkpoint: embzarr.Checkpoint
    words: list[str]
    counts: npt.NDArray[np.int64]
    weights: Weights
    trainer: Mapping[str, Any]
    """``metadata["trainer"]`` of the checkpoint."""

    def changes(self, options: TrainOptions, *, digest: str) -> list[str]:
        """Tell what differs from the run that saved this, in words; empty for nothing."""
        before = self.trainer["options"]
        now = options.to_json()
        told = [
            f"{name} was {before.get(name)!r} and is {now[name]!r}"
            for name in now
            if name not in FREE and before.get(name) != now[name]
        ]
        if self.trainer["corpus"]["sha256"] != digest:
            told.append(
                f"the corpus was {self.trainer['corpus']['sha256'][:12]} by its SHA-256 "
                f"and is {digest[:12]}"
            )
        return told

    def same_corpus(self, options: TrainOptions, *, digest: str) -> bool:
        """Tell whether the same text is read in the same way."""
        before, now = self.trainer["options"], options.to_json()
        return bool(
            self.trainer["corpus"]["sha256"] == digest
            and all(before.get(name) == now[name] for name in OF_CORPUS)
        )


def newest_state(run: embzarr.Run) -> tuple[State | None, list[str]]:
    """Load the newest sound checkpoint of a run.

    Returns:
        The state, None where the run has no commit; and what is wrong with newer checkpoints.

    Raises:
        embzarr.InvalidInputError: ``trainer-foreign``: another trainer's checkpoint.
        embzarr.DamagedError: every checkpoint is damaged.
    """
    damaged: list[str] = []
    failure: embzarr.DamagedError | None = None
    for number in run.numbers():
        try:
            return load_state(run.open(commit=number)), damaged
        except embzarr.NotFoundError:  # given up since, or a garbage collection
            continue
        except embzarr.DamagedError as exc:
            damaged.append(f"commit {number} is damaged: {exc}")
            failure = exc
    if failure is not None:
        raise failure
    return None, damaged


def load_state(checkpoint: embzarr.Checkpoint) -> State:
    """Load everything of a checkpoint of this trainer, each chunk checked."""
    trainer = checkpoint.metadata.get("trainer")
    if not isinstance(trainer, dict) or trainer.get("model") != MODEL:
        found = trainer.get("model") if isinstance(trainer, dict) else None
        raise embzarr.InvalidInputError(
            "trainer-foreign",
            f"commit {checkpoint.commit} was not saved by this trainer: expected the model "
            f"{MODEL!r}, found {found!r}; init starts a new run from its vectors",
        )
    loaded = checkpoint.load_rows(0, len(checkpoint), columns=_STATE_COLUMNS)
    return State(
        checkpoint=checkpoint,
        words=list(loaded.words),
        counts=loaded.columns["counts"].astype(np.int64),
        weights=Weights(inputs=padded(loaded.vectors), outputs=padded(loaded.columns["context"])),
        trainer=trainer,
    )


def start_weights(words: int, *, vector_size: int, seed: int) -> Weights:
    """Make input rows even in +-1 / vector_size, as gensim's, and output rows of zeros.

    Rows are padded with zeros, which training leaves zero, to a multiple of 16 numbers.
    """
    draws = np.random.default_rng(seed)
    inputs = draws.random((words, vector_size), np.float32)
    inputs -= np.float32(0.5)
    inputs *= np.float32(2 / vector_size)
    start = padded(inputs)
    return Weights(inputs=start, outputs=aligned_zeros(start.shape))


def padded(matrix: npt.NDArray[np.float32], *, rows: int | None = None) -> npt.NDArray[np.float32]:
    """Copy a matrix into one as the kernel wants it, with zeros to its right and below."""
    width = -(-matrix.shape[1] // LANES) * LANES
    wide = aligned_zeros((len(matrix) if rows is None else rows, width))
    wide[: len(matrix), : matrix.shape[1]] = matrix
    return wide
