"""Arrow: a checkpoint as a table, as a stream, and as a dataset to query (extra ``arrow``).

A row is a ``word``, its ``vector``, a list of fixed size, and the further columns, each by its
name. bfloat16, which Arrow lacks, is float32 there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from embzarr._format import arguments
from embzarr.errors import UnsupportedError
from embzarr.interop._door import Source, needs, opened
from embzarr.interop._rows.record_batches import VECTOR, WORD, fields_of
from embzarr.interop._rows.scan import BATCH_BYTES, Scan
from embzarr.interop._rows.word_filters import parts_of, spans

with needs("pyarrow", extra="arrow"):
    import pyarrow as pa
    from pyarrow import dataset as ds
    from pyarrow import fs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._reading import Missing

__all__ = ["CheckpointDataset", "dataset", "to_arrow", "to_reader"]

_WORDS_AT_ONCE = 65536


def to_arrow(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    columns: Sequence[str] | None = None,
    *,
    missing: Missing = "raise",
) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a checkpoint, or some words of it, as a `pyarrow.Table`.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        columns: which to read beside the words, ``vectors`` and others by their names in the
            checkpoint; by default all.
        missing: what to do about words that are not there, as `Checkpoint.load` takes it.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        UnsupportedError: code ``dtype-unsupported``: a column that Arrow has no type for.

    Example:
        >>> from embzarr.interop.arrow import to_arrow
        >>> to_arrow(checkpoint, ["queen"]).to_pylist()
        [{'word': 'queen', 'vector': [0.0, 1.0, 0.0, 0.0]}]
    """
    found = opened(checkpoint)
    fields = fields_of(found, columns)
    if words is None:
        return pa.Table.from_batches(Scan(checkpoint=found, fields=fields).batches(), fields.schema)
    listed = arguments.words("words", words)
    parts = [listed[at : at + _WORDS_AT_ONCE] for at in range(0, len(listed), _WORDS_AT_ONCE)]
    loaded = (found.load(part, missing=missing, columns=fields.columns) for part in parts)
    return pa.Table.from_batches([fields.batch(one) for one in loaded], fields.schema)


def to_reader(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    columns: Sequence[str] | None = None,
    *,
    batch_bytes: int = BATCH_BYTES,
) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a `pyarrow.RecordBatchReader` over a checkpoint, in bounded memory.

    Memory: three batches, and what is under way to fill one. It can be read once.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        columns: see `to_arrow`.
        batch_bytes: of the columns of a batch, at least one row.

    Raises:
        WordNotFoundError: code ``word-missing``, from the reader.

    Example:
        >>> from embzarr.interop.arrow import to_reader
        >>> [batch.num_rows for batch in to_reader(checkpoint, batch_bytes=48)]
        [3, 1]
    """
    found = opened(checkpoint)
    nbytes = arguments.whole("batch_bytes", batch_bytes, least=0)
    fields = fields_of(found, columns)
    scan = Scan(checkpoint=found, fields=fields, batch_bytes=nbytes)
    listed = None if words is None else arguments.words("words", words)
    return pa.RecordBatchReader.from_batches(fields.schema, scan.batches(listed))


def dataset(checkpoint: Source, columns: Sequence[str] | None = None) -> CheckpointDataset:
    """Return a checkpoint as a `pyarrow.dataset.Dataset` that reads what a query needs.

    DuckDB finds it by the name of its variable, Polars scans it by ``scan_pyarrow_dataset`` (or,
    better, by `embzarr.interop.polars.scan`), pyarrow by ``scanner``, ``to_table`` and
    ``to_batches``. Columns that a query does not name are not read. Of its filter equality with a
    word, lists of words and ranges of words become lookups, also joined with other conditions; any
    other one that does not look at vectors is asked of the vocabulary first, and vectors are read
    of rows that pass. DuckDB hands ``=``, ``IN`` and ``<`` down, not ``LIKE 'inter%'``: write
    ``word >= 'inter' AND word < 'intes'``.

    Args:
        checkpoint: one that is open, or the place of a run.
        columns: see `to_arrow`.

    Example:
        >>> from embzarr.interop.arrow import dataset
        >>> import duckdb
        >>> words = dataset(checkpoint)
        >>> duckdb.sql("SELECT vector[1] FROM words WHERE word = 'king'").fetchall()
        [(1.0,)]
    """
    return CheckpointDataset(opened(checkpoint), columns)


class CheckpointDataset(ds.FileSystemDataset):  # type: ignore[misc]  # pyarrow has no types
    """A checkpoint as pyarrow's datasets are. Made by `dataset`.

    Below it lies a file that is not there, so that those parts of pyarrow that scan a dataset by
    themselves (a union of several, a join) fail, where an empty one would give wrong answers.
    """

    def __init__(self, checkpoint: Checkpoint, columns: Sequence[str] | None = None) -> None:
        """Know the columns; nothing is read."""
        self._fields = fields_of(checkpoint, columns)
        self._checkpoint = checkpoint
        self._filter: Any = None
        form, folder = ds.IpcFileFormat(), fs.LocalFileSystem()
        file = form.make_fragment("read-this-dataset-by-its-scanner", folder)
        super().__init__([file], self._fields.schema, form, folder)

    def __reduce__(self) -> tuple[Callable[..., CheckpointDataset], tuple[Any, ...]]:
        """Pickle and copy how the checkpoint is opened, its columns, and the filter."""
        return _again, (self._checkpoint, self._fields.columns, self._filter)

    @property
    def schema(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Names and types of the columns."""
        return self._fields.schema

    def filter(self, expression: Any) -> CheckpointDataset:  # noqa: ANN401 - pyarrow has no types
        """Return the same, of which only rows are seen that pass a filter, too."""
        return _again(self._checkpoint, self._fields.columns, _both(self._filter, expression))

    def count_rows(self, filter: Any = None, **options: Any) -> int:  # noqa: A002, ANN401 - as pyarrow has it
        """Return how many rows pass a filter; without any nothing is read."""
        if filter is None and self._filter is None:
            return len(self._checkpoint)
        return int(self.scanner(columns=[], filter=filter, **options).count_rows())

    def scanner(
        self,
        columns: Any = None,  # noqa: ANN401 - pyarrow has no types
        filter: Any = None,  # noqa: A002, ANN401 - as pyarrow has it
        **options: Any,  # noqa: ANN401 - as pyarrow has it
    ) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return a `pyarrow.dataset.Scanner` that reads these columns of rows that may pass.

        Args:
            columns: names, or a dict of names and expressions; by default all.
            filter: an expression.
            **options: others of pyarrow's, such as ``batch_size``.
        """
        asked = _both(self._filter, filter)
        wanted = self._fields.only(self._needed(columns, asked))
        scan = Scan(checkpoint=self._checkpoint, fields=wanted)
        if asked is not None:
            scan = self._narrowed(scan, asked)
        options.pop("cache_metadata", None)  # of files
        options.setdefault("batch_readahead", 2)
        batches = _cut(scan.batches(), options.get("batch_size", _WORDS_AT_ONCE))
        reader = pa.RecordBatchReader.from_batches(wanted.schema, batches)
        return ds.Scanner.from_batches(reader, columns=columns, filter=asked, **options)

    def _needed(self, columns: Any, asked: Any) -> set[str]:  # noqa: ANN401 - pyarrow has no types
        """Return the names of the columns that a query looks at."""
        every = set(self.schema.names)
        if columns is None:
            return every
        read = (
            [*columns.values()] if isinstance(columns, dict) else [ds.field(one) for one in columns]
        )
        parts = [parts_of(one) for one in (*read, *(() if asked is None else (asked,)))]
        named = set[str]().union(*(every if one is None else one.fields for one in parts))
        return named & every or {WORD}

    def _narrowed(self, scan: Scan, asked: Any) -> Scan:  # noqa: ANN401 - pyarrow has no types
        found = spans(asked, self.schema)
        if found is not None:
            return replace(scan, spans=found)
        parts = parts_of(asked)
        if parts is None or VECTOR in parts.fields or not parts.fields <= {*self.schema.names}:
            return scan
        looked_at = self._fields.only(parts.fields or {WORD})
        return replace(scan, looked_at=looked_at, passes=lambda batch: _passes(batch, asked))

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise UnsupportedError(
            "feature-unsupported",
            "pyarrow would do this past the scanner: use to_table(...) or DuckDB for it",
        )

    get_fragments = join = join_asof = sort_by = replace_schema = _refuse


def _again(checkpoint: Checkpoint, columns: Sequence[str], asked: Any) -> CheckpointDataset:  # noqa: ANN401 - pyarrow has no types
    found = CheckpointDataset(checkpoint, columns)
    found._filter = asked  # noqa: SLF001 - one of us
    return found


def _cut(batches: Iterator[Any], rows: int) -> Iterator[Any]:
    """Yield batches of so many rows at most, which pyarrow leaves to whoever makes them."""
    for batch in batches:
        yield from (batch.slice(at, rows) for at in range(0, batch.num_rows, rows))


def _both(one: Any, other: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    return (one if other is None else other) if one is None or other is None else one & other


def _passes(batch: Any, asked: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - pyarrow has no types
    found = ds.InMemoryDataset(batch).to_table(columns={"passes": asked})["passes"]
    passed: NDArray[np.bool_] = found.fill_null(fill_value=False).to_numpy()
    return passed
