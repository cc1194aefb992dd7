"""Parquet and Arrow's files: a column of words, one of vectors, or one a dimension, and of counts.

A folder of them is one table, as Spark, dask and Hugging Face's datasets write it.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert._blocks import (
    COUNT_NAMES,
    VECTOR_NAMES,
    WORD_NAMES,
    Block,
    Table,
    check_dim,
    rows_in_block,
    told,
)
from embzarr.convert._datasets import files_of
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage

PARQUET: Final = b"PAR1"
FILE: Final = b"ARROW1"
_OF_LIBRARIES: Final = frozenset({b"pandas", b"ARROW:schema", b"huggingface"})
"""Under which they say how columns were typed."""
STREAM: Final = b"\xff\xff\xff\xff"
_STREAM_END: Final = STREAM + bytes(4)
_NAMES: Final = ("words", "vectors", "counts")
_SHOWN: Final = 5
"""Columns that an error names."""


def read_parquet(given: Given) -> Table:
    """Read names, types and the first vector of a Parquet file, and leave the rows to be read."""
    return _read(given, _parquet_batches)


def read_arrow(given: Given) -> Table:
    """Do the same of an Arrow IPC file, which is Feather's second version."""
    return _read(given, _arrow_batches)


def read_lance(given: Given) -> Table:
    """Do the same of the newest version of a Lance dataset, which is a folder."""
    return _read(given, _lance_batches, package="lance", what="Lance", extra="lance")


def _read(
    given: Given,
    batches_of: Any,  # noqa: ANN401 - pyarrow has no types
    *,
    package: str = "pyarrow",
    what: str = "Parquet or Arrow",
    extra: str = "arrow",
) -> Table:
    _require(package, what, extra)
    rows = _Rows(given, batches_of)
    return Table(
        dim=rows.dim,
        dtype=rows.dtype,
        blocks=rows.blocks(),
        has_counts=rows.has_counts,
        metadata=rows.metadata,
    )


def _require(package: str, what: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise UnsupportedError(
            "feature-unsupported",
            f"{what} is read by {package}: pip install 'embzarr[{extra}]'",
        )


def _parquet_batches(path: Path, given: Given) -> Iterator[Any]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    for part in files_of(path, "parquet"):
        with pq.ParquetFile(part) as file:
            names = _columns(file.schema_arrow, given.damage)
            most = _rows_at_once(file.schema_arrow, names)
            for batch in file.iter_batches(batch_size=most, columns=names):
                yield batch.select(names)


def _arrow_batches(path: Path, given: Given) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    for part in files_of(path, "arrow"):
        with pa.memory_map(str(part)) as mapped, _ipc(mapped, part, given.damage) as file:
            names = _columns(file.schema, given.damage)
            most = _rows_at_once(file.schema, names)
            for batch in _batches_of(file):
                batch.validate(full=True)
                for first in range(0, batch.num_rows, most):
                    yield batch.select(names).slice(first, most)


def _ipc(mapped: Any, path: Path, damage: Damage) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Open an IPC file, or a stream, whose end pyarrow would not miss."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    if mapped.read(len(STREAM)) != STREAM:
        return pa.ipc.open_file(mapped)
    mapped.seek(max(0, mapped.size() - len(_STREAM_END)))
    if mapped.read() != _STREAM_END:
        raise damage.error(f"{path.name}: a stream that is cut short: its end is not there")
    mapped.seek(0)
    return pa.ipc.open_stream(mapped)


def _batches_of(file: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    if hasattr(file, "get_batch"):
        return (file.get_batch(number) for number in range(file.num_record_batches))
    return iter(file)


def _lance_batches(path: Path, given: Given) -> Iterator[Any]:
    lance = importlib.import_module("lance")  # an extra

    folder = path.parent.parent
    dataset = lance.dataset(str(folder))
    for name in _lance_files(dataset):
        given.source.note(folder / name, name)
    names = _columns(dataset.schema, given.damage)
    most = _rows_at_once(dataset.schema, names)
    for batch in dataset.to_batches(columns=names, batch_size=most):
        yield batch.select(names)


def _lance_files(dataset: Any) -> Iterator[str]:  # noqa: ANN401 - pylance has no types
    """Yield the files of a version, which are named in its manifest."""
    for fragment in dataset.get_fragments():
        yield from (f"data/{file.path}" for file in fragment.data_files())
        if (deleted := fragment.deletion_file()) is not None:
            yield deleted


def _rows_at_once(schema: Any, names: list[str]) -> int:  # noqa: ANN401 - pyarrow has no types
    kind = schema.field(names[1]).type
    is_wide = not hasattr(kind, "value_type")
    return rows_in_block(max(1, len(names) - 1 if is_wide else getattr(kind, "list_size", 256)))


def _columns(schema: Any, damage: Damage) -> list[str]:  # noqa: ANN401 - pyarrow has no types
    """Return the name of the column of words, and of that of vectors, or of those of numbers.

    Those are all others of a file, as where pandas wrote a frame of `embzarr.interop.pandas`. A
    column of counts, where there is one, is the last.
    """
    import pyarrow as pa  # noqa: PLC0415 - an extra

    def is_text(kind: Any) -> bool:  # noqa: ANN401
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind  # pandas' categories
        return str(kind) in {"string", "large_string", "string_view"}  # the last is Polars'

    def is_vector(kind: Any) -> bool:  # noqa: ANN401
        lists = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
        return any(one(kind) for one in lists) and bool(pa.types.is_floating(kind.value_type))

    words = _column(schema, damage, "text", is_text, WORD_NAMES)
    integers = [field.name for field in schema if pa.types.is_integer(field.type)]
    counts = [name for name in COUNT_NAMES if name in integers][:1]
    numbers = [field.name for field in schema if field.name not in {words, *counts}]
    if numbers and all(pa.types.is_floating(schema.field(name).type) for name in numbers):
        return [words, *numbers, *counts]
    return [words, _column(schema, damage, "floats", is_vector, VECTOR_NAMES), *counts]


def _column(
    schema: Any,  # noqa: ANN401 - pyarrow has no types
    damage: Damage,
    what: str,
    fits: Callable[[Any], bool],
    known: tuple[str, ...],
) -> str:
    """Return the name of the only column of a kind, or of the one that has a known name."""
    fitting = [field.name for field in schema if fits(field.type)]
    named = [name for name in known if name in fitting]
    if not named and len(fitting) != 1:
        listed = [f"{field.name} ({field.type})" for field in schema]
        more = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
        raise damage.error(
            f"expected a column of {what}, or one of the name {' or '.join(known)}, found "
            f"{', '.join(listed[:_SHOWN])}{more}"
        )
    return str(named[0] if named else fitting[0])


def _narrowed(batch: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a batch with one column of vectors, where each of their numbers has one."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    words, *numbers = batch.columns
    counts = [numbers.pop().cast("int64")] if pa.types.is_integer(numbers[-1].type) else []
    vectors = numbers[0]
    if pa.types.is_floating(vectors.type):
        matrix = np.stack([one.to_numpy(zero_copy_only=False) for one in numbers], axis=1)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), len(numbers))
    return pa.record_batch([words, vectors, *counts], names=_NAMES[: 2 + len(counts)])


def _bytes_of(words: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return words as bytes: what is not UTF-8 is told of where all formats' words are."""
    if hasattr(words, "dictionary"):
        return _bytes_of(words.dictionary).take(words.indices)
    return words.cast("large_binary")


class _Rows:
    """The rows of a file."""

    def __init__(self, given: Given, batches_of: Any) -> None:  # noqa: ANN401 - as above
        self._damage = given.damage
        self.metadata: dict[str, Any] = {}
        self._batches = self._asked(given, batches_of)
        self._first = next(self._batches, None)
        if self._first is None:
            raise given.damage.error("no rows")
        vectors = self._first.column(1)
        self.has_counts = _has_counts(self._first)
        self.dtype = str(np.dtype(vectors.type.value_type.to_pandas_dtype()))
        lengths = vectors.drop_null().value_lengths()
        self.dim = check_dim(given.damage, lengths[0].as_py() if len(lengths) else 0)

    def _asked(self, given: Given, batches_of: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        """Yield what pyarrow reads; whatever it raises of a damaged file is one error."""
        with given.source.on_disk(given.stream) as path:
            try:
                for batch in batches_of(path, given):
                    if batch.num_rows:
                        self.metadata = self.metadata or _told(batch.schema)
                        yield _narrowed(batch)
            except (InvalidInputError, GeneratorExit):
                raise
            except Exception as exc:
                raise given.damage.error(f"pyarrow cannot read it: {exc}") from exc

    def blocks(self) -> Iterator[Block]:
        """Yield the rows that have a word, and a vector of the length that all have."""
        row = 0
        batch = self._first
        while batch is not None:
            yield self._block(batch, row)
            row += batch.num_rows
            batch = next(self._batches, None)

    def _block(self, batch: Any, first: int) -> Block:  # noqa: ANN401 - as above
        words, vectors = _bytes_of(batch.column(0)), batch.column(1)
        lengths = vectors.value_lengths().fill_null(0).to_numpy()
        given = words.is_valid().to_numpy(zero_copy_only=False)
        if _has_counts(batch) != self.has_counts:
            raise self._damage.error("files with a column of counts, and without one")
        sound = np.flatnonzero((lengths == self.dim) & given)
        for at in np.flatnonzero((lengths != self.dim) | ~given):
            found = f"a vector of {lengths[at]} numbers" if given[at] else "no word"
            self._damage.lose(f"row {first + at}: expected {self.dim} numbers, found {found}")
        if len(sound) < len(lengths):
            words, vectors = words.take(sound), vectors.take(sound)
        return Block(
            words=words.to_pylist(),
            vectors=self._floats(vectors, len(sound)),
            place=lambda at: f"row {first + sound[at]}",
            counts=self._counts(batch, sound, first) if self.has_counts else None,
        )

    def _counts(self, batch: Any, sound: NDArray[Any], first: int) -> NDArray[Any]:  # noqa: ANN401
        counts: NDArray[Any] = batch.column(2).fill_null(-1).to_numpy()[sound]
        if len(counts) and counts.min() < 0:
            at = first + sound[counts.argmin()]
            raise self._damage.error(f"row {at}: expected a count from 0 on, found a null or less")
        return counts

    def _floats(self, vectors: Any, rows: int) -> NDArray[Any]:  # noqa: ANN401 - as above
        numbers = vectors.flatten()
        if numbers.null_count:
            numbers = numbers.fill_null(float("nan"))
        found: NDArray[Any] = numbers.to_numpy(zero_copy_only=False)
        if found.dtype != self.dtype:
            raise self._damage.error(f"files of {self.dtype} and of {found.dtype}: write one type")
        return found.reshape(rows, self.dim)


def _told(schema: Any) -> dict[str, Any]:  # noqa: ANN401 - pyarrow has no types
    """Return what a file says of itself, but how libraries make their own types of its columns."""
    pairs = schema.metadata or {}
    return told({name: value for name, value in pairs.items() if name not in _OF_LIBRARIES})


def _has_counts(batch: Any) -> bool:  # noqa: ANN401 - pyarrow has no types
    return bool(batch.num_columns == len(_NAMES))
