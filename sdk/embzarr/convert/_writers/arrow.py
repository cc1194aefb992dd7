"""An Arrow IPC file, also known as Feather: columns ``word`` and ``vector``, of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr.convert._writers._format import Format

if TYPE_CHECKING:
    from embzarr._reading import Loaded
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink

DTYPES = ("float32", "float16", "float64")


def schema_of(rows: Rows) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return names and types of the columns."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    numbers = pa.from_numpy_dtype(rows.dtype)
    vector = pa.list_(pa.field("item", numbers, nullable=False), rows.dim)
    return pa.schema(
        [pa.field("word", pa.string(), nullable=False), pa.field("vector", vector, nullable=False)]
    )


def record_batch_of(batch: Loaded, schema: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a batch as Arrow has it; the vectors are not copied."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    words = pa.array(batch.words, pa.string())
    numbers = pa.array(batch.vectors.reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(numbers, type=schema.field("vector").type)
    return pa.record_batch([words, vectors], schema=schema)


def _write(rows: Rows, sink: Sink) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    schema = schema_of(rows)
    with pa.ipc.new_file(sink, schema) as file:
        for batch in rows.batches():
            file.write_batch(record_batch_of(batch, schema))


FORMAT = Format(
    name="arrow",
    what="Arrow IPC file (Feather): columns word and vector",
    endings=(".arrow", ".feather", ".ipc"),
    dtypes=DTYPES,
    package="pyarrow",
    extra="arrow",
    write=_write,
)
