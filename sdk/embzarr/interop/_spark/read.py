"""Reads a checkpoint in Spark: planned by the driver, carried out by executors, a share each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._format import arguments
from embzarr._storage import parallel
from embzarr.interop._door import needs
from embzarr.interop._rows import row_shares
from embzarr.interop._spark.door import Sent
from embzarr.interop._spark.rows import Rows

with needs("pyspark", extra="spark"):
    from pyspark.sql.datasource import DataSourceReader, InputPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._reading import Loaded
    from embzarr.interop._spark.filters import Wanted

_BATCH_BYTES: Final = 4 * 1024 * 1024
_MOST_ROWS: Final = 65536
"""Of a batch."""
_TASK_WORDS: Final = 16384
_FEW: Final = 4
"""Where fewer than one row of so many is wanted, it is asked for by its word."""


@dataclass(frozen=True)
class RowRanges(InputPartition):  # type: ignore[misc]  # pyspark is an extra
    """Rows that a task reads, first and past the last of each range."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ListedWords(InputPartition):  # type: ignore[misc]  # pyspark is an extra
    """Words that a task looks up."""

    words: tuple[str, ...]


class Reader(Sent, DataSourceReader):  # type: ignore[misc]  # pyspark is an extra
    """Reads some rows of one checkpoint, whatever is committed meanwhile."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        schema: Any,  # noqa: ANN401 - pyspark is an extra
        wanted: Wanted,
        *,
        partitions: int | None,
        by: str,
    ) -> None:
        """Read nothing yet.

        Args:
            checkpoint: which.
            schema: the columns, as Spark has them.
            wanted: which rows.
            partitions: how many tasks read rows; by default as many as 32 MiB each make.
            by: by what rows are divided among them, one of `row_shares.WAYS`.
        """
        self._checkpoint = checkpoint
        self._schema = schema
        self._by = arguments.choice("by", by, row_shares.WAYS)
        self._partitions = (
            None if partitions is None else arguments.whole("partitions", partitions, least=1)
        )
        self._wanted = wanted

    # On the driver --------------------------------------------------------------------------------
    def partitions(self) -> list[Any]:
        """Return what each task reads."""
        wanted = self._wanted
        if wanted.words is not None:
            return self._of_words(sorted(filter(wanted.has_word, wanted.words)))
        if wanted.is_of_words:
            return self._of_span()
        return self._of_rows() or [RowRanges(())]

    def _of_words(self, words: Sequence[str]) -> list[Any]:
        cuts = range(0, max(len(words), 1), _TASK_WORDS)
        return [ListedWords(tuple(words[at : at + _TASK_WORDS])) for at in cuts]

    def _of_span(self) -> list[Any]:
        wanted = self._wanted
        if wanted.last is not None and wanted.last <= wanted.first:
            return [RowRanges(())]
        found = self._checkpoint.load_range(wanted.first, wanted.last, columns=())
        order = np.argsort(found.rows)
        rows = found.rows[order]
        if len(rows) * _FEW > len(self._checkpoint) or _is_one_run(rows):
            start, stop = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
            return self._of_ranges(_cut([(start, stop)], *self._ends))
        words = list(found.words)
        return self._of_words([words[at] for at in order.tolist()])

    def _of_rows(self) -> list[Any]:
        wanted = self._wanted
        if wanted.rows is not None:
            return self._of_ranges(_cut(_runs(wanted.rows), *self._ends))
        if (wanted.start, wanted.stop) == (0, None):
            checkpoint = self._checkpoint
            shares = row_shares.shares_of(checkpoint, self._tasks(len(checkpoint)), self._by)
            return [RowRanges((share,)) for share in shares]
        return self._of_ranges(_cut([self._ends], *self._ends))

    @property
    def _ends(self) -> tuple[int, int]:
        stop, rows = self._wanted.stop, len(self._checkpoint)
        return max(self._wanted.start, 0), rows if stop is None else min(stop, rows)

    def _of_ranges(self, ranges: list[tuple[int, int]]) -> list[Any]:
        """Return tasks of about as many rows each."""
        total = sum(stop - start for start, stop in ranges)
        size = -(-total // self._tasks(total)) or 1
        tasks: list[list[tuple[int, int]]] = [[]]
        room = size
        for begin, stop in ranges:
            start = begin
            while start < stop:
                if not room:
                    tasks.append([])
                    room = size
                end = min(start + room, stop)
                tasks[-1].append((start, end))
                room -= end - start
                start = end
        return [RowRanges(tuple(task)) for task in tasks]

    def _tasks(self, rows: int) -> int:
        """Return among how many tasks rows are divided, of which none has less than one."""
        row_bytes = Rows(self._checkpoint, self._schema).row_bytes
        return row_shares.count_of(self._partitions, rows, row_bytes)

    # On executors ---------------------------------------------------------------------------------
    def read(self, partition: Any) -> Iterator[Any]:  # noqa: ANN401 - pyspark is an extra
        """Yield the rows of a task as record batches."""
        rows = Rows(self._checkpoint, self._schema)
        height = min(max(_BATCH_BYTES // rows.row_bytes, 1), _MOST_ROWS)
        for loaded in self._loaded(partition, rows.columns, height):
            batch = rows.batch(loaded)
            passed = self._passed(partition, loaded)
            yield batch if passed is None else batch.filter(passed)

    def _loaded(self, partition: Any, columns: tuple[str, ...], height: int) -> Iterator[Loaded]:  # noqa: ANN401
        checkpoint = self._checkpoint
        if isinstance(partition, ListedWords):
            words = partition.words
            lists = [words[at : at + height] for at in range(0, len(words), height)]
            return parallel.ahead(
                lambda part: checkpoint.load(part, missing="skip", columns=columns), lists
            )
        cuts = (
            (at, min(at + height, stop))
            for start, stop in partition.ranges
            for at in range(start, stop, height)
        )
        return parallel.ahead(lambda cut: checkpoint.load_rows(*cut, columns=columns), cuts)

    def _passed(self, partition: Any, loaded: Loaded) -> Any:  # noqa: ANN401 - pyspark is an extra
        """Return which rows of a task pass, or None where all do: what it reads may be more."""
        wanted = self._wanted
        if isinstance(partition, ListedWords):
            if (wanted.rows, wanted.start, wanted.stop) == (None, 0, None):
                return None
            return [wanted.has_row(row) for row in loaded.rows.tolist()]
        return [wanted.has_word(word) for word in loaded.words] if wanted.is_of_words else None


class PushedReader(Reader):
    """The same, which takes filters from Spark, too.

    Spark 4.1 to 4.3 keeps what a source in Python was last told of a data frame, and reads by it in
    each later query of that data frame, whatever its filters are, and in both of a union: only
    where a caller vouches for one query is this a reader to use.
    """

    def pushFilters(self, filters: Iterable[Any]) -> Iterator[Any]:  # noqa: N802 - Spark's name
        """Take the filters that are of words and rows, and yield the others."""
        for one in filters:
            narrowed = self._wanted.narrowed(one)
            if narrowed is None:
                yield one
            else:
                self._wanted = narrowed


def _is_one_run(rows: NDArray[np.int64]) -> bool:
    return not len(rows) or int(rows[-1]) - int(rows[0]) + 1 == len(rows)


def _runs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return rows that follow each other as ranges."""
    listed = np.array(sorted(rows), np.int64)
    breaks = np.flatnonzero(np.diff(listed) != 1) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(listed, breaks) if len(run)]


def _cut(ranges: list[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """Return what of some ranges lies between two rows."""
    cut = [(max(begin, start), min(end, stop)) for begin, end in ranges]
    return [(begin, end) for begin, end in cut if begin < end]
