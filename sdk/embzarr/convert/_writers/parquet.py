"""Parquet: columns ``word`` and ``vector``, a row group a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.convert._writers._format import Format
from embzarr.convert._writers.arrow import DTYPES, record_batch_of, schema_of

if TYPE_CHECKING:
    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink


def _write(rows: Rows, sink: Sink) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    schema = schema_of(rows)
    # Dictionaries of words that stand once, and of numbers, only take time.
    with pq.ParquetWriter(sink, schema, use_dictionary=False) as file:
        for batch in rows.batches():
            file.write_batch(record_batch_of(batch, schema))


FORMAT = Format(
    name="parquet",
    what="Parquet: columns word and vector",
    endings=(".parquet",),
    dtypes=DTYPES,
    package="pyarrow",
    extra="arrow",
    write=_write,
)
