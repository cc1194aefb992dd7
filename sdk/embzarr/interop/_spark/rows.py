"""Rows of a checkpoint as Spark has them: ``word``, ``row``, ``vectors``, and the other columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._format import spec
from embzarr.errors import InvalidInputError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._rows.record_batches import WORD, Fields, fields_of, name_of

with needs("pyspark", extra="spark"):
    import pyarrow as pa
    from pyspark.sql import types
    from pyspark.sql.pandas.types import to_arrow_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._checkpoint import Checkpoint
    from embzarr._reading import Loaded

ROW: Final = "row"
MLLIB: Final = "mllib"
FORMS: Final = ("array", MLLIB)
"""How vectors come: as arrays, or as MLlib has them."""
_DENSE: Final = 1
_KINDS: Final = {
    "bool": types.BooleanType(),
    "int8": types.ByteType(),
    "int16": types.ShortType(),
    "int32": types.IntegerType(),
    "int64": types.LongType(),
    "uint8": types.ShortType(),
    "uint16": types.IntegerType(),
    "uint32": types.LongType(),
    "uint64": types.DecimalType(20, 0),
    "halffloat": types.FloatType(),
    "float": types.FloatType(),
    "double": types.DoubleType(),
    "string": types.StringType(),
    "binary": types.BinaryType(),
    "date32[day]": types.DateType(),
}


def mllib_vector() -> Any:  # noqa: ANN401 - pyspark is an extra
    """Return the type of MLlib's vectors.

    It is imported where one is meant: all of MLlib and pandas come along, which take a worker of
    Python longer than all else that it imports.
    """
    from pyspark.ml.linalg import VectorUDT  # noqa: PLC0415

    return VectorUDT()


def schema_of(checkpoint: Checkpoint, columns: Sequence[str] | None, form: str) -> Any:  # noqa: ANN401 - pyspark is an extra
    """Return the columns of a checkpoint as Spark's `StructType`; nothing is read.

    Args:
        checkpoint: which.
        columns: those to have; by default all, ``word`` and ``row`` first.
        form: of the vectors, one of `FORMS`.

    Raises:
        InvalidInputError: no such column.
        UnsupportedError: code ``dtype-unsupported``: a type that Spark has not.
    """
    names = (WORD, ROW, *checkpoint.columns) if columns is None else columns
    stored = [name for name in names if name not in {WORD, ROW}]
    fields = fields_of(checkpoint, stored)
    if ROW in checkpoint.columns or len(set(names)) < len(names):
        raise InvalidInputError(
            "input-argument",
            f"columns: a table has {WORD!r} and {ROW!r} already, and each once: leave one out of "
            f"{list(names)}",
        )
    kinds = {WORD: types.StringType(), ROW: types.LongType()}
    for name in stored:
        is_vector = name == spec.VECTORS and form == MLLIB
        kind = fields.schema.field(name_of(name)).type
        kinds[name] = mllib_vector() if is_vector else _spark_type(name, kind)
    return types.StructType(
        [types.StructField(name, kinds[name], nullable=False) for name in names]
    )


def _spark_type(name: str, kind: Any) -> Any:  # noqa: ANN401 - pyarrow and pyspark are extras
    if pa.types.is_fixed_size_list(kind):
        return types.ArrayType(_spark_type(name, kind.value_type), containsNull=False)
    if pa.types.is_timestamp(kind):
        return types.TimestampNTZType()
    if pa.types.is_duration(kind):
        return types.DayTimeIntervalType()
    if str(kind) not in _KINDS:
        raise UnsupportedError(
            "dtype-unsupported",
            f"column {name!r} is {kind}, for which Spark has no type: leave it out by the option "
            "columns",
        )
    return _KINDS[str(kind)]


def check_schema(asked: Any, known: Any) -> None:  # noqa: ANN401 - pyspark is an extra
    """Refuse a caller's schema that names other columns or types than there are.

    Raises:
        InvalidInputError: code ``input-argument``.
    """
    kinds = {field.name: _bare(field.dataType) for field in known.fields}
    for field in asked.fields:
        if field.name not in kinds:
            raise InvalidInputError(
                "input-argument", f"schema: no column {field.name!r}; there are {list(kinds)}"
            )
        if kinds[field.name] != _bare(field.dataType):
            raise InvalidInputError(
                "input-argument",
                f"schema: expected {field.name} {kinds[field.name]}, found {_bare(field.dataType)}",
            )


def _bare(kind: Any) -> str:  # noqa: ANN401 - pyspark is an extra
    return str(kind.simpleString())


class Rows:
    """Makes record batches of the schema that Spark expects."""

    def __init__(self, checkpoint: Checkpoint, schema: Any) -> None:  # noqa: ANN401 - pyspark is an extra
        """Learn the columns; nothing is read."""
        self._schema = to_arrow_schema(schema, timezone="UTC")
        self.columns = tuple(field.name for field in schema.fields if field.name not in {WORD, ROW})
        """Names of the stored columns."""
        every = fields_of(checkpoint, self.columns)
        names = {name_of(name) for name in self.columns}
        self._fields: Fields = every.only(names | ({WORD} & set(self._schema.names)))

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's stored columns, at least one."""
        return max(self._fields.row_bytes, 1)

    def batch(self, loaded: Loaded) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return loaded rows as a record batch."""
        found = self._fields.batch(loaded)
        arrays = [
            pa.array(loaded.rows)
            if field.name == ROW
            else _as_spark(field.name, found.column(name_of(field.name)), field.type)
            for field in self._schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _as_spark(name: str, array: Any, kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    if pa.types.is_struct(kind):
        return _dense_vectors(name, array, kind)
    if pa.types.is_list(kind):
        values = _as_spark(name, array.flatten(), kind.value_type)
        ends = np.arange(len(array) + 1, dtype=np.int32) * np.int32(array.type.list_size)
        return pa.ListArray.from_arrays(pa.array(ends), values, type=kind)
    try:
        return array.cast(kind)
    except pa.ArrowInvalid as exc:
        raise UnsupportedError("dtype-unsupported", f"column {name!r} as {kind}: {exc}") from exc


def _dense_vectors(name: str, array: Any, kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return vectors as MLlib's ``VectorUDT`` stores dense ones."""
    count, fields = len(array), list(kind)
    parts = [
        pa.array(np.full(count, _DENSE, np.int8)),
        pa.nulls(count, fields[1].type),
        pa.nulls(count, fields[2].type),
        _as_spark(name, array, fields[3].type),
    ]
    return pa.StructArray.from_arrays(parts, fields=fields)
