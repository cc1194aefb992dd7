"""Saving checkpoints in the background, one after another, and what to do when that fails."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr_trainer._corpus import Corpus
    from embzarr_trainer._options import SaveOptions
    from embzarr_trainer._snapshot import Snapshot

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
_MOST_DELTAS: Final = 8
_MOST_SHARE: Final = 0.5
"""Of a full step's rows, in all deltas upon it; with more, a reader pays more than was saved."""


class Saver:
    """Saves snapshots to a run, in the order in which they were given.

    At most one is on its way; who gives another waits. What fails leaves the commits before as
    they were; the caller takes a fresh snapshot and tries again after ``wait`` seconds.
    """

    failure: embzarr.EmbzarrError | None
    """Why the newest snapshot could not be saved; None while all is well."""
    wait: float
    """Seconds to let pass after a failure, doubled with each in a row."""
    saved: embzarr.Checkpoint | None
    """The newest checkpoint."""
    saved_at: float
    """When it was committed (``time.perf_counter``)."""

    def __init__(
        self,
        url: object,
        corpus: Corpus,
        *,
        options: SaveOptions,
        store_options: Mapping[str, Any] | None,
        compression: str,
        base: embzarr.Checkpoint | None,
    ) -> None:
        """Write nothing yet.

        Args:
            url: of the run.
            corpus: whose words and counts are saved.
            options: when and how to save.
            store_options: as for ``embzarr.save``.
            compression: as for ``embzarr.save``.
            base: the checkpoint that training goes on from with all marks cleared; None where
                the next one must be a full step.
        """
        self._url = url
        self._run = embzarr.Run(url, store_options=store_options)
        self._words = corpus.words
        self._counts = corpus.counts
        self._options = options
        self._store_options = store_options
        self._compression = compression
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embzarr-saver")
        self._pending: tuple[Future[embzarr.Checkpoint], Snapshot] | None = None
        self._base = base
        self._deltas = len(base.info().layers) - 1 if base else 0
        self._share = 0.0
        self._litter: str | None = None
        self.failure = None
        self.wait = _FIRST_WAIT
        self.saved = base
        self.saved_at = time.perf_counter()

    @property
    def problem(self) -> str | None:
        """Why the newest snapshot, or room for it, was not to be had; None while all is well."""
        return self._litter if self.failure is None else str(self.failure)

    @property
    def busy(self) -> bool:
        """Whether a snapshot is on its way."""
        return self._pending is not None

    def wants_touched_only(self, touched: int) -> bool:
        """Tell whether a delta of so many rows, of both matrices together, pays."""
        if not self._options.delta or self._base is None:
            return False
        share = self._share + touched / (2 * len(self._words))
        return self._deltas < _MOST_DELTAS and share <= _MOST_SHARE

    def save(self, snapshot: Snapshot, *, step: int, metadata: Mapping[str, Any]) -> None:
        """Start to save; ``settle`` must have said that nothing else is on its way."""
        self._pending = self._pool.submit(self._save, snapshot, step, metadata), snapshot

    def settle(self, *, patience: float) -> bool | None:
        """Take note of what became of the snapshot on its way, waiting for it so many seconds.

        Returns:
            Whether it was saved; None where nothing is to be said yet.

        Raises:
            embzarr.EmbzarrError: it is such that no later one will be saved either, as vectors
                that are not finite; or the first of all went wrong, and not because a store failed.
        """
        if self._pending is None:
            return None
        future, snapshot = self._pending
        if not wait((future,), patience).done:
            return None
        self._pending = None
        try:
            checkpoint = future.result()
        except embzarr.EmbzarrError as exc:
            self._take_failure(exc)
            return False
        self._take_success(checkpoint, snapshot)
        return True

    def close(self) -> None:
        """Wait for what is on its way, and end the thread."""
        self._pool.shutdown()

    def _take_failure(self, exc: embzarr.EmbzarrError) -> None:
        hopeless = isinstance(exc, embzarr.InvalidInputError)
        hasty = self.saved is None and not isinstance(exc, embzarr.StoreError)
        if hopeless or hasty:
            raise exc
        if isinstance(exc, embzarr.ConflictError) or exc.code == "commit-unknown":
            self._base = None  # the newest commit may not be the one that the marks count from
        self.wait = _FIRST_WAIT if self.failure is None else min(2 * self.wait, _LONGEST_WAIT)
        self.failure = exc

    def _take_success(self, checkpoint: embzarr.Checkpoint, snapshot: Snapshot) -> None:
        self._deltas = len(checkpoint.info().layers) - 1
        if self._deltas == 0:
            self._share = 0.0
        elif snapshot.rows is not None:
            self._share += sum(map(len, snapshot.rows)) / (2 * len(self._words))
        self._base = self.saved = checkpoint
        self.saved_at = time.perf_counter()
        self.failure = None

    # In the background ----------------------------------------------------------------------------
    def _save(
        self, snapshot: Snapshot, step: int, metadata: Mapping[str, Any]
    ) -> embzarr.Checkpoint:
        save = self._save_all if snapshot.rows is None else self._save_touched
        checkpoint = save(snapshot, step, metadata)
        self._litter = self._tidy()
        return checkpoint

    def _tidy(self) -> str | None:
        """Give up old checkpoints; a failure costs space alone, which the next one gives up too."""
        if self._options.keep_last is None:
            return None
        try:
            self._run.gc(keep_last=self._options.keep_last)
        except embzarr.EmbzarrError as exc:
            return f"old checkpoints are still there: {exc}"
        return None

    def _save_all(
        self, snapshot: Snapshot, step: int, metadata: Mapping[str, Any]
    ) -> embzarr.Checkpoint:
        _check_finite(snapshot)
        return embzarr.save(
            self._url,
            self._words,
            snapshot.values.inputs,
            step=step,
            counts=self._counts,
            columns={"context": snapshot.values.outputs},
            metadata=metadata,
            compression=self._compression,
            store_options=self._store_options,
        )

    def _save_touched(
        self, snapshot: Snapshot, step: int, metadata: Mapping[str, Any]
    ) -> embzarr.Checkpoint:
        assert snapshot.rows is not None  # noqa: S101 - what `save` chose this by
        _check_finite(snapshot)
        inputs, outputs = snapshot.rows
        return self._run.save_delta(
            {"vectors": inputs, "context": outputs},
            {"vectors": snapshot.values.inputs, "context": snapshot.values.outputs},
            base=self._base,
            step=step,
            metadata=metadata,
            lossy=self._options.lossy,
            compression=self._compression,
        )


def _check_finite(snapshot: Snapshot) -> None:
    """Refuse weights that have run away; NaN and infinity survive summing.

    Raises:
        embzarr.InvalidInputError: ``training-diverged``.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        finite = all(np.isfinite(matrix.sum()) for matrix in snapshot.values)
    if not finite:
        raise embzarr.InvalidInputError(
            "training-diverged",
            "the vectors are no longer finite: try a lower alpha, a smaller window or fewer"
            " negatives",
        )
