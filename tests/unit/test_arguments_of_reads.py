"""What every door that reads promises of its arguments: what was meant, or their name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors, make_words

ROWS = 300
WORDS = make_words(ROWS)
VECTORS = make_vectors(ROWS, 8)
KING, QUEEN = WORDS[7], WORDS[200]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps and a tag."""
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS, VECTORS, step=0)
    embzarr.save(path, WORDS, VECTORS, step=1, counts=np.arange(ROWS))
    embzarr.Run(path).tag("best", step=0)
    return path


@pytest.fixture
def checkpoint(url: Path) -> Any:
    """The checkpoint, opened cold; of any type, so that it may be called wrongly."""
    return embzarr.open(url)


def streamed(parts: Iterable[embzarr.Loaded]) -> list[str]:
    return [word for part in parts for word in part.words]


Door = Callable[[Any, Any], Any]
DOORS: dict[str, Door] = {
    "load": lambda c, words: [*c.load(words)],
    "stream": lambda c, words: streamed(c.stream(words)),
    "brackets": lambda c, words: c[words],
    "plan": lambda c, words: c.plan(words).chunks and None,
    "restrict": lambda c, words: [w for w, _ in c.most_similar(VECTORS[7], restrict=words)],
    "of a load": lambda c, words: c.load([KING, QUEEN])[words],
}
ORDERED = [name for name in DOORS if name not in {"plan", "restrict"}]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "word",
    [KING, KING.encode(), np.str_(KING), np.bytes_(KING.encode())],
    ids=lambda word: type(word).__name__,
)
def test_one_word_is_a_word_on_every_door(door: str, word: Any, checkpoint: Any) -> None:
    """A str alone is never a list of its letters, nor bytes one of numbers."""
    found = DOORS[door](checkpoint, word)

    if isinstance(found, np.ndarray):
        np.testing.assert_array_equal(found, VECTORS[7])
    else:
        assert found in (None, [KING])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "many",
    [(KING, QUEEN), np.array([KING, QUEEN]), [KING.encode(), QUEEN], {KING: 1, QUEEN: 2}],
    ids=["tuple", "array", "mixed", "dict"],
)
def test_words_come_in_what_has_an_order(door: str, many: Any, checkpoint: Any) -> None:
    """Whatever holds them, they are answered in that order, as plain texts."""
    found = DOORS[door](checkpoint, many)

    if isinstance(found, np.ndarray):
        np.testing.assert_array_equal(found, VECTORS[[7, 200]])
    else:
        assert found in (None, [KING, QUEEN])
        assert {type(word) for word in found or ()} <= {str}


@pytest.mark.parametrize("door", DOORS)
def test_a_set_is_taken_where_order_does_not_matter(door: str, checkpoint: Any) -> None:
    """Else it is refused, since nobody could tell which row is whose."""
    if door in ORDERED:
        with pytest.raises(embzarr.InvalidInputError, match=r"words: .* in an order.* found set"):
            DOORS[door](checkpoint, {KING, QUEEN})
    else:
        DOORS[door](checkpoint, {KING, QUEEN})


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("rows", [5, np.int64(5), [5], np.arange(3), slice(0, 3)], ids=repr)
def test_row_numbers_are_told_how_rows_are_read(door: str, rows: Any, checkpoint: Any) -> None:
    """On no door does a number pass for a word."""
    with pytest.raises(embzarr.InvalidInputError, match="load_rows"):
        DOORS[door](checkpoint, rows)


ONE_WORD: dict[str, Door] = {
    "get": lambda c, word: c.get(word),
    "load_prefix": lambda c, word: c.load_prefix(word),
    "load_range first": lambda c, word: c.load_range(word, "z"),
    "load_range last": lambda c, word: c.load_range("a", word),
    "similarity": lambda c, word: c.similarity(word, KING),
    "most_similar": lambda c, word: c.most_similar([word]),
    "of a load": lambda c, word: c.load(KING).get(word),
}


@pytest.mark.parametrize("door", ONE_WORD)
@pytest.mark.parametrize("word", [5, 1.5, [KING], "\ud800", b"\xff", True], ids=repr)
def test_what_cannot_be_a_word_is_refused_on_every_door(
    door: str, word: Any, checkpoint: Any
) -> None:
    """A typed error of one code names the argument."""
    with pytest.raises(embzarr.InvalidInputError, match="word") as caught:
        ONE_WORD[door](checkpoint, word)

    assert caught.value.code == "input-word"


@pytest.mark.parametrize("word", [5, None, [KING], "\ud800", b"\xff", np.arange(2)], ids=repr)
def test_what_cannot_be_a_word_is_not_among_the_words(word: Any, checkpoint: Any) -> None:
    """`in` says no, as every container does."""
    assert word not in checkpoint
    assert word not in checkpoint.load([KING])
    assert KING.encode() in checkpoint
    assert np.str_(KING) in checkpoint.load([KING])


# Numbers ------------------------------------------------------------------------------------------
NUMBERS: dict[str, tuple[str, Door]] = {
    "open step": ("step", lambda c, n: embzarr.open(c.url, step=n)),
    "open commit": ("commit", lambda c, n: embzarr.open(c.url, commit=n)),
    "run step": ("step", lambda c, n: embzarr.Run(c.url).open(step=n)),
    "run commit": ("commit", lambda c, n: embzarr.Run(c.url).open(commit=n)),
    "tag step": ("step", lambda c, n: embzarr.Run(c.url).tag("x", step=n)),
    "tag commit": ("commit", lambda c, n: embzarr.Run(c.url).tag("x", commit=n)),
    "load_rows start": ("start", lambda c, n: c.load_rows(n, 3)),
    "load_rows stop": ("stop", lambda c, n: c.load_rows(0, n)),
    "stream start": ("start", lambda c, n: c.stream(start=n)),
    "stream stop": ("stop", lambda c, n: c.stream(stop=n)),
    "batch_bytes": ("batch_bytes", lambda c, n: c.stream(batch_bytes=n)),
    "index": ("index", lambda c, n: c.load_part(n, 3)),
    "parts": ("parts", lambda c, n: c.load_part(0, n)),
    "topn": ("topn", lambda c, n: c.most_similar(KING, topn=n)),
    "restrict_vocab": ("restrict_vocab", lambda c, n: c.most_similar(KING, restrict_vocab=n)),
    "dims": ("dims", lambda c, n: c.load(KING, dims=slice(0, n))),
    "memory_limit": ("memory_limit", lambda c, n: c.load([], memory_limit=n)),
    "stream memory_limit": ("memory_limit", lambda c, n: c.stream(memory_limit=n)),
    "memory_bytes": ("memory_bytes", lambda _, n: embzarr.Cache(n)),
    "folder_bytes": ("folder_bytes", lambda _, n: embzarr.Cache(folder_bytes=n)),
}


@pytest.mark.parametrize("door", NUMBERS)
def test_whole_numbers_of_every_kind_are_taken(door: str, checkpoint: Any) -> None:
    """numpy's integers, and what is whole as a float, are the numbers that they are."""
    _, call = NUMBERS[door]

    for number in (1, np.int64(1), np.uint8(1), 1.0, np.float32(1)):
        call(checkpoint, number)


@pytest.mark.parametrize("door", NUMBERS)
@pytest.mark.parametrize("number", ["1", 1.5, float("nan"), True, [1]], ids=repr)
def test_what_is_no_whole_number_is_refused_by_name(
    door: str, number: Any, checkpoint: Any
) -> None:
    """Text, fractions and truth are told of with the argument, on every door alike."""
    name, call = NUMBERS[door]

    with pytest.raises(
        embzarr.InvalidInputError, match=f"^{name}: expected a whole number"
    ) as told:
        call(checkpoint, number)

    assert told.value.code == "input-argument"


@pytest.mark.parametrize("door", ["open", "run"])
def test_numbers_and_names_find_the_commit_that_is_meant(door: str, url: Path) -> None:
    """A step and a commit by a number of any kind, 0 among them, and a tag by its text."""
    find: Any = embzarr.Run(url).open if door == "run" else lambda **how: embzarr.open(url, **how)

    assert [find(step=step).commit for step in (0, np.int64(0), 0.0, 1)] == [1, 1, 1, 2]
    assert [find(commit=number).step for number in (1, np.uint64(2), 2.0)] == [0, 1, 1]
    assert find(tag=np.str_("best")).step == 0
    for wrong in ({"step": -1}, {"commit": 0}, {"commit": -1}, {"tag": 5}, {"tag": b"best"}):
        (name,) = wrong
        with pytest.raises(embzarr.InvalidInputError, match=f"^{name}: expected"):
            find(**wrong)


# The rest -----------------------------------------------------------------------------------------
MASKED = np.ma.masked_array(np.empty((1, 8), np.float32), mask=True)
REST: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing": (
        {"missing": None},
        "missing: expected raise, skip, zeros, nan or subwords",
        "input-argument",
    ),
    "missing list": ({"missing": ["skip"]}, "missing: expected raise, skip", "input-argument"),
    "columns": (
        {"columns": 5},
        "columns: expected names of columns, found int 5",
        "input-argument",
    ),
    "a column": ({"columns": [5]}, "columns[0]: expected a str, found int 5", "input-argument"),
    "dims": ({"dims": 3}, "dims: expected a slice, found int 3", "input-argument"),
    "dims step": ({"dims": slice(0, 4, 0)}, "dims: expected a slice whose step", "input-argument"),
    "dims text": ({"dims": slice("a")}, "dims: expected a whole number", "input-argument"),
    "dtype": ({"dtype": "floaty"}, "dtype: expected a data type, found str", "input-dtype"),
    "out list": ({"out": []}, "out: expected a numpy array", "input-argument"),
    "out masked": ({"out": MASKED}, "out: expected a numpy array without a mask", "input-argument"),
}


@pytest.mark.parametrize("name", REST)
def test_other_settings_of_a_load_are_refused_by_name(name: str, checkpoint: Any) -> None:
    """What cannot be used is told with the argument, what was expected and what was found."""
    how, message, code = REST[name]

    with pytest.raises(embzarr.InvalidInputError) as caught:
        checkpoint.load([KING], **how)

    assert str(caught.value).startswith(message)
    assert caught.value.code == code


def test_columns_may_be_one_some_or_the_usual(checkpoint: Any) -> None:
    """A name alone is one column; a set is as good as a list; None is what is read by default."""
    for columns in ("counts", ("counts",), {"counts"}, [np.str_("counts")]):
        assert checkpoint.load([KING], columns=columns).columns["counts"].tolist() == [7]
    assert [*checkpoint.load([KING], columns=None).columns] == ["vectors"]
    np.testing.assert_array_equal(
        checkpoint.load(KING, dims=slice(np.int64(2)))[KING], VECTORS[7, :2]
    )


def test_a_cache_is_a_cache(url: Path) -> None:
    """A number of bytes is not one."""
    with pytest.raises(embzarr.InvalidInputError, match=r"cache: expected an embzarr\.Cache"):
        embzarr.open(url, cache=2**20)  # type: ignore[arg-type]  # as a caller may
    with pytest.raises(embzarr.InvalidInputError, match="found 5"):
        embzarr.Run(url).tag(5)  # type: ignore[arg-type]  # as a caller may


def test_a_keyword_that_no_load_has_brings_those_that_all_have(checkpoint: Any) -> None:
    """A guess, such as ``batch_rows`` of a stream, is answered with what there is."""
    with pytest.raises(embzarr.InvalidInputError, match=r"'batch_rows'.*columns, dims, dtype, mem"):
        next(checkpoint.stream(batch_rows=5))
