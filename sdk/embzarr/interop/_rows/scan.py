"""Reads of a checkpoint what a query needs: its columns, and the rows that its filter may pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._storage import parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._reading import Loaded
    from embzarr.interop._rows.record_batches import Fields
    from embzarr.interop._rows.word_filters import Span

BATCH_BYTES: Final = 4 * 1024 * 1024
_WINDOW: Final = 65536
"""Rows whose words are looked at at once."""
_MANY: Final = 4
"""Where a filter may pass one row of so many, all are read, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A query's columns, in batches. Rows that no filter can pass are left out where that pays."""

    checkpoint: Checkpoint
    fields: Fields
    """What is read."""
    batch_bytes: int = BATCH_BYTES
    spans: Sequence[Span] | None = None
    """Where the words are that may pass; None where that is not known."""
    passes: Callable[[Any], NDArray[np.bool_]] | None = None
    """Else: tells of a record batch which rows pass."""
    looked_at: Fields | None = None
    """The columns that `passes` looks at, none of them large."""
    stop: int | None = None
    """Past the last row that is read, where there is no filter."""

    def batches(self, words: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield record batches, in row order or that of `words`; the next is fetched meanwhile."""
        for loaded in self._loaded(words):
            yield self.fields.batch(loaded)

    def _loaded(self, words: Sequence[str] | None) -> Iterator[Loaded]:
        if words is not None:
            return self._stream(words, 0, 0)
        if self.spans is not None:
            return self._of_spans(self.spans)
        if self.passes is not None:
            return self._looking()
        return self._stream(None, 0, self.stop)

    def _stream(
        self, words: Sequence[str] | None, start: int, stop: int | None
    ) -> Iterator[Loaded]:
        # A stream counts the bytes of vectors, whatever is read.
        row_bytes = self.checkpoint.dim * self.checkpoint.dtype.itemsize
        rows = min(self.batch_bytes // max(self.fields.row_bytes, 1), _WINDOW)
        return self.checkpoint.stream(
            words,
            start=start,
            stop=stop,
            batch_bytes=rows * row_bytes,
            columns=self.fields.columns,
        )

    def _of_spans(self, spans: Sequence[Span]) -> Iterator[Loaded]:
        """Read the words of spans, or everything where those are much of it."""
        found = list(self._found(spans))
        rows = np.concatenate([np.empty(0, np.int64), *(one.rows for one in found)])
        if len(rows) * _MANY > max(len(self.checkpoint), _WINDOW):
            return self._stream(None, 0, len(self.checkpoint))
        words = [word for one in found for word in one.words]
        return self._stream([words[at] for at in np.argsort(rows).tolist()], 0, 0)

    def _found(self, spans: Sequence[Span]) -> Iterator[Loaded]:
        single = [span.first for span in spans if span.is_word]
        if single:
            yield self.checkpoint.load(single, missing="skip", columns=())
        for span in spans:
            if not span.is_word:
                yield self.checkpoint.load_range(span.first, span.last, columns=())

    def _looking(self) -> Iterator[Loaded]:
        """Read what a filter looks at, window by window, and the rest of the rows that pass."""
        fields, passes = self.looked_at, self.passes
        assert fields is not None and passes is not None  # noqa: S101, PT018 - given together

        def look(start: int) -> tuple[Loaded, NDArray[np.bool_]]:
            loaded = self.checkpoint.load_rows(start, start + _WINDOW, columns=fields.columns)
            return loaded, passes(fields.batch(loaded))

        windows = list(range(0, len(self.checkpoint), _WINDOW))
        for start, (loaded, passed) in zip(windows, parallel.ahead(look, windows), strict=True):
            if np.count_nonzero(passed) * _MANY > len(passed):
                yield from self._stream(None, start, start + len(loaded))
            elif passed.any():
                words = [loaded.words[at] for at in np.flatnonzero(passed).tolist()]
                yield from self._stream(words, 0, 0)
