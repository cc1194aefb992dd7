"""An opened checkpoint: what it is, what it holds, and whether it is sound."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._history import describe
from embzarr._loads import Loads
from embzarr._reading import nearest
from embzarr._storage import interruptible, parallel
from embzarr._verify import losses, verifying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr import _group
    from embzarr._history import CheckpointInfo, Commit
    from embzarr._reading import Cache
    from embzarr._storage import CountingStore, Traffic
    from embzarr._verify import VerifyReport


class Checkpoint(Loads):
    """One committed step of a run. Made by `embzarr.open` and `embzarr.save`.

    It never changes: commits made later do not show in it. Every chunk that it reads is checked
    against its CRC-32C. It may be used from many threads, in forked children, and by whoever
    unpickles it.
    """

    def __init__(self, store: CountingStore, commit: Commit, *, cache: Cache | None = None) -> None:
        """Wrap a commit; nothing is read."""
        super().__init__(store, commit, cache=cache)
        self._lengths = nearest.Lengths(commit.manifest.rows)

    def __reduce__(self) -> tuple[Callable[..., Checkpoint], tuple[CountingStore, Commit]]:
        """Pickle and copy how the store is opened, the manifest, and the settings of its cache.

        To be unpickled takes no request. Where the commit was given up by then, reading from it is
        a `NotFoundError` with code ``commit-expired``.
        """
        return partial(type(self), cache=self._cache), (self._store, self._commit)

    @property
    def step(self) -> int:
        """The step that was saved."""
        return self._commit.manifest.step

    @property
    def commit(self) -> int:
        """Number of the commit in the run's history, from 1."""
        return self._commit.number

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the row-aligned columns, ``vectors`` first."""
        return tuple(self._commit.manifest.base.columns)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the writer said of the checkpoint; a copy of the top level."""
        return dict(self._commit.manifest.metadata)

    def info(self) -> CheckpointInfo:
        """Return sizes, codecs, layers and all else that the manifest says; nothing is read."""
        return describe.of_checkpoint(self._commit)

    @property
    def traffic(self) -> Traffic:
        """Requests, bytes and dependent round trips since the checkpoint was opened."""
        return self._store.traffic()

    def __repr__(self) -> str:
        """Return place, step and size."""
        return (
            f"<embzarr.Checkpoint {self._store.url} step {self.step} (commit {self.commit}): "
            f"{len(self)} x {self.dim} {self._vectors.dtype}>"
        )

    # By meaning -----------------------------------------------------------------------------------
    @interruptible
    def most_similar(
        self,
        query: str | NDArray[Any],
        topn: int = 10,
        *,
        restrict: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """Return the words whose vectors have the largest cosine with the query's.

        One pass over the vectors in batches. Memory: three batches, and four bytes a row for the
        vectors' lengths, which are computed once.

        Args:
            query: a word, which is left out of the answer, or a vector of shape (dim,).
            topn: how many words.
            restrict: the words to choose from, whose vectors alone are read; by default all.

        Raises:
            WordNotFoundError: code ``word-missing``: the query, or one of `restrict`.
            InvalidInputError: a vector of another shape, or a negative `topn`.
        """
        target, without = query, frozenset[int]()
        if isinstance(query, str):
            loaded = self.load([query])
            target, without = loaded.vectors[0], frozenset(loaded.rows.tolist())
        blocks = ((part.rows, part.vectors) for part in self.stream(restrict))
        nearest.check(np.asarray(target), topn, dim=self.dim)
        found = nearest.nearest(
            np.asarray(target), blocks, self._lengths, count=topn, without=without
        )
        word = self._reader.vocabulary.words
        words = parallel.each(lambda hit: word(hit[0], hit[0] + 1).word(0), found)
        return [(word, score) for word, (_, score) in zip(words, found, strict=True)]

    @interruptible
    def similarity(self, a: str, b: str) -> float:
        """Return the cosine of the vectors of two words."""
        first, second = self[[a, b]]
        return nearest.cosine(first, second)

    # As a whole -----------------------------------------------------------------------------------
    @interruptible
    def verify(
        self, *, quick: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> VerifyReport:
        """Read everything and compare it with the manifest: SHA-256, CRC-32C, metadata, words.

        Memory: 64 MiB, and the vocabulary.

        Args:
            quick: look only whether each object is there and has its size; no byte of it is read.
            progress: called with the bytes done and the bytes in all.
        """
        return verifying.verify(self._store, self._commit, quick=quick, progress=progress)

    @interruptible
    def lost_rows(self, report: VerifyReport, column: str = "vectors") -> NDArray[np.int64]:
        """Return the rows of a column that cannot be read any more, as `verify` found: all of them.

        Their words are ``[checkpoint.words[row] for row in rows]`` where words are sound. A row
        that a newer delta holds anew can be read, and is not among them.

        Args:
            report: what `verify` returned of this checkpoint, not a quick one.
            column: its name.

        Returns:
            Row numbers, int64 of shape (k,), rising.
        """
        layers = self._commit.manifest.layers
        return losses.lost_rows(self._store, layers, report.problems, column)

    @interruptible
    def group(self) -> _group.Group:
        """Return the step as a plain, read-only Zarr group.

        It holds what the manifest lists: metadata is made from that, and a shard that is listed and
        is not there, is cut, or holds chunks or an index with other checksums than were recorded is
        a `DamagedError`, never zeros. Zarr compares the chunks with their checksums.

        Of a delta it is the group of the newest layer, which holds what the delta changed: in
        ``rows/vectors`` the row numbers, in ``vectors`` the rows. The attribute ``embzarr`` names
        the layer ``below`` it.
        """
        from embzarr import _group  # noqa: PLC0415 - importing zarr takes longer than a load

        return _group.open_group(self._store, self._commit)
