"""The source as Spark calls it, without a Spark that calls: what needs no executor to be shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = pytest.mark.frameworks(environment="spark")


def source_of(url: Path, **options: str) -> Any:
    """Return the source as Spark makes it of options."""
    pytest.importorskip("pyspark")
    from embzarr.interop.spark import EmbzarrSource  # noqa: PLC0415 - where the library is

    return EmbzarrSource({"path": str(url), **options})


def writer_of(url: Path, options: dict[str, str] | None = None, *, overwrite: bool = True) -> Any:
    """Return what writes words and vectors."""
    from pyspark.sql import types  # noqa: PLC0415 - where the library is

    word = types.StructField("word", types.StringType())
    vectors = types.StructField("vectors", types.ArrayType(types.FloatType()))
    return source_of(url, **options or {}).writer(types.StructType([word, vectors]), overwrite)


def batch_of(words: list[str], vectors: list[list[float]]) -> Any:
    """Return rows as Spark hands them to a task."""
    import pyarrow as pa  # noqa: PLC0415 - where the library is

    kinds = [pa.string(), pa.list_(pa.float32())]
    arrays = [pa.array(one, kind) for one, kind in zip((words, vectors), kinds, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=["word", "vectors"])


def test_batches_without_rows_are_passed_over(tmp_path: Path) -> None:
    """Such as a filter leaves: alone in a partition, and between others."""
    source_of(tmp_path)
    empty, rows = batch_of([], []), batch_of(["a", "b"], [[1.0], [2.0]])
    for at, overwrite in enumerate((True, False)):
        writer = writer_of(tmp_path / "run", overwrite=overwrite)
        parts = [[], [empty], [empty, rows, empty]]
        writer.commit([writer.write(iter(part)) for part in parts])
        found = embzarr.open(tmp_path / "run")
        assert found.commit == at + 1
        assert {word: vector.tolist() for word, vector in found.items()} == {"a": [1], "b": [2]}
    writer = writer_of(tmp_path / "run")
    with pytest.raises(embzarr.InvalidInputError, match="expected rows to save, found none"):
        writer.commit([writer.write(iter([empty]))])


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("compression", "rar", "compression is auto"),
        ("chunk_bytes", "0", "chunk_bytes: expected a whole number from 1024"),
        ("placement", "family", "expected given, lexical or hash:GROUPS, found 'family'"),
        ("placement", "rows", "placement is 'given'"),
        ("dtype", "int8", "expected one of float32"),
        ("metadata", '"x"', "option 'metadata': expected JSON, an object"),
        ("chunk_byte", "4096", "no option 'chunk_byte', did you mean 'chunk_bytes'"),
    ],
)
def test_settings_are_refused_before_any_task_works(
    option: str, text: str, message: str, tmp_path: Path
) -> None:
    """What a task would have done is not lost."""
    source_of(tmp_path)
    with pytest.raises(embzarr.InvalidInputError, match=message):
        writer_of(tmp_path / "run", {option: text})


@pytest.mark.parametrize("how", [{}, {"stop": "4"}, {"prefix": "w"}, {"by": "weight"}], ids=str)
def test_no_task_is_without_rows(how: dict[str, str], tmp_path: Path) -> None:
    """However many a caller asks for: he may have meant a million rows."""
    words = [f"w{row}" for row in range(6)]
    embzarr.save(tmp_path, words, np.ones((6, 2), "f4"), counts=np.ones(6, np.int64))
    source = source_of(tmp_path, partitions="1000000000", **how)
    tasks = source.reader(source.schema()).partitions()
    assert 1 <= len(tasks) <= 6


def test_a_slip_in_an_option_is_told(tmp_path: Path) -> None:
    """It is not taken for one of the store, which knows no such either; one of the store is."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    for slip, meant in (("steps", "step"), ("prefixes", "prefix"), ("columms", "columns")):
        with pytest.raises(embzarr.InvalidInputError, match=f"did you mean '{meant}'"):
            source_of(tmp_path, **{slip: "1"})
    with pytest.raises(embzarr.InvalidInputError, match="unknown storage option 'endpoint_url'"):
        source_of(tmp_path, endpoint_url="http://127.0.0.1:1").schema()


IMPORTED = """
import sys
import embzarr.interop.spark as ours

print({"pandas", "pyspark.ml"} & {*sys.modules}, ours.MeanVectors.__name__)
"""


def test_a_worker_that_reads_imports_no_mllib() -> None:
    """Which brings pandas: both take longer than all else, in each process that Spark starts."""
    pytest.importorskip("pyspark")
    command = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.split() == ["set()", "MeanVectors"]


def test_scattered_words_cost_little_but_themselves(tmp_path: Path) -> None:
    """Where chunks are small: what lies between them is left to others, a fiftieth is read."""
    words = [f"w{row:06}" for row in np.random.default_rng(3).permutation(100_000)]
    embzarr.save(tmp_path, words, np.ones((100_000, 100), "f4"), chunk_bytes=2048)
    asked = [f"w{row:06}" for row in range(0, 100_000, 1_000)]
    source = source_of(tmp_path, words=json.dumps(asked), columns="word,vectors")
    reader = source.reader(source.schema())
    [task] = reader.partitions()
    assert sum(batch.num_rows for batch in reader.read(task)) == len(asked)
    assert reader._checkpoint.traffic.bytes_read < 100_000 * 400 / 50
