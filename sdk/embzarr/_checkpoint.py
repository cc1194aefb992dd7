"""An opened checkpoint: what it is, what it holds, and whether it is sound."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments, spec
from embzarr._history import describe
from embzarr._loads import BATCH_BYTES, Loads
from embzarr._reading import nearest
from embzarr._storage import interruptible, parallel
from embzarr._verify import losses, verifying
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from embzarr import _group
    from embzarr._history import CheckpointInfo, Commit
    from embzarr._reading import Cache
    from embzarr._storage import CountingStore, Traffic
    from embzarr._verify import VerifyReport

_MOST_KEPT = 256 * 1024 * 1024
"""Bytes of vectors that are kept for the next question, where no cache says how many."""


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
        self._most_kept = _MOST_KEPT if cache is None else cache.memory_bytes
        self._kept = np.empty((0, self.dim), self.dtype)
        """The first vectors, for the next question."""

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
        positive: bytes | Iterable[str | bytes | NDArray[Any] | tuple[Any, float]] | None = None,
        *,
        negative: bytes | Iterable[str | bytes | NDArray[Any]] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
        restrict: Iterable[str | bytes] | None = None,
    ) -> list[tuple[str, float]]:
        """Return the words whose vectors have the largest cosine with what is asked for.

        ``most_similar("king")``, or by analogy, as gensim does it:
        ``most_similar(positive=["king", "woman"], negative=["man"])``. The words of the question
        are left out of the answer.

        All vectors, or the first ones with `restrict_vocab`, are kept in memory for the next
        question if they take up to 256 MiB as they are stored, or up to the ``memory_bytes`` of the
        `Cache` that the checkpoint was opened with. Else each question reads them in one pass, and
        memory is three batches. Their lengths are computed once, and take four bytes a row.

        Args:
            positive: a word, or a vector of shape (dim,), or a list of such, or of pairs of one and
                its weight, which may be negative. Of several the mean is asked for: of words that
                of their directions, of vectors as they are.
            negative: the same, without weights, turned round.
            topn: how many words.
            restrict_vocab: look at so many of the first rows alone, which are the commonest words
                where rows go by frequency; by default at all.
            restrict: look at these words alone, in any order.

        Raises:
            WordNotFoundError: code ``word-missing``: a word of the question, or of `restrict`.
            InvalidInputError: a vector of another shape, nothing that is asked for, a negative
                `topn`, or both ways to restrict.
        """
        question = nearest.question(positive, negative, dim=self.dim)
        count = arguments.whole("topn", topn, least=0)
        rows = self._looked_at(restrict_vocab, restrict)
        loaded = self.load([word for word, _ in question.words])
        found = nearest.nearest(
            question.target(loaded.vectors),
            self._blocks(rows),
            self._lengths,
            count=count,
            without=frozenset(loaded.rows.tolist()),
        )
        words = self._words_of([row for row, _ in found])
        return [(word, score) for word, (_, score) in zip(words, found, strict=True)]

    def _looked_at(
        self, first: int | None, words: Iterable[str | bytes] | None
    ) -> NDArray[np.int64] | range:
        """Return the rows to look at: the first ones, or those of words."""
        if words is None:
            rows = range(len(self))
            return (
                rows if first is None else rows[: arguments.whole("restrict_vocab", first, least=0)]
            )
        if first is not None:
            raise InvalidInputError("input-argument", "give one of restrict and restrict_vocab")
        return self.load(arguments.words_in_any_order("restrict", words), columns=()).rows

    def _blocks(
        self, rows: NDArray[np.int64] | range
    ) -> Iterable[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Return row numbers and vectors in batches: those that are kept, else as they are read."""
        kept = self._kept_for(rows)

        def read(cut: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[Any]]:
            if isinstance(rows, range):
                vectors = self.load_rows(*cut).vectors if kept is None else kept[slice(*cut)]
                return np.arange(*cut), vectors
            part = rows[slice(*cut)]
            return part, self._reader.column(spec.VECTORS).rows(part) if kept is None else kept[
                part
            ]

        cuts = list(nearest.batches(len(rows), self._row_bytes, BATCH_BYTES))
        return parallel.ahead(read, cuts) if kept is None else map(read, cuts)

    def _kept_for(self, rows: NDArray[np.int64] | range) -> NDArray[Any] | None:
        """Return vectors that hold these rows, read for it where they are the first ones."""
        count = int(np.max(rows, initial=-1)) + 1 if isinstance(rows, np.ndarray) else len(rows)
        may_be = isinstance(rows, range) and count * self._row_bytes <= self._most_kept
        kept = self._kept
        if may_be and len(kept) < count:
            self._kept = kept = self.load_rows(0, count).vectors
        return kept if len(kept) >= count else None

    @interruptible
    def similarity(self, a: str | bytes, b: str | bytes) -> float:
        """Return the cosine of the vectors of two words."""
        first, second = self[[arguments.word("a", a), arguments.word("b", b)]]
        return nearest.cosine(first, second)

    def close(self) -> None:
        """Let go of the words and vectors that are kept in memory; what is read next reads them.

        Nothing must be closed: no file or connection of the checkpoint's own stays open.
        """
        super().close()
        self._kept = self._kept[:0]

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
