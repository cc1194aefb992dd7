"""Saving checkpoints beside training, and what to do when that fails."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    import numpy.typing as npt

    from embzarr_trainer._buffers import Marks, Weights
    from embzarr_trainer._corpus.reading import Corpus
    from embzarr_trainer._options import SaveOptions

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0


class Saver:
    """Saves the weights of a run, at most one copy at a time.

    What fails leaves the commits before as they were; the caller saves anew after ``wait`` seconds.
    """

    failure: embzarr.EmbzarrError | None
    """Why the newest checkpoint could not be saved; None while all is well."""
    wait: float
    """Seconds to let pass after a failure, doubled with each in a row."""
    saved: embzarr.Checkpoint | None
    """The newest checkpoint."""
    saved_at: float | None
    """When this committed it (``time.perf_counter``); None where an earlier session did."""

    def __init__(
        self,
        run: embzarr.Run,
        corpus: Corpus,
        weights: Weights,
        *,
        options: SaveOptions,
        vector_size: int,
        base: embzarr.Checkpoint | None,
    ) -> None:
        """Find memory for copies; write nothing yet.

        Args:
            run: where to; closed with this.
            corpus: whose words and counts are saved.
            weights: what is saved with them; (words, padded size) each.
            options: when and how to save.
            vector_size: of the weights, which are padded.
            base: the checkpoint that the weights are at; None where no delta can lie upon one.
        """
        self._run = run
        self._words = corpus.words
        self._vectors = weights.inputs[:, :vector_size]
        self._columns: dict[str, npt.NDArray[Any]] = {
            "counts": corpus.counts,
            "context": weights.outputs[:, :vector_size],
        }
        self._options = options
        self._base = base
        self._under_way: Future[embzarr.Checkpoint] | None = None
        self._litter: str | None = None
        self.failure = None
        self.wait = _FIRST_WAIT
        self.saved = base
        self.saved_at = None
        run.reserve(self._words, self._vectors, self._columns)

    @property
    def problem(self) -> str | None:
        """Why the newest checkpoint, or room for it, was not to be had; None while all is well."""
        return self._litter if self.failure is None else str(self.failure)

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is on its way."""
        return self._under_way is not None

    def save(self, marks: Marks, *, step: int, metadata: Mapping[str, Any]) -> None:
        """Copy the weights, which nobody may be changing, start to save, and clear the marks.

        ``settle`` must have said that nothing else is on its way.

        Args:
            marks: of the rows that were touched since the call before.
            step: of the checkpoint.
            metadata: of the checkpoint.
        """
        touched = {"vectors": marks.inputs, "context": marks.outputs}
        self._under_way = self._run.save_async(
            self._words,
            self._vectors,
            columns=self._columns,
            changed=(
                {name: mask.view(np.bool_) for name, mask in touched.items()}
                if self._options.delta
                else None
            ),
            base=self._base,
            step=step,
            metadata=metadata,
            lossy=self._options.lossy,
            compression=self._options.compression,
            chunk_bytes=self._options.chunk_bytes,
            # Where vectors of another length lie here, that was meant before anything was trained.
            allow_new_dim=True,
        )
        self._base = None  # from now on the run knows what the marks count from
        self._under_way.add_done_callback(self._tidy)
        for mask in marks:
            mask[:] = 0

    def settle(self, *, patience: float) -> bool | None:
        """Take note of what became of the checkpoint on its way, waiting for it so many seconds.

        Returns:
            Whether it was saved; None where nothing is to be said yet.

        Raises:
            embzarr.EmbzarrError: it is such that no later one will be saved either, as vectors
                that are not finite; or the first of all went wrong, and not because a store failed.
        """
        future = self._under_way
        if future is None or not _is_done(future, patience):
            return None
        try:
            self._run.wait()
        except embzarr.EmbzarrError as exc:
            self._under_way = None
            self._take_failure(exc)
            return False
        self.saved = future.result()
        self.saved_at = time.perf_counter()
        self.failure = self._under_way = None
        return True

    def close(self) -> None:
        """Wait for what is on its way, and end the thread."""
        with contextlib.suppress(embzarr.EmbzarrError):  # whoever wants to know has settled
            self._run.close()

    def _take_failure(self, exc: embzarr.EmbzarrError) -> None:
        if exc.code == "input-nonfinite":
            raise diverged() from exc
        hasty = self.saved is None and not isinstance(exc, embzarr.StoreError)
        if hasty or isinstance(exc, embzarr.InvalidInputError):
            raise exc
        self.wait = _FIRST_WAIT if self.failure is None else min(2 * self.wait, _LONGEST_WAIT)
        self.failure = exc

    def _tidy(self, future: Future[embzarr.Checkpoint]) -> None:
        """Give up old checkpoints, in the thread that saves, before it saves again.

        A failure costs space alone, which the next one gives up too.
        """
        if self._options.keep_last is None or future.exception() is not None:
            return
        self._litter = None
        try:
            self._run.gc(keep_last=self._options.keep_last)
        except embzarr.EmbzarrError as exc:
            self._litter = f"old checkpoints are still there: {exc}"


def _is_done(future: Future[embzarr.Checkpoint], patience: float) -> bool:
    """Tell whether a save has ended, waiting for it so many seconds."""
    with contextlib.suppress(TimeoutError):
        future.exception(patience)
        return True
    return False


def diverged() -> embzarr.InvalidInputError:
    """Return the error that tells what to change where numbers have run away."""
    return embzarr.InvalidInputError(
        "training-diverged",
        "the vectors are no longer finite: try a lower alpha, a smaller window or fewer negatives",
    )
