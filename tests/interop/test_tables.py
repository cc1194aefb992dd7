"""Tables of other libraries hold what was saved, and queries read their part of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = pytest.mark.peers
pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.compute")
duckdb = pytest.importorskip("duckdb")
pl = pytest.importorskip("polars")
pd = pytest.importorskip("pandas")
from embzarr.interop import arrow as adapter  # noqa: E402 - where their libraries are
from embzarr.interop import pandas as frames  # noqa: E402
from embzarr.interop import polars as lazily  # noqa: E402

ROWS, DIM = 20_000, 64
ODD = ["", "two words", "nul\0", "naïve", "猫", "😀", "'quoted'", "</s>", "w-00077\0"]
WORDS = [*(f"w-{row:05}" for row in range(ROWS - len(ODD))), *ODD]
VECTORS = make_vectors(ROWS, DIM)
FURTHER: dict[str, Any] = {
    "kind": np.array(["noun", "verb"] * (ROWS // 2)),
    "seen": np.arange(ROWS).astype("M8[h]"),
    "took": np.arange(ROWS).astype("m8[ms]"),
    "flag": np.arange(ROWS) % 3 == 0,
    "code": np.arange(ROWS).astype("S8"),
    "place": np.arange(ROWS * 4, dtype="i2").reshape(ROWS, 2, 2),
}
COUNTS = np.arange(ROWS)[::-1].copy()
SMALL = 0.05 * VECTORS.nbytes
word, counts = pc.field("word"), pc.field("counts")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of many small chunks, with columns of every kind."""
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS, VECTORS, counts=COUNTS, columns=FURTHER, chunk_bytes=2048)
    return path


@pytest.fixture
def checkpoint(url: Path) -> embzarr.Checkpoint:
    """The checkpoint, opened cold."""
    return embzarr.open(url)


@pytest.fixture(scope="module")
def table() -> Any:
    """The same as a table that Arrow itself made of the arrays."""
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), DIM)
    inner = pa.FixedSizeListArray.from_arrays(pa.array(FURTHER["place"].ravel()), 2)
    return pa.table(
        {
            "word": pa.array(WORDS),
            "vector": numbers,
            "counts": COUNTS,
            "kind": pa.array(FURTHER["kind"].tolist()),
            "seen": FURTHER["seen"].astype("M8[s]"),
            "took": FURTHER["took"],
            "flag": FURTHER["flag"],
            "code": pa.array(FURTHER["code"].tolist(), pa.binary()),
            "place": pa.FixedSizeListArray.from_arrays(inner, 2),
        }
    )


def same(found: Any, expected: Any) -> bool:
    """Compare tables by names and values, whatever is said of what may be missing."""
    if found.schema.names != expected.schema.names:
        return False
    return bool(found.to_pydict() == expected.to_pydict())


# Whole and in part --------------------------------------------------------------------------------
def test_a_table_is_what_was_saved(checkpoint: embzarr.Checkpoint, table: Any) -> None:
    """Every column of every kind, in row order."""
    found = adapter.to_arrow(checkpoint)
    assert found.schema.field("vector").type == pa.list_(pa.float32(), DIM)
    assert same(found, table)


def test_words_come_in_the_callers_order(url: Path, table: Any) -> None:
    """Twice, if asked twice; of a missing one there are zeros, or an error."""
    rows = [8, ROWS - 3, 8]
    asked = [WORDS[row] for row in rows]
    assert same(adapter.to_arrow(url, asked), table.take(rows))
    part = adapter.to_arrow(url, [*asked, "none"], ["counts", "vectors"], missing="zeros")
    assert part["counts"].to_pylist() == [*COUNTS[rows].tolist(), 0]
    assert part.schema.names == ["word", "counts", "vector"]
    with pytest.raises(embzarr.WordNotFoundError):
        adapter.to_arrow(url, ["none"])


def test_a_reader_streams(checkpoint: embzarr.Checkpoint, table: Any) -> None:
    """Batches of the size that is asked for, read as they are taken."""
    reader = adapter.to_reader(checkpoint, columns=["vectors"], batch_bytes=100 * 4 * DIM)
    first = reader.read_next_batch()
    assert first.num_rows == 100
    assert checkpoint.traffic.bytes_read < SMALL
    rest = pa.Table.from_batches([first, *reader])
    assert same(rest, table.select(["word", "vector"]))
    some = adapter.to_reader(checkpoint, [WORDS[5], WORDS[3]], ["counts"]).read_all()
    assert same(some, table.select(["word", "counts"]).take([5, 3]))


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_every_type_of_vectors(tmp_path: Path, dtype: str) -> None:
    """To the bit; bfloat16 as the float32 of the same value."""
    half = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    stored = VECTORS[:50].astype(half)
    saved = embzarr.save(tmp_path, WORDS[:50], stored)
    expected = stored.astype("f4") if dtype == "bfloat16" else stored
    flat = adapter.to_arrow(saved)["vector"].combine_chunks().flatten().to_numpy()
    assert flat.tobytes() == expected.tobytes()
    assert frames.to_pandas(saved).to_numpy().tobytes() == expected.tobytes()


def test_what_arrow_has_not_is_told(tmp_path: Path) -> None:
    """A complex column, or one that is called as the words are, is refused until it is left out."""
    columns: dict[str, Any] = {"z": np.ones(2, "c8"), "word": np.ones(2)}
    saved = embzarr.save(tmp_path, ["a", "b"], VECTORS[:2], columns=columns)
    with pytest.raises(embzarr.UnsupportedError, match="complex64"):
        adapter.to_arrow(saved, columns=["vectors", "z"])
    with pytest.raises(embzarr.InvalidInputError, match="leave one out"):
        adapter.to_arrow(saved, columns=["word"])
    with pytest.raises(embzarr.InvalidInputError, match="no column 'nope'"):
        adapter.dataset(saved, ["nope"])
    with pytest.raises(embzarr.InvalidInputError, match="columns"):
        adapter.dataset(saved, columns=[3])  # type: ignore[list-item]  # as said
    assert adapter.to_arrow(saved, columns=["vectors"]).num_rows == 2


def test_an_empty_checkpoint(tmp_path: Path) -> None:
    """No rows are no rows, with the right columns."""
    saved = embzarr.save(tmp_path, [], np.empty((0, 3), "f4"))
    assert adapter.to_arrow(saved).shape == (0, 2)
    assert lazily.scan(saved).filter(pl.col("word") == "a").collect().shape == (0, 2)
    assert frames.to_pandas(saved).shape == (0, 3)


# What a query reads -------------------------------------------------------------------------------
FILTERS: dict[str, Any] = {
    "a word": word == "w-00077",
    "words": word.isin(["w-00077", "猫", "nowhere", "two words"]),
    "a range": (word >= "w-001") & (word < "w-0011"),
    "after a word": (word > "w-00077") & (word <= "w-00078"),
    "a word and more": (word == "w-00077") & (counts > 5),
    "one of two": (word == "w-00077") | (word == ""),
    "none": (word == "a") & (word == "b"),
    "words that end so": pc.ends_with(word, "0077"),
    "few counts": counts < 4,
    "turned round": ~((word != "naïve") | (counts < 0)),
}


@pytest.mark.parametrize("name", FILTERS)
def test_arrow_filters_read_their_rows(
    name: str, checkpoint: embzarr.Checkpoint, table: Any
) -> None:
    """Rows are those that Arrow finds in memory; under 5 % of the vectors' bytes are read."""
    expected = table.filter(FILTERS[name]).select(["word", "vector"])
    found = adapter.dataset(checkpoint).to_table(["word", "vector"], filter=FILTERS[name])
    assert same(found, expected)
    assert checkpoint.traffic.bytes_read < (0.2 if "end" in name else 1) * VECTORS.nbytes * 0.25
    if name not in {"words that end so", "few counts"}:
        assert checkpoint.traffic.bytes_read < SMALL


QUERIES = {
    "SELECT vector FROM t WHERE word = 'w-00077'": True,
    "SELECT word, counts FROM t WHERE word IN ('w-00077', '猫', 'x') ORDER BY word": True,
    "SELECT vector[3] FROM t WHERE word BETWEEN 'w-0010' AND 'w-0011' ORDER BY word": True,
    "SELECT kind, seen, took, flag, code, place FROM t WHERE word = 'naïve'": True,
    "SELECT word FROM t WHERE word = '''quoted''' AND counts < 1000": True,
    "SELECT sum(counts), count(*) FROM t": True,
    "SELECT flag, count(*), avg(counts) FROM t GROUP BY flag ORDER BY flag": True,
    "SELECT word FROM t WHERE vector[1] > 3 ORDER BY word": False,
    "SELECT word FROM t WHERE word LIKE 'w-0007%' ORDER BY word": False,
    "SELECT a.word FROM t a JOIN t b ON a.counts = b.counts + 1 WHERE b.word = 'w-00077'": False,
}


@pytest.mark.parametrize("query", QUERIES)
def test_duckdb_reads_what_a_query_needs(
    query: str, checkpoint: embzarr.Checkpoint, table: Any
) -> None:
    """The answers are those of the table in memory; names and filters of words go down to us."""
    with duckdb.connect() as theirs, duckdb.connect() as ours:
        theirs.register("t", table)
        ours.register("t", adapter.dataset(checkpoint))
        assert ours.sql(query).fetchall() == theirs.sql(query).fetchall()
    assert not QUERIES[query] or checkpoint.traffic.bytes_read < SMALL


POLARS: dict[str, Callable[[Any], Any]] = {
    "a word": lambda w: w == "w-00077",
    "a word, turned": lambda w: pl.lit("w-00077") == w,
    "words": lambda w: w.is_in(["w-00077", "猫", "nowhere"]),
    "a prefix": lambda w: w.str.starts_with("w-0007"),
    "an odd prefix": lambda w: w.str.starts_with("猫"),
    "a range": lambda w: (w >= "w-001") & (pl.lit("w-0011") > w),
    "more": lambda w: (w == "w-00077") & (pl.col("counts") % 2 == 0),
    "either": lambda w: (w == "w-00077") | (w == "") & ~(w == "x"),
    "not": lambda w: ~(w != "two words"),
    "nothing": lambda w: w.is_in([]),
    "thousands of words": lambda w: w.is_in(["w-00077", *map(str, range(20_000))]),
    "a long chain": lambda w: reduce(or_, [w == str(word) for word in range(900)]),
    "constant": lambda _: pl.lit(value=False),
    "an end": lambda w: w.str.ends_with("0077"),
    "counts": lambda _: pl.col("counts") < 4,
}


@pytest.mark.parametrize("name", POLARS)
def test_polars_reads_what_a_query_needs(
    name: str, checkpoint: embzarr.Checkpoint, table: Any
) -> None:
    """Rows are those that Polars finds in memory; vectors of other rows are not read."""
    asked = POLARS[name](pl.col("word"))
    expected = pl.from_arrow(table).filter(asked).select("vector", "word")
    assert lazily.scan(checkpoint).filter(asked).select("vector", "word").collect().equals(expected)
    assert checkpoint.traffic.bytes_read < 0.25 * VECTORS.nbytes
    if name not in {"an end", "counts", "constant", "a long chain"}:
        assert checkpoint.traffic.bytes_read < SMALL


def test_polars_scans_and_stops(checkpoint: embzarr.Checkpoint, table: Any) -> None:
    """Everything by the streaming engine; the first rows, and the number of rows, by little."""
    scanned = lazily.scan(checkpoint)
    assert scanned.head(3).collect().equals(pl.from_arrow(table.slice(0, 3)))
    assert scanned.filter(pl.col("counts") > 0).head(2).collect()["word"].to_list() == WORDS[:2]
    of_the_first = scanned.head(30).filter(pl.col("word").is_in([WORDS[7], WORDS[77]]))
    assert of_the_first.collect()["word"].to_list() == [WORDS[7]]
    assert scanned.select(pl.len()).collect().item() == ROWS
    assert (
        scanned.filter(pl.col("vector").arr.get(0) > 3)
        .collect()
        .equals(pl.from_arrow(table).filter(pl.col("vector").arr.get(0) > 3))
    )
    assert scanned.collect(engine="streaming").equals(pl.from_arrow(table))
    assert lazily.to_polars(checkpoint, [WORDS[9]]).equals(pl.from_arrow(table.slice(9, 1)))


def test_a_dataset_is_used_as_one(checkpoint: embzarr.Checkpoint, table: Any) -> None:
    """It counts, shows its head, is filtered and pickled; Polars scans it as pyarrow's."""
    found = adapter.dataset(checkpoint, ["counts"])
    assert isinstance(found, pa.dataset.Dataset)
    assert found.count_rows() == ROWS
    assert found.count_rows(filter=counts < 7) == 7
    assert same(found.head(3), table.select(["word", "counts"]).slice(0, 3))
    sizes = [batch.num_rows for batch in found.to_batches(batch_size=ROWS // 2)]
    assert max(sizes) == ROWS // 2
    assert sum(sizes) == ROWS
    few = pickle.loads(pickle.dumps(found.filter(counts < 9)))  # noqa: S301 - our own
    doubled = few.filter(counts >= 2).to_table(columns={"twice": pc.multiply(counts, 2)})
    assert sorted(doubled["twice"].to_pylist()) == list(range(4, 18, 2))
    by_pyarrow = pl.scan_pyarrow_dataset(found).filter(pl.col("word") == "猫").collect()
    assert by_pyarrow["counts"].to_list() == [COUNTS[WORDS.index("猫")]]


def test_pyarrow_is_not_let_past_the_scanner(checkpoint: embzarr.Checkpoint) -> None:
    """What would scan a file of its own says so, and does not come back empty."""
    found = adapter.dataset(checkpoint, ["counts"])
    other = pa.dataset.dataset(adapter.to_arrow(checkpoint, WORDS[:3], ["counts"]))
    with pytest.raises(embzarr.UnsupportedError, match="scanner"):
        found.sort_by("counts")
    with pytest.raises(embzarr.UnsupportedError, match="scanner"):
        found.join(other, "word")
    with pytest.raises(OSError, match="read-this-dataset-by-its-scanner"):
        other.join(found, "word", right_suffix="2")


def test_damage_ends_a_query(tmp_path: Path) -> None:
    """A chunk that is not what was saved is an error of every library, and never fewer rows."""
    saved = embzarr.save(tmp_path, WORDS, VECTORS)
    largest = max(
        (file for file in tmp_path.rglob("*") if file.is_file()), key=lambda f: f.stat().st_size
    )
    spoilt = bytearray(largest.read_bytes())
    spoilt[len(spoilt) * 3 // 4] ^= 255
    largest.write_bytes(spoilt)
    found = adapter.dataset(embzarr.open(saved.url))
    vector = pl.col("vector").arr.get(0)
    with pytest.raises(embzarr.DamagedError):
        adapter.to_reader(saved.url).read_all()
    with pytest.raises(embzarr.DamagedError):
        found.to_table()
    with pytest.raises(embzarr.DamagedError):
        lazily.scan(embzarr.open(saved.url)).select(vector.sum()).collect(engine="streaming")
    with duckdb.connect() as ours:
        ours.register("t", found)
        asked = ours.sql("SELECT sum(vector[1]) FROM t")
        with pytest.raises(duckdb.Error, match="expected CRC-32C"):
            asked.fetchall()


# pandas -------------------------------------------------------------------------------------------
def test_a_frame_has_words_as_index(checkpoint: embzarr.Checkpoint) -> None:
    """Vectors are numbered columns, one block; others have their names, or are spread."""
    whole = frames.to_pandas(checkpoint)
    assert whole.index.tolist() == WORDS
    assert whole.index.name == "word"
    assert whole[range(DIM)].to_numpy().tobytes() == VECTORS.tobytes()
    assert whole["kind"].tolist() == FURTHER["kind"].tolist()
    assert whole.loc["猫", "counts"] == COUNTS[WORDS.index("猫")]
    assert whole[[f"place.{at}" for at in range(4)]].to_numpy().tolist() == (
        FURTHER["place"].reshape(ROWS, 4).tolist()
    )
    some = frames.to_pandas(checkpoint, [WORDS[4], "none"], ["vectors"], missing="nan")
    expected = pd.DataFrame([VECTORS[4], np.full(DIM, np.nan)], index=[WORDS[4], "none"])
    pd.testing.assert_frame_equal(some, expected, check_names=False, check_dtype=False)


@pytest.mark.parametrize("library", ["pyarrow", "polars", "pandas"])
def test_what_is_not_installed_is_told(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module says what to install, with a code."""
    modules = __import__("sys").modules
    name = {"pyarrow": "arrow"}.get(library, library)
    for loaded in [one for one in modules if one.startswith("embzarr.interop.")]:
        monkeypatch.delitem(modules, loaded)
    monkeypatch.setitem(modules, library, None)
    with pytest.raises(embzarr.UnsupportedError, match=rf"embzarr\[{name}\]") as caught:
        __import__(f"embzarr.interop.{name}")
    assert caught.value.code == "feature-unsupported"
