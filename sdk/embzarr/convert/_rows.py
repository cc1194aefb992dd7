"""Which rows of a checkpoint are written, and their words and vectors batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from embzarr._format import arguments
from embzarr._storage import parallel
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._reading import By, Loaded, Missing

_BATCH_BYTES = 16 * 2**20
_WAYS = ("words", "prefix", "between", "rows", "part")


class Part(TypedDict, total=False):
    """Keywords that choose rows; at most one of the five ways."""

    words: Iterable[str | bytes] | None
    """These, in this order."""
    prefix: str | None
    """Those that begin so, in byte order."""
    between: tuple[str | None, str | None] | None
    """Those from one word up to, not including, another, in byte order."""
    rows: range | None
    """Row numbers, one after the other, as a slice has them."""
    part: tuple[int, int] | None
    """The share of worker i of n, as `load_part` has it."""
    by: By
    """What shares are equal in."""
    missing: Missing
    """What to do of `words` that are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows that are written, in their order."""

    checkpoint: Checkpoint
    dtype: np.dtype[Any]
    """Of the vectors as they are written."""
    count: int
    start: int
    """The first row, where they follow each other."""
    listed: Sequence[str] | None
    """The words, where they do not."""
    numbers: NDArray[np.int64] | None
    """Their rows, -1 where there is none."""
    missing: Missing
    progress: Callable[[int, int], None] | None

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.checkpoint.dim

    def row(self, place: int) -> int:
        """Return the checkpoint's row that is written at `place`."""
        return self.start + place if self.numbers is None else int(self.numbers[place])

    def words(self) -> Iterator[str]:
        """Yield the words, in bounded memory."""
        if self.listed is not None:
            yield from self.listed
        elif self.count == len(self.checkpoint):
            yield from self.checkpoint
        else:
            step = 2**16
            for first in range(self.start, self.start + self.count, step):
                last = min(first + step, self.start + self.count)
                yield from self.checkpoint.load_rows(first, last, columns=()).words

    def batches(self) -> Iterator[Loaded]:
        """Yield batches, the next one fetched meanwhile; words are read where somebody asks."""
        done = 0
        for batch in self._stream():
            yield batch
            done += len(batch)
            if self.progress is not None:
                self.progress(done, self.count)

    def _stream(self) -> Iterator[Loaded]:
        listed = self.listed
        if listed is None:
            return self.checkpoint.stream(
                start=self.start,
                stop=self.start + self.count,
                batch_bytes=_BATCH_BYTES,
                dtype=self.dtype,
            )
        step = max(_BATCH_BYTES // (self.dim * self.dtype.itemsize or 1), 1)
        return parallel.ahead(
            lambda at: self.checkpoint.load(
                listed[at : at + step], missing=self.missing, dtype=self.dtype
            ),
            list(range(0, self.count, step)),
        )


def chosen(
    checkpoint: Checkpoint,
    part: Part,
    *,
    dtype: np.dtype[Any],
    progress: Callable[[int, int], None] | None,
) -> Rows:
    """Return the rows that a caller means; of words, only where they are is read.

    Raises:
        InvalidInputError: more than one way to choose, or a word twice.
        WordNotFoundError: a word that is not there, with ``missing="raise"``.
    """
    unknown = [name for name in part if name not in Part.__annotations__]
    if unknown:
        raise TypeError(f"export_vectors() got an unexpected keyword argument {unknown[0]!r}")
    ways = [name for name in _WAYS if part.get(name) is not None]
    if len(ways) > 1:
        raise InvalidInputError("input-argument", f"give one of {' and '.join(ways)}")
    found = _named(checkpoint, part)
    span = range(len(checkpoint)) if found is not None else _span(checkpoint, part)
    return Rows(
        checkpoint=checkpoint,
        dtype=dtype,
        count=len(span) if found is None else len(found),
        start=span.start,
        listed=None if found is None else found.words,
        numbers=None if found is None else found.rows,
        missing=part.get("missing", "raise"),
        progress=progress,
    )


def _named(checkpoint: Checkpoint, part: Part) -> Loaded | None:
    """Return the words that are meant, and where they are, without a vector."""
    words, prefix, between = part.get("words"), part.get("prefix"), part.get("between")
    if words is not None:
        missing = part.get("missing", "raise")
        found = checkpoint.load(words, missing=missing, columns=())
        seen: set[str] = set()
        for word in found.words:
            if word in seen:
                raise InvalidInputError("input-duplicate-word", f"the word {word!r} is asked twice")
            seen.add(word)
        return found
    if prefix is not None:
        return checkpoint.load_prefix(prefix, columns=())
    if between is not None:
        return checkpoint.load_range(*between, columns=())
    return None


def _span(checkpoint: Checkpoint, part: Part) -> range:
    rows, share = part.get("rows"), part.get("part")
    if share is not None:
        return _share(checkpoint, share, part.get("by", "rows"))
    if rows is None:
        return range(len(checkpoint))
    if not isinstance(rows, range) or rows.step != 1 or rows.start < 0:
        raise arguments.refusal("rows", "a range of row numbers with step 1", rows)
    start = min(rows.start, len(checkpoint))
    return range(start, max(start, min(rows.stop, len(checkpoint))))


def _share(checkpoint: Checkpoint, share: Any, by: By) -> range:  # noqa: ANN401 - checked here
    match share:
        case (index, parts):
            rows = checkpoint.load_part(index, parts, by=by, columns=()).rows
            return range(int(rows[0]), int(rows[-1]) + 1) if len(rows) else range(0)
    raise arguments.refusal("part", "two numbers, a worker's and how many there are", share)
