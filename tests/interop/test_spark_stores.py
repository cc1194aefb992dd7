"""What two executors write is read back the same: on MinIO, and on an HDFS of three DataNodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interop.sparking import Place, frame_of, matrix, store_of
from oracle import make_vectors, make_words, read_step
from servers import hdfs as hadoop
from servers.minio import Minio

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]
ROWS, DIM = 100_000, 50
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, DIM)


@pytest.fixture(params=["minio", "hdfs"])
def place(request: pytest.FixtureRequest, spark: Any) -> Iterator[Place]:
    """An empty place on each store."""
    if request.param == "minio":
        minio: Minio = request.getfixturevalue("minio")
        with minio.bucket() as bucket:
            yield Place(spark, minio.url(bucket, "run"), minio.options)
        return
    pytest.importorskip("hdfs_native")
    program = hadoop.find_hdfs()
    if program is None:
        pytest.skip(hadoop.MISSING)
    with hadoop.running_hdfs(program, data_nodes=3) as server:
        yield Place(spark, f"{server.url}/run", {})


def objects_of(place: Place) -> dict[str, bytes]:
    """Return all that lies in a place by its name, read without embzarr."""
    if place.url.startswith("hdfs:"):
        from hdfs_native import Client  # noqa: PLC0415 - an extra

        client = Client(place.url)
        files = [one for one in client.list_status("/run", recursive=True) if not one.isdir]
        return {one.path.removeprefix("/run/"): client.read(one.path).read() for one in files}
    store = store_of(place)
    names = [one["path"] for batch in store.list() for one in batch]
    return {name: bytes(store.get(name).bytes()) for name in names}


def test_a_frame_comes_back_from_its_store(place: Place, spark: Any, tmp_path: Path) -> None:
    """One commit, in order; plain zarr reads the same; words are looked up alone."""
    place.write(frame_of(spark, WORDS, VECTORS).repartition(4, "word"))
    made = place.open()
    assert made.commit == 1
    assert made.verify().problems == ()
    order = {word: row for row, word in enumerate(WORDS)}
    rows = [order[word] for word in made.words]
    assert sorted(rows) == list(range(ROWS))

    layer = made.info().layers[0].path
    objects = objects_of(place)
    layers = {"/".join(name.split("/")[:2]) for name in objects if name.count("/") > 1}
    assert layers == {layer}
    for name, data in objects.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    words, vectors = read_step(tmp_path, layer)
    assert (words, vectors.tobytes()) == ([*made.words], VECTORS[rows].tobytes())

    table = place.read(partitions=4).toArrow()
    assert table["word"].to_pylist() == words
    assert matrix(table).tobytes() == vectors.tobytes()
    asked = WORDS[::499]
    frame = place.read(columns="word,vectors", pushdown="true").where(f"word IN {tuple(asked)}")
    found = {row.word: row.vectors for row in frame.collect()}
    assert "Filter (" not in frame._jdf.queryExecution().executedPlan().toString()
    assert found == {word: VECTORS[order[word]].tolist() for word in asked}
    np.testing.assert_array_equal(made[asked], VECTORS[::499])
