"""What a checkpoint promises as a mapping from words to vectors, and as an array."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr import _table
from oracle import make_vectors, make_words

ROWS = 1000
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, 8)
TRUTH: Mapping[str, Any] = dict(zip(WORDS, VECTORS, strict=True))


class Known:
    """Names a word, which a pattern may not do otherwise."""

    WORD = WORDS[5]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a full step, and a delta that appended a word."""
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS[:-1], VECTORS[:-1])
    embzarr.Run(path).save_delta([ROWS - 1], VECTORS[-1:], words=WORDS[-1:])
    return path


@pytest.fixture
def checkpoint(url: Path) -> embzarr.Checkpoint:
    """The checkpoint, opened cold."""
    return embzarr.open(url)


def test_behaves_as_a_dict_of_its_words_does(checkpoint: embzarr.Checkpoint) -> None:
    """Length, iteration, keys, values and items are those of a dict in row order."""
    assert (len(checkpoint), list(checkpoint)) == (ROWS, WORDS)
    assert list(checkpoint.keys()) == WORDS
    np.testing.assert_array_equal([*checkpoint.values()], VECTORS)
    assert [word for word, _ in checkpoint.items()] == WORDS
    np.testing.assert_array_equal([vector for _, vector in checkpoint.items()], VECTORS)
    assert {word: v.tobytes() for word, v in dict(checkpoint.items()).items()} == {
        word: vector.tobytes() for word, vector in TRUTH.items()
    }


def test_every_view_has_the_length_of_what_it_yields(checkpoint: embzarr.Checkpoint) -> None:
    """``len(x) == len(list(x))`` for the checkpoint, its views, its words and what it loads."""
    loaded = checkpoint.load(WORDS[:5] + WORDS[:2])
    views: list[Any] = [checkpoint, loaded, checkpoint.words, loaded.words]
    views += [view for one in (checkpoint, loaded) for view in (one.keys(), one.values())]
    views += [one.items() for one in (checkpoint, loaded)]

    assert [len(view) for view in views] == [len(list(view)) for view in views]


def test_views_can_be_asked_what_they_hold_or_say_no(checkpoint: embzarr.Checkpoint) -> None:
    """Keys are asked as the checkpoint is; of values and items Python says that they cannot be."""
    keys: Any = checkpoint.keys()

    assert [WORDS[3] in keys, "no such word" in keys, 3 in keys] == [True, False, False]
    assert keys & {WORDS[3], "no such word"} == {WORDS[3]}
    for view in (checkpoint.values(), checkpoint.items()):
        with pytest.raises(TypeError):
            _ = 3 in view  # type: ignore[operator]  # that is what is asked


def test_get_gives_a_default(checkpoint: embzarr.Checkpoint) -> None:
    """As of a dict: the vector, or None, or what the caller says."""
    np.testing.assert_array_equal(checkpoint.get(WORDS[7]), TRUTH[WORDS[7]])
    np.testing.assert_array_equal(checkpoint.get(WORDS[-1].encode()), VECTORS[-1])
    assert checkpoint.get("no such word") is None
    assert checkpoint.get("no such word", 0) == 0


def test_iteration_reads_as_it_goes_on(url: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop over the words, or over the items, that ends early has not read everything."""
    monkeypatch.setattr(_table, "_WORDS_AT_ONCE", 10)
    monkeypatch.setattr(_table, "BATCH_BYTES", 10 * 32)
    whole, some, pairs = (embzarr.open(url, cache=embzarr.Cache(0)) for _ in range(3))

    assert list(whole) == WORDS
    assert next(iter(some)) == WORDS[0]
    word, vector = next(iter(pairs.items()))

    assert word == WORDS[0]
    np.testing.assert_array_equal(vector, VECTORS[0])
    assert some.traffic.requests < whole.traffic.requests / 10
    assert pairs.traffic.requests < whole.traffic.requests / 10


def test_what_a_mapping_shows_and_what_it_has_not(checkpoint: embzarr.Checkpoint) -> None:
    """Views say how many there are, without a read; the last word is not looked for by number."""
    before = checkpoint.traffic.requests
    for one in (checkpoint, checkpoint.load_rows(0, 3)):
        assert f"{len(one)}, read by" in repr(one.values())
        assert repr(one.items()) == repr(one.values())
        with pytest.raises(TypeError, match="not reversible"):
            reversed(one)  # type: ignore[call-overload]
    assert checkpoint.traffic.requests - before <= 3  # of the load


def test_an_empty_checkpoint_is_an_empty_mapping(tmp_path: Path) -> None:
    """Nothing comes of it, and nothing fails."""
    empty = embzarr.save(tmp_path, [], np.empty((0, 4), "f4"))

    assert [list(empty), list(empty.values()), list(empty.items()), [*empty.words]] == [[]] * 4
    assert (np.asarray(empty).shape, empty.shape, "a" in empty) == ((0, 4), (0, 4), False)
    assert empty.get("a") is None


def test_is_a_mapping_to_whoever_asks(checkpoint: embzarr.Checkpoint) -> None:
    """To ``isinstance`` and ``match``, as is what was loaded; a copy of it is a dict."""
    word, vector = WORDS[5], TRUTH[WORDS[5]]
    for one in (checkpoint, checkpoint.load(WORDS)):
        assert isinstance(one, Mapping)
        match one:
            case {"no such word": _}:
                pytest.fail("matched a word that is not there")
            case {Known.WORD: found}:
                np.testing.assert_array_equal(found, vector)
            case _:
                pytest.fail("a word that is there was not matched")
        np.testing.assert_array_equal(dict(one.items())[word], vector)
    few = embzarr.open(checkpoint.url)
    assert {w: v.tobytes() for w, v in dict(few).items()} == {
        w: v.tobytes() for w, v in TRUTH.items()
    }


def test_equals_itself_alone(url: Path, checkpoint: embzarr.Checkpoint) -> None:
    """As an object does: nothing is read to compare two, and both may be keys of a dict."""
    other = embzarr.open(url)
    like: object = TRUTH

    assert checkpoint == checkpoint  # noqa: PLR0124 - that is what is asked
    assert checkpoint != other
    assert checkpoint != like
    assert len({checkpoint, other, checkpoint}) == 2
    assert other.traffic.bytes_read == embzarr.open(url).traffic.bytes_read


def test_is_an_array_where_columns_may_be_named(tmp_path: Path) -> None:
    """Though it is a mapping: what was loaded is laid over rows as the vectors that it has."""
    run = embzarr.Run(tmp_path / "run")
    first = run.save(WORDS[:3], VECTORS[:3])

    for values in (run.open(), first.load(WORDS[:3])):
        saved = run.save_delta([2, 1, 0], values)
        np.testing.assert_array_equal(saved.to_numpy(), VECTORS[2::-1])
        run.save_delta([0, 1, 2], VECTORS[:3])


def test_one_word_that_is_at_hand_is_found_without_a_request(
    checkpoint: embzarr.Checkpoint,
) -> None:
    """The vector of a word of the base, of a delta, and of none, as a cold read finds them."""
    checkpoint.load(WORDS)
    before = checkpoint.traffic.requests

    for word in (WORDS[0], WORDS[ROWS // 2], WORDS[-1]):
        np.testing.assert_array_equal(checkpoint[word], TRUTH[word])
        assert word in checkpoint
        assert f"{word}\0" not in checkpoint
    assert all(odd not in checkpoint for odd in ("", "\U0010ffff" * 3, min(WORDS)[:-1] + "\0"))
    assert checkpoint.traffic.requests == before


# As an array --------------------------------------------------------------------------------------
def test_is_an_array_to_numpy(checkpoint: embzarr.Checkpoint) -> None:
    """Shape, dimensions and type are told without a read; the numbers are all vectors."""
    before = checkpoint.traffic.requests
    told = (checkpoint.shape, checkpoint.ndim, checkpoint.dtype)

    assert told == (VECTORS.shape, VECTORS.ndim, VECTORS.dtype)
    assert checkpoint.traffic.requests == before
    np.testing.assert_array_equal(np.asarray(checkpoint), VECTORS)
    assert np.array(checkpoint, np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.array(checkpoint, np.float64), VECTORS.astype(np.float64))
    np.testing.assert_array_equal(np.asarray(checkpoint)[10:20], VECTORS[10:20])


def test_no_copy_cannot_be_had_of_a_store(checkpoint: embzarr.Checkpoint) -> None:
    """numpy's `copy=False` is a ValueError, as numpy expects of what has no array in memory."""
    with pytest.raises(ValueError, match="copy=False") as caught:
        np.asarray(checkpoint, copy=False)

    assert isinstance(caught.value, embzarr.InvalidInputError)


@pytest.mark.parametrize("rows", [slice(0, 10), 5, np.int64(5), range(3), [0, 1]], ids=repr)
def test_rows_in_brackets_are_told_of_load_rows(rows: Any, checkpoint: embzarr.Checkpoint) -> None:
    """A number may be a word, so that rows are asked for by a call, which the error names."""
    for one in (checkpoint, checkpoint.load_rows(0, 20)):
        with pytest.raises(embzarr.InvalidInputError, match=r"rows are read .* load_rows"):
            one[rows]


@pytest.mark.parametrize("words", [slice("a", "b"), slice("a", None), slice(None, "b")], ids=repr)
def test_a_slice_of_words_says_what_reads_it(words: Any, checkpoint: embzarr.Checkpoint) -> None:
    """As rows by number do."""
    with pytest.raises(embzarr.InvalidInputError, match="a range of words is read with load_range"):
        checkpoint[words]


# Words --------------------------------------------------------------------------------------------
def test_words_are_read_once(checkpoint: embzarr.Checkpoint) -> None:
    """Whoever looks at the words again, or at their parts and rows, reads nothing."""
    assert checkpoint.words == WORDS
    before = checkpoint.traffic.requests

    assert checkpoint.words[3] == WORDS[3]
    assert checkpoint.words is checkpoint.words
    assert [checkpoint.words.index(word) for word in WORDS] == list(range(ROWS))
    assert list(checkpoint) == WORDS
    assert checkpoint.traffic.requests == before


def test_words_are_a_list_that_cannot_be_changed(checkpoint: embzarr.Checkpoint) -> None:
    """Slices, steps, ends, membership, comparison and `index` are those of the list."""
    words: Any = checkpoint.words

    for some in (slice(3, 9), slice(None, None, -7), slice(-3, None), slice(9, 3), slice(0, 5000)):
        assert words[some] == WORDS[some]
    assert (words[-1], words.index(WORDS[5], 5), words.count(WORDS[5])) == (WORDS[-1], 5, 1)
    assert [*reversed(words)] == WORDS[::-1]
    assert (WORDS[5] in words, "no such word" in words, 5 in words) == (True, False, False)
    assert words == tuple(WORDS)
    assert (words == WORDS[:-1], words == [*WORDS[:-1], "x"], words == "abc") == (False,) * 3
    assert pickle.loads(pickle.dumps(words)) == WORDS  # noqa: S301 - our own
    for wrong in ("no such word", WORDS[5] + "\ud800", 5):
        with pytest.raises(ValueError, match="is not among the words"):
            words.index(wrong)
    with pytest.raises(ValueError, match="is not among the words"):
        words.index(WORDS[5], 6)
    with pytest.raises(IndexError):
        _ = words[ROWS]
    with pytest.raises(TypeError):
        words[0] = "x"
    assert repr(words) == f"Words([{', '.join(map(repr, WORDS[:3]))}, ... {ROWS} in all])"


# With ---------------------------------------------------------------------------------------------
def test_a_block_may_hold_a_checkpoint(url: Path) -> None:
    """``with`` gives the checkpoint, and lets go of what it kept; it can be read all the same."""
    with embzarr.open(url) as checkpoint:
        words = checkpoint.words

    assert checkpoint.words is not words
    assert checkpoint.words == WORDS
    np.testing.assert_array_equal(checkpoint[WORDS[0]], VECTORS[0])
