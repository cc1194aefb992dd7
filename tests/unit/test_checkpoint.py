"""What an opened checkpoint promises: parts by word, row, range and prefix."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr._checkpoint import sparing
from oracle import make_vectors, make_words

ROWS = 3000
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, 40)
ROW_OF = {word: row for row, word in enumerate(WORDS)}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of several chunks, with counts."""
    path = tmp_path_factory.mktemp("run")
    counts = np.arange(ROWS, 0, -1)
    embzarr.save(path, WORDS, VECTORS, step=3, counts=counts, metadata={"by": "test"})
    return path


@pytest.fixture
def checkpoint(url: Path) -> embzarr.Checkpoint:
    """The checkpoint, opened cold."""
    return embzarr.open(url)


def test_says_what_it_is(checkpoint: embzarr.Checkpoint) -> None:
    """Size, type, step and columns are known without reading data."""
    assert len(checkpoint) == ROWS
    assert (checkpoint.dim, checkpoint.dtype.name, checkpoint.step) == (40, "float32", 3)
    assert checkpoint.columns == ("vectors", "counts")
    assert checkpoint.metadata == {"by": "test"}
    assert checkpoint.traffic.bytes_read < 20_000
    assert repr(checkpoint).endswith("step 3 (commit 1): 3000 x 40 float32>")


def test_what_a_caller_changes_is_his_alone(tmp_path: Path) -> None:
    """Checkpoints of one commit share what its manifest says, which is read once."""
    embzarr.save(tmp_path, WORDS, VECTORS, metadata={"by": ["us"]}, model={"of": {"a": 1}})
    first, again = embzarr.open(tmp_path), embzarr.open(tmp_path)
    assert first._commit is again._commit

    for held in (first.metadata, first.info().metadata):
        held["by"].append("them")
    for told in (first.model, first.info().model):
        assert told is not None
        told["of"]["a"] = 2

    for checkpoint in (first, again, embzarr.open(tmp_path)):
        assert (checkpoint.metadata, checkpoint.model) == ({"by": ["us"]}, {"of": {"a": 1}})
        assert checkpoint.info().metadata == {"by": ["us"]}


def test_membership(checkpoint: embzarr.Checkpoint) -> None:
    """`in` answers for words, their neighbours in spelling, and what is no word."""
    assert WORDS[17] in checkpoint
    assert WORDS[17] + "\0" not in checkpoint
    assert 17 not in checkpoint


def test_list_in_any_order_with_repeats(checkpoint: embzarr.Checkpoint) -> None:
    """A list is answered in its own order, repeats included."""
    rows = np.random.default_rng(1).integers(0, ROWS, 500)

    loaded = checkpoint.load([WORDS[row] for row in rows])

    np.testing.assert_array_equal(loaded.rows, rows)
    np.testing.assert_array_equal(loaded.vectors, VECTORS[rows])
    assert loaded.words == tuple(WORDS[row] for row in rows)


def test_no_words(checkpoint: embzarr.Checkpoint) -> None:
    """An empty list gives an empty matrix of the right width."""
    assert checkpoint[[]].shape == (0, 40)


def test_unknown_word_offers_close_ones(checkpoint: embzarr.Checkpoint) -> None:
    """The error is a KeyError that names the word and what may have been meant."""
    known = max(WORDS, key=len)

    with pytest.raises(KeyError, match="did you mean") as caught:
        checkpoint[known + "x"]

    assert repr(known) in str(caught.value)
    assert isinstance(caught.value, embzarr.WordNotFoundError)
    assert caught.value.code == "word-missing"


def test_missing_words_are_skipped_or_filled(checkpoint: embzarr.Checkpoint) -> None:
    """Each way of treating missing words does what it says."""
    asked = [WORDS[5], "no such word", WORDS[2]]

    skipped = checkpoint.load(asked, missing="skip")
    zeros = checkpoint.load(asked, missing="zeros")
    nans = checkpoint.load(asked, missing="nan")

    assert skipped.words == (WORDS[5], WORDS[2])
    np.testing.assert_array_equal(skipped.vectors, VECTORS[[5, 2]])
    np.testing.assert_array_equal(zeros.vectors, [VECTORS[5], np.zeros(40), VECTORS[2]])
    np.testing.assert_array_equal(zeros.rows, [5, -1, 2])
    assert np.isnan(nans.vectors[1]).all()
    assert nans.words == tuple(asked)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"missing": "zero"}, "missing: expected raise, skip, zeros, nan or subwords"),
        ({"columns": ("vectors", "context")}, "no column 'context'"),
        ({"missing": "nan", "columns": ("counts",)}, "has no NaN"),
    ],
)
def test_impossible_loads(
    arguments: dict[str, Any], message: str, checkpoint: embzarr.Checkpoint
) -> None:
    """What cannot be answered is refused by a typed error."""
    with pytest.raises(embzarr.InvalidInputError, match=message):
        checkpoint.load([WORDS[0], "no such word"], **arguments)


@pytest.mark.parametrize(("first", "last"), [("a", "m"), ("", "z"), ("Б", "🚀"), ("q", "q")])
def test_ranges_are_half_open_in_byte_order(
    first: str, last: str, checkpoint: embzarr.Checkpoint
) -> None:
    """A range holds just the words between its ends by UTF-8 bytes, in that order."""
    expected = sorted(
        (w for w in WORDS if first.encode() <= w.encode() < last.encode()), key=str.encode
    )

    loaded = checkpoint.load_range(first, last)

    assert list(loaded) == expected
    np.testing.assert_array_equal(loaded, VECTORS[[ROW_OF[word] for word in expected]])


@pytest.mark.parametrize("prefix", ["s", "st", "Б", "😀", "", "no such prefix"])
def test_prefixes(prefix: str, checkpoint: embzarr.Checkpoint) -> None:
    """A prefix gives every word that begins with it."""
    expected = sorted((w for w in WORDS if w.startswith(prefix)), key=str.encode)

    loaded = checkpoint.load_prefix(prefix)

    assert list(loaded.words) == expected
    np.testing.assert_array_equal(loaded.vectors, VECTORS[[ROW_OF[word] for word in expected]])


def test_a_range_backwards_is_refused(checkpoint: embzarr.Checkpoint) -> None:
    """A range whose ends are swapped is a mistake, not an empty answer."""
    with pytest.raises(embzarr.InvalidInputError, match="lies after"):
        checkpoint.load_range("m", "a")


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (255, 257), (2999, 3000), (0, ROWS)])
def test_rows(start: int, stop: int, checkpoint: embzarr.Checkpoint) -> None:
    """A row range gives those rows; their words only when asked for."""
    loaded = checkpoint.load_rows(start, stop)

    np.testing.assert_array_equal(loaded.vectors, VECTORS[start:stop])
    assert list(loaded.words) == WORDS[start:stop]


def test_rows_read_no_byte_of_the_vocabulary(checkpoint: embzarr.Checkpoint) -> None:
    """Words of a row range cost nothing until somebody looks at them."""
    loaded = checkpoint.load_rows(0, 100)
    before = checkpoint.traffic.requests

    assert len(loaded.words) == 100
    assert checkpoint.traffic.requests > before


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        *[(2990, ROWS + 1), (-10, None), (-10, 50_000), (-ROWS - 5, 3), (None, 3), (2998, None)],
        *[(ROWS + 1, ROWS + 5), (-1, 5), (9, 3)],
    ],
)
def test_rows_are_those_of_a_slice(
    start: int | None, stop: int | None, checkpoint: embzarr.Checkpoint
) -> None:
    """A row range that reaches past the rows that there are is cut as a slice is."""
    loaded = checkpoint.load_rows(start, stop)
    streamed = [
        row for batch in checkpoint.stream(start=start or 0, stop=stop) for row in batch.rows
    ]

    assert loaded.rows.tolist() == [*range(ROWS)[start:stop]]
    np.testing.assert_array_equal(loaded, VECTORS[start:stop])
    assert streamed == loaded.rows.tolist()


def test_a_range_may_be_open(checkpoint: embzarr.Checkpoint) -> None:
    """None at either end leaves it open: every word from "inter" on is one call."""
    every = sorted(WORDS, key=str.encode)

    assert [*checkpoint.load_range("m", None)] == [w for w in every if w.encode() >= b"m"]
    assert [*checkpoint.load_range(None, "m")] == [w for w in every if w.encode() < b"m"]
    assert [*checkpoint.load_range(None, None)] == every


@pytest.mark.parametrize("by", ["rows", "weight"])
def test_parts_are_all_rows_once(by: Any, checkpoint: embzarr.Checkpoint) -> None:
    """The shares of all workers are the whole, whatever they are balanced by."""
    parts = [checkpoint.load_part(i, 7, by=by) for i in range(7)]

    np.testing.assert_array_equal(np.concatenate([p.vectors for p in parts]), VECTORS)
    if by == "weight":
        weights = [ROWS * len(p) - p.rows.sum() for p in parts]
        assert max(weights) < 1.02 * min(weights)


def test_parts_by_hash_hold_whole_groups(tmp_path: Path) -> None:
    """With hash placement a word's part depends on the word alone."""
    embzarr.save(tmp_path, WORDS, VECTORS, placement="hash:16")
    checkpoint = embzarr.open(tmp_path)

    halves = [set(checkpoint.load_part(i, 2, by="hash").words) for i in range(2)]
    quarters = [set(checkpoint.load_part(i, 4, by="hash").words) for i in range(4)]

    assert halves == [quarters[0] | quarters[1], quarters[2] | quarters[3]]
    assert sum(map(len, quarters)) == ROWS


def test_parts_by_hash_need_that_placement(checkpoint: embzarr.Checkpoint) -> None:
    """Asking for hashed parts of rows as given is a mistake."""
    with pytest.raises(embzarr.InvalidInputError, match="placement 'hash'"):
        checkpoint.load_part(0, 2, by="hash")


def test_stream_is_everything_in_order(checkpoint: embzarr.Checkpoint) -> None:
    """Batches of a stream are all rows, and none is larger than asked for."""
    batches = list(checkpoint.stream(batch_bytes=100 * 160))

    assert {len(batch) for batch in batches} == {100}
    np.testing.assert_array_equal(np.concatenate([b.vectors for b in batches]), VECTORS)
    assert [word for batch in batches for word in batch.words] == WORDS


def test_stream_may_be_left_early(checkpoint: embzarr.Checkpoint) -> None:
    """A stream that nobody finishes fetches no more than one batch ahead."""
    stream = checkpoint.stream(batch_bytes=100 * 160)
    next(stream)
    stream.close()  # type: ignore[attr-defined]

    assert checkpoint.traffic.requests < 10


def test_neighbours_match_numpy(checkpoint: embzarr.Checkpoint) -> None:
    """The nearest words are those of a plain matrix product, without the word itself."""
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    scores = unit @ unit[42]
    expected = [row for row in np.argsort(-scores) if row != 42][:5]

    found = checkpoint.most_similar(WORDS[42], topn=5)

    assert [word for word, _ in found] == [WORDS[row] for row in expected]
    np.testing.assert_allclose([score for _, score in found], scores[expected], rtol=1e-5)
    assert checkpoint.similarity(WORDS[1], WORDS[2]) == pytest.approx(unit[1] @ unit[2], rel=1e-5)


def test_neighbours_among_some_words(checkpoint: embzarr.Checkpoint) -> None:
    """A restricted search reads those words alone, and answers with them, itself left out."""
    some = [WORDS[row] for row in (9, 1500, 42, 2999, 3)]
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    expected = sorted((9, 1500, 2999, 3), key=lambda row: -float(unit[row] @ unit[42]))
    before = checkpoint.traffic.bytes_read

    found = checkpoint.most_similar(WORDS[42], topn=10, restrict=some)

    assert [word for word, _ in found] == [WORDS[row] for row in expected]
    assert checkpoint.traffic.bytes_read - before < VECTORS.nbytes * 2
    with pytest.raises(embzarr.WordNotFoundError):
        checkpoint.most_similar(WORDS[42], restrict=["no such word"])


def test_questions_that_make_no_sense(checkpoint: embzarr.Checkpoint) -> None:
    """A vector of another size, a negative number, an unknown share, and absent vectors."""
    with pytest.raises(embzarr.InvalidInputError, match=r"positive: .* \(40,\), found \(4,\)"):
        checkpoint.most_similar(np.ones(4))
    with pytest.raises(embzarr.InvalidInputError, match=r"topn: .* found int -1"):
        checkpoint.most_similar(WORDS[0], topn=-1)
    with pytest.raises(embzarr.InvalidInputError, match="by: expected rows, hash or weight"):
        checkpoint.load_part(0, 2, by="bogus")  # type: ignore[arg-type]
    with pytest.raises(embzarr.InvalidInputError, match="not among the columns"):
        _ = checkpoint.load([WORDS[0]], columns=("counts",)).vectors


def test_group_is_plain_zarr(checkpoint: embzarr.Checkpoint) -> None:
    """The step opens as a Zarr group that cannot be written to."""
    group = checkpoint.group()

    np.testing.assert_array_equal(np.asarray(group["vectors"]), VECTORS)
    with pytest.raises(ValueError, match="read-only"):
        group["counts"][0] = 1  # type: ignore[index]


def test_nothing_there(tmp_path: Path) -> None:
    """A folder without a checkpoint says so, and is not made."""
    with pytest.raises(FileNotFoundError, match="no checkpoint at") as caught:
        embzarr.open(tmp_path / "nowhere")

    assert isinstance(caught.value, embzarr.NotFoundError)
    assert caught.value.code == "checkpoint-missing"
    assert not (tmp_path / "nowhere").exists()


def test_runs_in_a_place_that_is_none_are_named(tmp_path: Path) -> None:
    """Whoever gives the folder of all runs reads which there are; other folders are left out."""
    for name in ("glove", "w2v"):
        embzarr.save(tmp_path / name, ["a"], VECTORS[:1])
    (tmp_path / "texts").mkdir()

    with pytest.raises(embzarr.NotFoundError) as caught:
        embzarr.open(tmp_path)
    assert caught.value.__notes__ == ["runs in there: 'glove', 'w2v'"]


HOW: dict[str, tuple[dict[str, Any], Any]] = {
    "half precision": ({"dtype": "float16"}, VECTORS.astype(np.float16)),
    "first dimensions": ({"dims": slice(0, 7)}, VECTORS[:, :7]),
    "every third from the end": ({"dims": slice(None, None, -3)}, VECTORS[:, ::-3]),
    "both": ({"dtype": np.float64, "dims": slice(5, 6)}, VECTORS[:, 5:6].astype(np.float64)),
}


@pytest.mark.parametrize("name", HOW)
def test_dimensions_and_types_of_every_load(name: str, checkpoint: embzarr.Checkpoint) -> None:
    """Each way of loading gives the dimensions and the type that were asked for."""
    how, expected = HOW[name]
    rows = [7, 2999, 7]

    by_word = checkpoint.load([WORDS[row] for row in rows], **how).vectors
    by_row = checkpoint.load_rows(100, 900, **how).vectors
    by_prefix = checkpoint.load_prefix("st", **how)
    streamed = [batch.vectors for batch in checkpoint.stream(batch_bytes=50_000, **how)]

    assert by_word.dtype == by_row.dtype == expected.dtype
    np.testing.assert_array_equal(by_word, expected[rows])
    np.testing.assert_array_equal(by_row, expected[100:900])
    np.testing.assert_array_equal(by_prefix.vectors, expected[by_prefix.rows])
    np.testing.assert_array_equal(np.concatenate(streamed), expected)


def test_a_load_fills_the_callers_array(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """`out` is filled and returned, a memory-mapped file too, with missing words as well."""
    mapped = np.memmap(tmp_path / "out", np.float32, "w+", shape=(3, 40))

    loaded = checkpoint.load([WORDS[4], "no such word", WORDS[3]], missing="zeros", out=mapped)
    rows = checkpoint.load_rows(0, 3, out=np.empty((3, 40), np.float32))

    assert loaded.vectors is mapped
    np.testing.assert_array_equal(mapped, [VECTORS[4], np.zeros(40), VECTORS[3]])
    np.testing.assert_array_equal(rows.vectors, VECTORS[:3])


def frozen() -> NDArray[Any]:
    array = np.empty((2, 40), np.float32)
    array.flags.writeable = False
    return array


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "rows": ({"out": np.empty((3, 40), np.float32)}, "input-shape"),
    "dimensions": ({"out": np.empty((2, 40), np.float32), "dims": slice(3)}, "input-shape"),
    "type": ({"out": np.empty((2, 40))}, "input-dtype"),
    "read-only": ({"out": frozen()}, "input-dtype"),
    "whole numbers": ({"dtype": "int8"}, "input-dtype"),
    "a list of dimensions": ({"dims": [1, 2]}, "input-argument"),
    "no such keyword": ({"colums": ("vectors",)}, "input-argument"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_a_load_cannot_do(name: str, checkpoint: embzarr.Checkpoint) -> None:
    """An array that does not fit, or a keyword that means nothing, is refused by a typed error."""
    how, code = UNUSABLE[name]

    with pytest.raises(embzarr.InvalidInputError) as caught:
        checkpoint.load([WORDS[0], WORDS[1]], **how)

    assert caught.value.code == code


def test_a_stream_of_words(checkpoint: embzarr.Checkpoint) -> None:
    """A list of words streams in its own order, repeats included, in batches."""
    asked = [WORDS[row] for row in np.random.default_rng(3).integers(0, ROWS, 700)]

    batches = list(checkpoint.stream(asked, batch_bytes=100 * 160, columns=("vectors", "counts")))

    assert [len(batch) for batch in batches] == [100] * 7
    assert [word for batch in batches for word in batch.words] == asked
    rows = [ROW_OF[word] for word in asked]
    np.testing.assert_array_equal(np.concatenate([b.vectors for b in batches]), VECTORS[rows])
    with pytest.raises(embzarr.WordNotFoundError):
        list(checkpoint.stream([*asked, "no such word"]))


def test_a_plan_tells_what_a_load_would_fetch(checkpoint: embzarr.Checkpoint) -> None:
    """Requests and bytes of a plan are those that the load then makes."""
    asked = [WORDS[row] for row in (0, 1, 2, 2999)]
    plan = checkpoint.plan([*asked, "no such word"])
    before = checkpoint.traffic

    checkpoint.load(asked)

    after = checkpoint.traffic
    assert plan.chunks == 2
    assert plan.bytes_wanted <= plan.bytes_fetched
    assert (plan.requests, plan.bytes_fetched) == (
        after.requests - before.requests,
        after.bytes_read - before.bytes_read,
    )
    assert checkpoint.plan(range(ROWS)).chunks == checkpoint.info().columns[0].chunks
    assert plan.seconds > 0


def test_damage_points_to_where_all_of_it_is_told(tmp_path: Path) -> None:
    """A read names the first chunk that it met, and says once what names the rest."""
    saved = embzarr.save(tmp_path, ["a", "b"], np.eye(2, dtype="f4"), compression="none")
    (path,) = tmp_path.glob("steps/*/vectors/c/0/0")
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)

    for read in (lambda: saved["a"], lambda: saved.load_rows(0, 1), lambda: saved.load_prefix("a")):
        with pytest.raises(embzarr.DamagedError) as caught:
            read()
        assert caught.value.__notes__ == [
            "verify tells all that is damaged, with its rows and words"
        ]


def test_what_was_saved_last_is_the_newest(tmp_path: Path) -> None:
    """Also where training went back to a lower step."""
    for step in (100, 60):
        embzarr.save(tmp_path, ["a"], np.full((1, 1), step, "f4"), step=step)

    assert embzarr.open(tmp_path).step == 60
    assert embzarr.open(tmp_path, step=100)["a"].tolist() == [100]
    assert embzarr.save(tmp_path, ["a"], np.ones((1, 1), "f4")).step == 61


def test_one_of_many_processes_reads_over_less(tmp_path: Path) -> None:
    """What takes no longer alone is not read by one who shares a link, here or unpickled."""
    words = [f"w{row}" for row in range(400)]
    alone = embzarr.save(tmp_path, words, make_vectors(400, 64), chunk_bytes=1024)
    shared = pickle.loads(pickle.dumps(sparing(alone)))  # noqa: S301 - as an engine sends it
    asked = ["w0", "w280"]  # 70 KB apart
    assert (alone.plan(asked).requests, shared.plan(asked).requests) == (1, 2)
    assert np.array_equal(shared[asked], alone[asked])
