"""Spark reads and writes runs: two real executors, a real MinIO; run by ``-m frameworks``."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from interop.sparking import Place, frame_of, matrix, said, store_of, told
from oracle import make_vectors, make_words, read_step
from servers.counted import counted_door
from servers.minio import Minio

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.filterwarnings("ignore"),
]

ROWS, DIM = 3000, 8
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, DIM)
COUNTS = np.arange(ROWS, dtype=np.int64)[::-1].copy() + 1


def save(place: Place, **more: Any) -> embzarr.Checkpoint:
    given: dict[str, Any] = {"counts": COUNTS, **more}
    return embzarr.save(place.url, WORDS, VECTORS, storage_options=place.options, **given)


@pytest.fixture
def place(spark: Any, minio: Minio, minio_bucket: str) -> Place:
    return Place(spark, minio.url(minio_bucket, "run"), minio.options)


@pytest.fixture(scope="module")
def held(spark: Any, minio: Minio) -> Iterator[Place]:
    """A run that no test writes to."""
    with minio.bucket() as bucket:
        found = Place(spark, minio.url(bucket, "run"), minio.options)
        save(found)
        yield found


# Reading ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "how",
    [{}, {"partitions": 5}, {"partitions": 3, "by": "weight"}],
    ids=["alone", "rows", "weight"],
)
def test_all_rows_come_in_order(how: dict[str, Any], held: Place) -> None:
    """Whatever divides them: the words, rows, vectors and counts that were saved, bit for bit."""
    frame = held.read(**how)
    table = frame.toArrow()
    assert table["word"].to_pylist() == WORDS
    assert table["row"].to_pylist() == [*range(ROWS)]
    assert matrix(table).tobytes() == VECTORS.tobytes()
    assert table["counts"].to_pylist() == COUNTS.tolist()
    sizes = frame.rdd.mapPartitions(lambda rows: [sum(1 for _ in rows)]).collect()
    assert len(sizes) == how.get("partitions", 1)
    if how.get("by") == "weight":
        assert sizes[0] < sizes[-1] / 2


def test_groups_of_a_placement_are_not_divided(place: Place) -> None:
    """By hash: each task has whole groups, as `load_part` has them."""
    save(place, placement="hash:16")
    frame = place.read(partitions=4, by="hash", columns="word")
    parts = frame.rdd.mapPartitions(lambda rows: [[row.word for row in rows]]).collect()
    checkpoint = place.open()
    assert parts == [[*checkpoint.load_part(at, 4, by="hash").words] for at in range(4)]


def test_every_type_of_column_comes_and_goes(place: Place) -> None:
    """Numbers, texts, bytes, times, matrices: written from what was read they are the same."""
    columns = {
        "b": np.arange(9) % 2 == 0,
        "i1": np.arange(9, dtype="i1"),
        "u8": np.arange(9, dtype="u8") + 2**63,
        "f8": np.linspace(0, 1, 9),
        "text": np.array([f"é{at}" for at in range(9)]),
        "raw": np.array([b"%d!" % at for at in range(9)]),
        "day": np.arange(9).astype("datetime64[D]"),
        "time": np.arange(9).astype("datetime64[us]"),
        "span": np.arange(9).astype("timedelta64[us]"),
        "more": np.arange(54, dtype="f4").reshape(9, 3, 2),
    }
    options: dict[str, Any] = {"storage_options": place.options}
    embzarr.save(place.url, WORDS[:9], VECTORS[:9].astype("f8"), columns=columns, **options)
    place.write(place.read(), text_length=2, bytes_length=2)
    first, second = (place.open(commit=number) for number in (1, 2))
    for name in columns:
        one, two = (at.load_rows(0, 9, columns=(name,)).columns[name] for at in (first, second))
        assert (one.dtype, one.tolist()) == (two.dtype, two.tolist()), name
    assert np.array_equal(first.to_numpy(), second.to_numpy())
    assert second.dtype == np.float64


FILTERS = [
    "word = '{0}'",
    "word IN ('{0}', '{1}', 'nowhere')",
    "word IN ('{0}', '{1}', '{2}') AND word > '{0}' AND row < 2900",
    "word LIKE 'b%'",
    "word LIKE 'b%' AND counts > 1500 AND length(word) > 3",
    "word >= 'p' AND word < 'q'",
    "word > '{2}'",
    "word <= '{2}' OR row = 7",
    "word LIKE 'nowhere%'",
    "word = '{0}' AND word = '{1}'",
    "NOT word = '{0}' AND row < 5",
    "row BETWEEN 100 AND 120",
    "row IN (3, 4, 5, 2999, 7000, -1)",
    "row >= 2990 AND word < 'm'",
    "row = 5 AND row > 5",
    "word <=> NULL",
    "word LIKE '_a%' AND counts IN (5, 6, 7, 2999)",
]


def own_frame(spark: Any) -> Any:
    """Return the same rows as a table of Spark's own."""
    return frame_of(spark, WORDS, VECTORS, row=range(ROWS), counts=COUNTS).cache()


def rows_of(frame: Any) -> list[Any]:
    """Return the rows of a frame, sorted."""
    return sorted((row.word, row.row, row.counts, *row.vectors) for row in frame.collect())


def test_filters_pass_what_spark_would_pass(held: Place, spark: Any) -> None:
    """Each filter, pushed down, against the same rows in a table of Spark's own."""
    own = own_frame(spark)
    for text in FILTERS:
        asked = text.format(*(word.replace("'", "''") for word in WORDS[5:8]))
        ours = held.read(partitions=2, pushdown="true").where(asked)
        assert rows_of(ours) == rows_of(own.where(asked)), asked


def test_options_load_what_they_say(held: Place, spark: Any) -> None:
    """Words, prefixes, ranges and rows; a data frame of them may be used as often as one likes."""
    own = own_frame(spark)
    asked = json.dumps([*WORDS[5:8], "nowhere"])
    for options, text in (
        ({"words": asked, "stop": 7}, "row IN (5, 6)"),
        ({"prefix": "b", "start": 100}, "word LIKE 'b%' AND row >= 100"),
        ({"first": "p", "last": "q"}, "word >= 'p' AND word < 'q'"),
        ({"first": "q", "last": "p"}, "false"),
        ({"start": 2990}, "row >= 2990"),
    ):
        ours = held.read(**options)
        assert rows_of(ours) == rows_of(own.where(text)), options
        odd, even = (ours.where(f"row % 2 = {rest}") for rest in (1, 0))
        assert rows_of(odd.union(even)) == rows_of(own.where(text)), options
    with pytest.raises(Exception, match="option 'words': expected JSON, a list"):
        held.read(words="king")


def test_a_frame_is_used_by_many_queries(held: Place) -> None:
    """Unless asked, no filter is pushed down, which Spark would remember for the next query."""
    frame = held.read(columns="word,row")
    one, two = frame.where("row = 3"), frame.where("row = 5")
    assert [row.row for row in one.union(two).collect()] == [3, 5]
    assert (one.count(), frame.count()) == (1, ROWS)


def test_words_that_are_asked_for_are_looked_up_alone(place: Place) -> None:
    """No filter stays for Spark, and few bytes leave the server: they are counted on their way."""
    rows = 60_000
    words, vectors = make_words(rows), make_vectors(rows, 100)
    options: dict[str, Any] = {"storage_options": place.options, "chunk_bytes": 4096}
    embzarr.save(place.url, words, vectors, **options)
    asked = words[::2000]
    port = int(place.options["endpoint_url"].rpartition(":")[2])
    with counted_door(port) as door:
        way = {"endpoint_url": f"http://127.0.0.1:{door.port}", "columns": "word,vectors"}
        way["pushdown"] = "true"
        frame = place.read(**way).where(f"word IN {tuple(asked)}")
        found = {row.word: row.vectors for row in frame.collect()}
    assert "Filter (" not in frame._jdf.queryExecution().executedPlan().toString()
    assert found == {word: vectors[at * 2000].tolist() for at, word in enumerate(asked)}
    assert 0 < door.sent < vectors.nbytes / 10


def test_columns_are_left_out_by_option_or_schema(held: Place) -> None:
    """In the order that is asked for; MLlib's vectors on request; a wrong one is named."""
    assert held.read(columns="counts, word").columns == ["counts", "word"]
    schema = "vectors array<float>, row bigint"
    chosen = told(held.spark.read, held.options).schema(schema).load(held.url)
    assert chosen.where("row = 4").first().vectors == VECTORS[4].tolist()
    dense = held.read(vectors="mllib", columns="word,vectors").where(f"word = '{WORDS[0]}'").first()
    assert type(dense.vectors).__name__ == "DenseVector"
    assert dense.vectors.toArray().tolist() == VECTORS[0].tolist()
    with pytest.raises(Exception, match="no column 'nothing'"):
        held.read(columns="word,nothing")
    wrong = told(held.spark.read, held.options).schema("vectors array<double>").load(held.url)
    with pytest.raises(Exception, match="expected vectors array<float>, found array<double>"):
        wrong.collect()


def test_a_frame_keeps_its_commit(place: Place) -> None:
    """Whatever is committed later; steps, tags and numbers name others; one given up is told."""
    save(place, step=10)
    before = place.read()
    embzarr.save(place.url, ["new"], VECTORS[:1], counts=[1], storage_options=place.options)
    run = embzarr.Run(place.url, storage_options=place.options)
    run.tag("old", commit=1)
    assert before.count() == ROWS
    assert place.read().first().word == "new"
    for which in ({"step": 10}, {"tag": "old"}, {"commit": 1}):
        assert place.read(**which).where("row = 1").first().word == WORDS[1]
    run.untag("old")
    run.gc(keep_last=1, older_than=0)
    with pytest.raises(Exception, match="commit-expired"):
        before.where("row > 1").collect()


def test_sql_views_and_joins(held: Place, spark: Any) -> None:
    """A temporary view by SQL alone, joined with a table of texts."""
    options = ", ".join(f"{name} '{value}'" for name, value in held.options.items())
    view = "CREATE OR REPLACE TEMPORARY VIEW words USING embzarr"
    spark.sql(f"{view} OPTIONS (path '{held.url}', {options})")
    texts = [(number, word) for number in range(3) for word in WORDS[number * 2 : number * 2 + 2]]
    spark.createDataFrame(texts, "text int, word string").createOrReplaceTempView("texts")
    joined = spark.sql(
        "SELECT text, sum(vectors[0]) AS total FROM texts JOIN words USING (word) "
        "GROUP BY text ORDER BY text"
    ).collect()
    expected = VECTORS[:6, 0].astype(float).reshape(3, 2).sum(axis=1)
    assert [row.total for row in joined] == pytest.approx(expected)


# Writing ------------------------------------------------------------------------------------------
def test_a_data_frame_becomes_one_commit(place: Place, spark: Any) -> None:
    """In its order, by several tasks; plain zarr reads the same; nothing else is left."""
    place.write(frame_of(spark, WORDS, VECTORS, counts=COUNTS), step=3, metadata='{"a": 1}')
    found = place.open()
    assert (found.commit, found.step, found.metadata) == (1, 3, {"a": 1})
    assert list(found) == WORDS
    assert found.to_numpy().tobytes() == VECTORS.tobytes()
    assert found.verify().problems == ()
    layer = found.info().layers[0].path
    words, vectors = read_step(zarr_of(place), layer)
    assert (words, vectors.tobytes()) == (WORDS, VECTORS.tobytes())
    assert folders(place) == {layer}


def zarr_of(place: Place) -> Any:
    from zarr.storage import ObjectStore  # noqa: PLC0415 - slow to import

    return ObjectStore(store_of(place), read_only=True)


def folders(place: Place) -> set[str]:
    """Return the folders of layers that hold anything."""
    found = (one["path"] for batch in store_of(place).list("steps") for one in batch)
    return {"/".join(path.split("/")[:2]) for path in found if path.count("/") > 1}


def test_append_is_a_delta_and_overwrite_a_full_step(place: Place, spark: Any) -> None:
    """Words that are there are changed, others come after; an overwrite begins anew."""
    place.write(frame_of(spark, WORDS[:2000], VECTORS[:2000]))
    place.write(frame_of(spark, WORDS[1990:2100], -VECTORS[1990:2100]), "append")
    found = place.open()
    assert [layer.kind for layer in found.info().layers] == ["full", "delta"]
    assert list(found) == WORDS[:2100]
    assert np.array_equal(found[WORDS[:2100]], [*VECTORS[:1990], *-VECTORS[1990:2100]])
    place.write(place.read().where("row < 10"))
    assert (len(place.open()), [layer.kind for layer in place.open().info().layers]) == (
        10,
        ["full"],
    )


@pytest.mark.parametrize("placement", ["hash:4", "lexical"])
def test_rows_are_put_in_order_by_spark(placement: str, place: Place, spark: Any) -> None:
    """`placed` sorts on the cluster, by the hash of the specification; else it is refused."""
    from embzarr.interop.spark import placed  # noqa: PLC0415 - where the library is

    frame = frame_of(spark, WORDS, VECTORS)
    place.write(placed(frame, placement, partitions=2), placement=placement)
    found = place.open()
    same = embzarr.save(f"memory://{placement}", WORDS, VECTORS, placement=placement)
    if placement == "lexical":
        assert list(found) == list(same) == sorted(WORDS)
    else:
        for at in range(4):
            mine, other = (one.load_part(at, 4, by="hash").words for one in (found, same))
            assert {*mine} == {*other}
    assert np.array_equal(found[WORDS], VECTORS)
    with pytest.raises(Exception, match="belongs elsewhere"):
        place.write(frame, placement=placement)
    assert place.open().commit == 1


def bad_frames(spark: Any) -> Iterator[tuple[Any, str]]:
    """Yield frames that must not be saved, and what is said of them."""

    def made(rows: list[Any], schema: str) -> Any:
        return spark.createDataFrame(rows, schema)

    usual = "word string, vectors array<float>"
    yield made([(1, [1.0])], "word int, vectors array<float>"), "word: expected string, found int"
    yield made([("a", "b")], "word string, vectors string"), "vectors: expected array<float>"
    yield made([("a",)], "word string"), "expected the columns 'word' and 'vectors'"
    yield made([("a", [1.0], "t")], usual + ", t string"), "text_length"
    yield made([("a", [1.0]), (None, [2.0])], usual), "expected words, found a null"
    yield made([("a", [1.0]), ("b", None)], usual), "vectors of 'b': expected a value, found null"
    yield made([("a", [1.0]), ("b", [None])], usual), "vectors of 'b': expected numbers"
    yield made([("a", [1.0, 2.0]), ("b", [1.0])], usual).coalesce(1), "vectors of 'b': expected 2"
    yield made([("a", [1.0]), ("b", [float("nan")])], usual), "is nan"
    twice = made([("a", [1.0]), ("b", [2.0]), ("a", [3.0])], usual)
    yield twice.repartition(3), r"'a' in partitions \d and \d"
    yield made([], usual), "expected rows to save, found none"


def test_what_cannot_be_saved_is_refused(place: Place, spark: Any) -> None:
    """Typed, saying what and where; the commit before stays, and no share is left."""
    embzarr.save(place.url, ["old"], [[1.0]], storage_options=place.options)
    for frame, message in bad_frames(spark):
        with pytest.raises(Exception, match=message):
            place.write(frame, allow_new_dim=True)
    with pytest.raises(Exception, match=r"Append.*Overwrite"):
        place.write(frame_of(spark, ["a"], VECTORS[:1, :1]), "errorifexists")
    with pytest.raises(Exception, match="option 'step': expected a whole number, found 'x'"):
        place.write(frame_of(spark, ["a"], VECTORS[:1, :1]), step="x")
    assert place.open().words == ["old"]
    embzarr.Run(place.url, storage_options=place.options).gc(older_than=0)
    assert folders(place) == {place.open().info().layers[0].path}


# Failures -----------------------------------------------------------------------------------------
def test_tasks_that_fail_are_tried_again(place: Place, spark: Any) -> None:
    """After half of their rows, in every partition: one commit, each row once."""

    def fails_once(batches: Any) -> Any:
        from pyspark import TaskContext  # noqa: PLC0415 - on an executor

        for number, batch in enumerate(batches):
            if number == 1 and TaskContext.get().attemptNumber() == 0:
                raise OSError("this attempt fails")
            yield batch

    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "300")
    frame = frame_of(spark, WORDS, VECTORS)
    place.write(frame.mapInArrow(fails_once, frame.schema))
    spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    found = place.open()
    assert (found.commit, list(found)) == (1, WORDS)
    assert found.to_numpy().tobytes() == VECTORS.tobytes()
    assert folders(place) == {found.info().layers[0].path}


def test_an_executor_that_is_killed_is_replaced(place: Place, spark: Any) -> None:
    """While it writes: its tasks run anew elsewhere, and there is one commit."""

    def kills_once(batches: Any) -> Any:
        from pyspark import TaskContext  # noqa: PLC0415 - on an executor

        task = TaskContext.get()
        for batch in batches:
            yield batch
            if task.partitionId() == 1 and task.attemptNumber() == 0:
                daemon = Path(f"/proc/{os.getppid()}/stat").read_text().rsplit(")", 1)[1].split()[1]
                os.kill(int(daemon), signal.SIGKILL)  # the executor's Java, whose child forked us

    frame = frame_of(spark, WORDS, VECTORS)
    place.write(frame.mapInArrow(kills_once, frame.schema))
    found = place.open()
    assert (found.commit, list(found)) == (1, WORDS)
    assert found.to_numpy().tobytes() == VECTORS.tobytes()


def test_a_job_that_fails_for_good_commits_nothing(place: Place, spark: Any) -> None:
    """The commit before stays, and what the other tasks stored is removed."""
    embzarr.save(place.url, WORDS[:5], VECTORS[:5], storage_options=place.options)

    def fails(batches: Any) -> Any:
        from pyspark import TaskContext  # noqa: PLC0415 - on an executor

        for batch in batches:
            if TaskContext.get().partitionId() == 1:
                raise OSError("every attempt fails")
            yield batch

    frame = frame_of(spark, WORDS, VECTORS)
    with pytest.raises(Exception, match="every attempt fails"):
        place.write(frame.mapInArrow(fails, frame.schema))
    found = place.open()
    assert (found.commit, len(found)) == (1, 5)


DRIVER = """
import os, sys, json, threading, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from interop.sparking import running_spark, told
import embzarr.interop.spark as ours
from pyspark import cloudpickle
moment, place, url, options = sys.argv[1], Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])

class Deadly(ours.Writer):
    def commit(self, messages):
        (place / "began").touch()
        java = int(Path(f"/proc/{{os.getppid()}}/stat").read_text().rsplit(")", 1)[1].split()[1])
        def end():
            os.kill(java, 9)
            os._exit(1)
        if moment == "before":
            end()
        if moment == "in":
            threading.Thread(target=lambda: (time.sleep(0.05), end())).start()
        super().commit(messages)
        if moment == "after":
            end()
        raise OSError("told of a failure after it was made")

class Source(ours.EmbzarrSource):
    def writer(self, schema, overwrite):
        return Deadly(self._options, schema, overwrite=overwrite)

with running_spark(place, "local[2]") as spark:
    spark.dataSource.register(Source)
    frame = spark.range(20000, numPartitions=4).selectExpr(
        "concat('w', id) AS word", "transform(sequence(1, 16), x -> float(id * x)) AS vectors"
    )
    told(frame.write, options).mode("overwrite").save(url)
"""


@pytest.mark.parametrize("moment", ["before", "in", "after", "told"])
def test_a_driver_that_dies_in_commit(moment: str, place: Place, tmp_path: Path) -> None:
    """Before: nothing. After, or told that it failed: the new step. In: either, and whole."""
    embzarr.save(place.url, ["old"], np.ones((1, 16)), storage_options=place.options)
    program = DRIVER.format(tests=str(Path(__file__).parents[1]))
    given = [moment, str(tmp_path), place.url, json.dumps(place.options)]
    command = [sys.executable, "-c", program, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - ours
    assert done.returncode != 0
    assert (tmp_path / "began").exists(), done.stderr[-2000:]
    found = place.open()
    assert found.commit in {"before": {1}, "in": {1, 2}}.get(moment, {2}), done.stderr[-2000:]
    assert len(found) == (1 if found.commit == 1 else 20000)
    assert found.verify().ok
    if found.commit == 2:
        expected = np.arange(20000)[:, None] * np.arange(1, 17)
        assert np.array_equal(found.to_numpy(), expected.astype("f4"))
    if moment == "told":
        assert folders(place) == {one.path for number in (1, 2) for one in layers(place, number)}


def layers(place: Place, number: int) -> Any:
    return place.open(commit=number).info().layers


# Where and as whom --------------------------------------------------------------------------------
def test_credentials_are_never_shown(place: Place, spark: Any, spark_folder: Path) -> None:
    """Not in plans, not in the event log, not in executors' logs, failures included."""
    secret = place.options["secret_access_key"]
    save(place)
    frame = place.read().where("word LIKE 'b%'")
    shown = [
        frame._jdf.queryExecution().toString(),
        frame._jdf.queryExecution().explainString(explain_mode(spark)),
    ]
    place.write(frame)
    for broken in ({"columns": "nothing"}, {"endpoint_url": "http://127.0.0.1:9"}):
        with pytest.raises(Exception, match=r".+") as caught:
            place.read(**broken).collect()
        shown.append(str(caught.value))
    with pytest.raises(Exception, match="placement") as caught:
        place.write(frame, placement="nothing")
    text = "\n".join([*shown, str(caught.value), said(spark_folder)])
    assert "BatchScan embzarr" in text
    assert secret not in text


def explain_mode(spark: Any) -> Any:
    return spark._jvm.org.apache.spark.sql.execution.ExplainMode.fromString("extended")


def test_keys_may_come_from_the_environment(tmp_path: Path, place: Place) -> None:
    """Where options hold none, driver and executors look for their own."""
    save(place)
    program = (
        "import sys, json; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from interop.sparking import running_spark, told\n"
        "from embzarr.interop.spark import register\n"
        "with running_spark(Path(sys.argv[1]), 'local[1]') as spark:\n"
        "    register(spark)\n"
        "    print(told(spark.read, json.loads(sys.argv[3])).load(sys.argv[2]).count())\n"
    )
    plain = {"endpoint_url": place.options["endpoint_url"], "region": place.options["region"]}
    keys = {
        "AWS_ACCESS_KEY_ID": place.options["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": place.options["secret_access_key"],
    }
    command = [sys.executable, "-c", program, str(tmp_path), place.url, json.dumps(plain)]
    done = subprocess.run(  # noqa: S603 - ours
        command, env=os.environ | keys, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split()[-1] == str(ROWS)


def test_an_executor_without_embzarr_says_so(held: Place) -> None:
    """What it is sent is unpickled by pickle alone, and tells what to install."""
    from pyspark import cloudpickle  # noqa: PLC0415 - where the library is

    from embzarr.interop.spark import EmbzarrSource  # noqa: PLC0415 - where the library is

    source = EmbzarrSource({"path": held.url, **held.options})
    sent: bytes = cloudpickle.dumps(source.reader(source.schema()))
    program = (
        "import sys, pickle; sys.modules['embzarr'] = None\npickle.loads(sys.stdin.buffer.read())"
    )
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program], input=sent, capture_output=True, check=False
    )
    assert b"cannot import embzarr" in done.stderr
    assert b"embzarr[spark]" in done.stderr
    assert pickle.loads(sent).partitions()  # noqa: S301 - where it is


def test_a_claim_of_rows_decides_no_number_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many a manifest says there are, a driver holds some shares, and a task no list."""
    pytest.importorskip("pyspark")
    from embzarr.interop._rows import row_shares  # noqa: PLC0415 - where the library is
    from embzarr.interop._spark import filters, read, rows  # noqa: PLC0415 - the same

    checkpoint = embzarr.save("memory://claim-of-rows", WORDS, VECTORS)
    schema = rows.schema_of(checkpoint, None, rows.FORMS[0])
    wanted = filters.wanted_of({})
    reader = read.Reader(checkpoint, schema, wanted, partitions=None, by="rows")
    monkeypatch.setattr(row_shares, "_SHARE_BYTES", 1)
    monkeypatch.setattr(row_shares, "_MOST_SHARES", 16)

    tasks = reader.partitions()

    assert len(tasks) == 16
    assert (tasks[0].ranges[0][0], tasks[-1].ranges[-1][1]) == (0, ROWS)
    first = next(iter(reader.read(read.RowRanges(((0, 2**50),)))))
    assert first.num_rows == ROWS
