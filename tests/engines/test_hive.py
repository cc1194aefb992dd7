"""Hive reads what was exported, and looks words up in a run by TRANSFORM; both on HDFS."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr.convert import export_vectors
from engines.conftest import put, save
from servers import hive as warehouse
from servers.hdfs import Hdfs

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SCRIPT = Path(__file__).parents[2] / "tools" / "examples" / "hadoop" / "hive_lookup.py"
ROWS = 1000


@pytest.fixture(scope="module")
def hive(hdfs: Hdfs) -> Iterator[Any]:
    pytest.importorskip("impala", reason="needs impyla, of the extra peers")
    program = warehouse.find_hive()
    if program is None:
        pytest.skip(warehouse.MISSING)
    from hdfs_native import Client  # noqa: PLC0415 - an extra

    for folder in (warehouse.SCRATCH, "/warehouse", "/external"):
        Client(hdfs.url).mkdirs(folder, permission=0o777, create_parent=True)
        Client(hdfs.url).set_permission(folder, 0o777)
    with warehouse.running_hive(program, hdfs.url) as cursor:
        yield cursor


@pytest.fixture(scope="module")
def run(hdfs: Hdfs) -> embzarr.Checkpoint:
    return save(f"{hdfs.url}/hive/run", rows=ROWS)


def ask(cursor: Any, query: str) -> list[Any]:
    cursor.execute(query)
    return list(cursor.fetchall()) if cursor.description else []


def test_an_exported_run_is_a_table(
    hive: Any, hdfs: Hdfs, run: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """Parquet as embzarr writes it, and ORC that Hive makes of it, have the same numbers."""
    export_vectors(run, tmp_path / "words.parquet")
    put(hdfs, "/hive/exported/words.parquet", (tmp_path / "words.parquet").read_bytes())
    columns = "(word string, vector array<float>)"
    place = f"LOCATION '{hdfs.url}/hive/exported'"
    ask(hive, f"CREATE EXTERNAL TABLE exported {columns} STORED AS PARQUET {place}")
    ask(hive, "CREATE TABLE copied STORED AS ORC AS SELECT word, vector FROM exported")
    vectors = run.to_numpy()
    one = ("SELECT size(vector), vector[7] FROM {} WHERE word = 'w77'", (8, vectors[77, 7]))
    every = ("SELECT count(*), sum(vector[0]) FROM {}", (ROWS, vectors[:, 0].astype(float).sum()))

    for table in ("exported", "copied"):
        for query, expected in (one, every):
            assert ask(hive, query.format(table)) == [pytest.approx(expected)]


def test_words_of_a_table_are_looked_up_in_the_run(
    hive: Any, hdfs: Hdfs, run: embzarr.Checkpoint
) -> None:
    """In the order asked, twice where asked twice; NULL where the run does not have the word."""
    put(hdfs, "/hive/asked/words.txt", b"w5\nabsent\nw999\nw5\n")
    ask(hive, f"CREATE EXTERNAL TABLE asked (word string) LOCATION '{hdfs.url}/hive/asked'")
    ask(hive, f"ADD FILE {SCRIPT}")
    rows = "ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t'"
    script = f"'{sys.executable} {SCRIPT.name} {run.url}'"
    words = [
        *("CREATE TABLE found STORED AS PARQUET AS SELECT TRANSFORM (word)", rows, "USING", script),
        *("AS (word string, vector array<float>)", rows),
        "COLLECTION ITEMS TERMINATED BY '\\002' FROM asked",
    ]
    ask(hive, " ".join(words))
    found = ask(hive, "SELECT word, vector FROM found")
    vectors = {word: vector and json.loads(vector) for word, vector in found}

    assert sorted(word for word, _ in found) == ["absent", "w5", "w5", "w999"]
    assert not vectors["absent"]
    for word in ("w5", "w999"):
        np.testing.assert_allclose(vectors[word], run[word], rtol=1e-6)
