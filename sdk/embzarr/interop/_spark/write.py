"""Writes a data frame as one commit: each task a share of the rows, the driver the commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._format import arguments, chunk_coding, placements, spec
from embzarr._history import Target
from embzarr._parts import Share, ShareWriter, discard, gather, gather_delta, plan_shares
from embzarr._writing import DeltaOptions, DeltaPolicy, metadata_of
from embzarr.errors import InvalidInputError
from embzarr.interop._door import needs
from embzarr.interop._rows.record_batches import WORD
from embzarr.interop._spark.door import Sent
from embzarr.interop._spark.options import WRITING
from embzarr.interop._spark.rows import ROW, mllib_vector

with needs("pyspark", extra="spark"):
    import pyarrow as pa
    from pyspark import TaskContext
    from pyspark.sql import types
    from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from embzarr.interop._spark.options import Options

_KINDS: Final = {
    types.BooleanType: "bool",
    types.ByteType: "int8",
    types.ShortType: "int16",
    types.IntegerType: "int32",
    types.LongType: "int64",
    types.FloatType: "float32",
    types.DoubleType: "float64",
    types.DateType: "datetime64[D]",
    types.TimestampType: "datetime64[us]",
    types.TimestampNTZType: "datetime64[us]",
    types.DayTimeIntervalType: "timedelta64[us]",
}
_UNSIGNED: Final = types.DecimalType(20, 0)
"""As uint64 is read."""
_DENSE: Final = 1


@dataclass(frozen=True)
class Written(WriterCommitMessage):  # type: ignore[misc]  # pyspark is an extra
    """What a task has stored."""

    share: Share


class Writer(Sent, DataSourceArrowWriter):  # type: ignore[misc]  # pyspark is an extra
    """Makes one commit of all partitions, once all of them are stored.

    An attempt writes under an id of its own, so that one that fails, or loses to a speculative one,
    harms nothing; what it leaves is a garbage collection's.
    """

    def __init__(self, options: Options, schema: Any, *, overwrite: bool) -> None:  # noqa: ANN401 - pyspark is an extra
        """Plan the write upon the newest commit."""
        options.require_only(WRITING, "write")
        own = dict(options.own)
        self._target = Target(
            url=options.url,
            options=options.storage,
            single_writer=own.pop("single_writer", False),
        )
        self._metadata = metadata_of(own.pop("metadata", None))
        self._placement = _placement_of(own.pop("placement", "given"))
        self._compression = own.pop("compression", "auto")
        self._chunk_bytes = own.pop("chunk_bytes", None)
        # Now, and not once all tasks have done their work.
        chunk_coding.parse(self._compression, 1)
        if self._chunk_bytes is not None:
            arguments.chunk_bytes(self._chunk_bytes)
        lengths = {"U": own.pop("text_length", None), "S": own.pop("bytes_length", None)}
        kinds = _kinds_of(schema, lengths)
        found = kinds.pop(spec.VECTORS)
        self._plan = plan_shares(
            self._target, dtype=own.pop("dtype", found), columns=kinds, upon=not overwrite, **own
        )

    # On executors ---------------------------------------------------------------------------------
    def write(self, iterator: Iterator[Any]) -> Any:  # noqa: ANN401 - pyspark is an extra
        """Store the rows of a partition, and tell where they are."""
        names = (spec.VECTORS, *self._plan.columns)
        with ShareWriter(self._target, self._plan) as writer:
            for batch in filter(len, iterator):
                words = _words_of(batch.column(WORD))
                columns = {name: _numbers(name, batch.column(name), words) for name in names}
                writer.append(words, columns)
        return Written(writer.share)

    # On the driver --------------------------------------------------------------------------------
    def commit(self, messages: list[Any]) -> None:
        """Make the commit."""
        shares = [message.share for message in messages]
        if self._plan.is_delta:
            options = DeltaOptions(
                step=self._plan.step,
                metadata=self._metadata,
                lossy=None,
                policy=DeltaPolicy(),
                compression=self._compression,
                allow_nonfinite=self._plan.allow_nonfinite,
                chunk_bytes=self._chunk_bytes,
            )
            gather_delta(self._target, self._plan, shares, options)
            return
        gather(
            self._target,
            self._plan,
            shares,
            metadata=self._metadata,
            placement=self._placement,
            compression=self._compression,
            chunk_bytes=self._chunk_bytes,
        )

    def abort(self, messages: list[Any]) -> None:
        """Remove what tasks have stored, which no commit names, not even one that was made."""
        discard(self._target, [message.share for message in messages if message is not None])


def _placement_of(text: str) -> str:
    order = placements.parse(text)
    if order.kind == "family":
        raise InvalidInputError(
            "input-argument",
            f"option 'placement': expected given, lexical or hash:GROUPS, found {text!r}",
        )
    return str(order)


# Columns ------------------------------------------------------------------------------------------
def _kinds_of(schema: Any, lengths: Mapping[str, int | None]) -> dict[str, str]:  # noqa: ANN401 - pyspark is an extra
    """Return the stored data type of each column but words and row numbers.

    Raises:
        InvalidInputError: codes ``input-argument``: a column is missing; ``input-dtype``: one is of
            a type that cannot be stored.
    """
    fields = {field.name: field.dataType for field in schema.fields}
    for name in (WORD, spec.VECTORS):
        if name not in fields:
            raise InvalidInputError(
                "input-argument", f"expected the columns 'word' and 'vectors', found {[*fields]}"
            )
    if not isinstance(fields.pop(WORD), types.StringType):
        raise InvalidInputError(
            "input-dtype", f"word: expected string, found {schema[WORD].dataType.simpleString()}"
        )
    fields.pop(ROW, None)  # of the checkpoint that it was read from: rows are numbered anew
    return {name: _kind(name, kind, lengths) for name, kind in fields.items()}


def _kind(name: str, kind: Any, lengths: Mapping[str, int | None]) -> str:  # noqa: ANN401 - pyspark is an extra
    inner = _innermost(kind)
    if name == spec.VECTORS:
        if isinstance(kind, types.UserDefinedType) and kind == mllib_vector():
            return "float64"
        if isinstance(kind, types.ArrayType) and isinstance(
            kind.elementType, types.FloatType | types.DoubleType
        ):
            return _KINDS[type(inner)]
    elif type(inner) in _KINDS:
        return _KINDS[type(inner)]
    elif inner == _UNSIGNED:
        return "uint64"
    elif isinstance(inner, types.StringType | types.BinaryType):
        return _text_kind(name, "U" if isinstance(inner, types.StringType) else "S", lengths)
    expected = (
        "array<float>, array<double> or MLlib's vector"
        if name == spec.VECTORS
        else "numbers, booleans, texts, bytes, times, or arrays of them"
    )
    raise InvalidInputError(
        "input-dtype", f"{name}: expected {expected}, found {kind.simpleString()}"
    )


def _text_kind(name: str, letter: str, lengths: Mapping[str, int | None]) -> str:
    length = lengths[letter]
    option = "text_length" if letter == "U" else "bytes_length"
    if length is None:
        raise InvalidInputError(
            "input-argument",
            f"{name}: texts and bytes need the most that one has: .option({option!r}, 64), or drop "
            "the column",
        )
    return f"{letter}{arguments.whole(option, length, least=1)}"


def _innermost(kind: Any) -> Any:  # noqa: ANN401 - pyspark is an extra
    while isinstance(kind, types.ArrayType):
        kind = kind.elementType
    return kind


# Rows ---------------------------------------------------------------------------------------------
def _words_of(column: Any) -> list[str]:  # noqa: ANN401 - pyarrow has no types
    if column.null_count:
        raise InvalidInputError("input-word", f"{_where()}: expected words, found a null")
    found: list[str] = column.to_pylist()
    return found


def _where() -> str:
    task = TaskContext.get()
    return f"partition {task.partitionId()}" if task else "a partition"


def _numbers(name: str, column: Any, words: list[str]) -> NDArray[Any]:  # noqa: ANN401 - pyarrow has no types
    """Return a column of a record batch as numpy has it."""
    if column.null_count:
        at = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        message = f"{_where()}: {name} of {words[at]!r}: expected a value, found null"
        raise InvalidInputError("input-argument", message)
    if pa.types.is_struct(column.type):
        return _of_mllib(column, words)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return _of_lists(name, column, words)
    if pa.types.is_decimal(column.type):
        return _unsigned(name, column)
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        return np.array(column.to_pylist())
    found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found


def _unsigned(name: str, column: Any) -> NDArray[Any]:  # noqa: ANN401 - pyarrow has no types
    try:
        found: NDArray[Any] = column.cast(pa.uint64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as exc:
        message = f"{_where()}: {name}: expected numbers from 0 to below 2**64: {exc}"
        raise InvalidInputError("input-argument", message) from exc
    return found


def _of_lists(name: str, column: Any, words: list[str]) -> NDArray[Any]:  # noqa: ANN401 - pyarrow has no types
    lengths = np.diff(column.offsets.to_numpy())
    other = np.flatnonzero(lengths != lengths[0])
    if len(other):
        raise InvalidInputError(
            "input-shape",
            f"{_where()}: {name} of {words[int(other[0])]!r}: expected {lengths[0]} numbers, as "
            f"{words[0]!r} has, found {lengths[other[0]]}",
        )
    inner = column.flatten()
    owners = words if not lengths[0] else [words[0]] * len(inner)
    if inner.null_count:
        at = int(np.flatnonzero(inner.is_null().to_numpy(zero_copy_only=False))[0])
        message = f"{_where()}: {name} of {words[at // lengths[0]]!r}: expected numbers, found null"
        raise InvalidInputError("input-argument", message)
    found = _numbers(name, inner, owners)
    return found.reshape(len(column), lengths[0], *found.shape[1:])


def _of_mllib(column: Any, words: list[str]) -> NDArray[Any]:  # noqa: ANN401 - pyarrow has no types
    """Return MLlib's vectors, dense or sparse."""
    kinds = column.field("type").to_numpy(zero_copy_only=False)
    if np.all(kinds == _DENSE):
        return _of_lists(spec.VECTORS, column.field("values"), words)
    rows = [_dense(one) for one in column.to_pylist()]
    if len({len(row) for row in rows}) > 1:
        at = next(at for at, row in enumerate(rows) if len(row) != len(rows[0]))
        raise InvalidInputError(
            "input-shape",
            f"{_where()}: vectors of {words[at]!r}: expected {len(rows[0])} numbers, as "
            f"{words[0]!r} has, found {len(rows[at])}",
        )
    return np.stack(rows)


def _dense(vector: Mapping[str, Any]) -> NDArray[Any]:
    if vector["type"] == _DENSE:
        return np.array(vector["values"])
    found = np.zeros(vector["size"])
    found[vector["indices"]] = vector["values"]
    return found
