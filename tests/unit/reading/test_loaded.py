"""What `loaded` promises: rows by word and number, and words that are read when asked for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest

from embzarr._reading import loaded as loaded_module
from embzarr._reading.loaded import Loaded
from embzarr.errors import InvalidInputError, WordNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

VECTORS = np.arange(6, dtype=np.float32).reshape(2, 3)


class Shelf:
    """Words that count how often they are fetched."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.reads = 0

    def __call__(self) -> Iterable[str]:
        self.reads += 1
        return iter(self.words)


def loaded(shelf: Shelf, **columns: NDArray[Any]) -> Loaded:
    return Loaded(np.array([4, -1]), {"vectors": VECTORS, **columns}, shelf)


def test_a_value_is_a_mapping_from_words_to_vectors() -> None:
    """It has as many words as rows, in their order, and gives each word's vector."""
    value = loaded(Shelf("king", "queen"))

    assert (len(value), list(value), list(value.keys())) == (2, ["king", "queen"], [*value.words])
    np.testing.assert_array_equal(value["queen"], VECTORS[1])
    np.testing.assert_array_equal(value[["queen", "king", "queen"]], VECTORS[[1, 0, 1]])
    np.testing.assert_array_equal(value[b"queen"], VECTORS[1])
    assert value["king"].shape == (3,)
    assert value[[]].shape == (0, 3)
    assert {word: row.tolist() for word, row in value.items()} == {
        "king": [0, 1, 2],
        "queen": [3, 4, 5],
    }
    assert dict(value).keys() == {"king", "queen"}
    assert [row.tolist() for row in value.values()] == VECTORS.tolist()
    assert (len(value.items()), len(value.values()), len(value.keys())) == (2, 2, 2)


def test_a_word_that_was_not_loaded_is_told_or_replaced() -> None:
    """Asked for by itself it is a KeyError, by `get` the default, and `in` says no."""
    value = loaded(Shelf("king", "queen"))

    with pytest.raises(KeyError, match=r"no word 'ant' among the 2 that were loaded") as caught:
        value[["king", "ant"]]

    assert isinstance(caught.value, WordNotFoundError)
    assert caught.value.code == "word-missing"
    assert (value.get("ant"), value.get("ant", 0)) == (None, 0)
    np.testing.assert_array_equal(value.get("king"), VECTORS[0])
    assert ["king" in value, "ant" in value, 0 in value, "\ud800" in value] == [True, *[False] * 3]
    with pytest.raises(InvalidInputError, match=r"word: expected a word as str .*load_rows"):
        value.get(0)  # type: ignore[arg-type]  # as a caller may


def test_a_word_that_stands_twice_is_found_where_it_stands_first() -> None:
    """Repeats that were asked for are iterated over, and do not hide the first."""
    value = loaded(Shelf("king", "king"))

    assert list(value) == ["king", "king"]
    np.testing.assert_array_equal(value["king"], VECTORS[0])


def test_a_value_is_an_array() -> None:
    """numpy takes the vectors as they are, or as another type by a copy."""
    value = loaded(Shelf())

    assert (value.shape, value.ndim, value.dtype.name) == ((2, 3), 2, "float32")
    assert np.shares_memory(np.asarray(value), VECTORS)
    assert np.asarray(value, copy=False) is not None
    assert not np.shares_memory(np.array(value), VECTORS)
    np.testing.assert_array_equal(np.asarray(value, np.float64), VECTORS)
    assert np.asarray(value, "f8").dtype == np.float64
    with pytest.raises(ValueError, match="copy=False: float32 becomes float64 by a copy alone"):
        np.asarray(value, np.float64, copy=False)


def test_words_wait_until_they_are_asked_for() -> None:
    """Nobody who takes vectors alone pays for words, and nobody pays twice."""
    shelf = Shelf("king", "queen")
    value = loaded(shelf)

    assert value.vectors is VECTORS
    assert (len(value), value.rows.tolist(), shelf.reads) == (2, [4, -1], 0)
    assert (value.words, value.words, shelf.reads) == (("king", "queen"), ("king", "queen"), 1)


def test_columns_are_by_name() -> None:
    """Each column that was asked for is there under its name."""
    counts = np.array([7, 0], np.uint64)

    value = loaded(Shelf(), counts=counts)

    assert list(value.columns) == ["vectors", "counts"]
    assert value.columns["counts"] is counts


def test_what_was_read_is_shown_by_its_size() -> None:
    """A value prints in one line, however many numbers it holds, without fetching words."""
    shelf = Shelf()

    shown = repr(loaded(shelf, counts=np.zeros(2, np.uint64)))

    assert shown == "Loaded(2 rows: vectors [2, 3] float32, counts [2] uint64)"
    assert shelf.reads == 0


def test_a_value_does_not_change() -> None:
    """Its parts cannot be replaced."""
    value = loaded(Shelf("king", "queen"))

    for field in ("rows", "columns", "words", "vectors"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, None)


# Filling ------------------------------------------------------------------------------------------
LOST = np.array([False, True, True, False])


def fill(block: NDArray[Any], *, nan: bool = False, lost: NDArray[Any] = LOST) -> NDArray[Any]:
    return loaded_module.fill(block, lost, nan=nan, what="c")


@pytest.mark.parametrize(
    "dtype",
    [
        *("bool", "int8", "uint64", "float16", "float32", "float64", "complex64"),
        np.dtype(ml_dtypes.bfloat16),
    ],
    ids=str,
)
def test_missing_rows_are_zeros_of_the_same_type(dtype: Any) -> None:
    """What was found stays bit for bit, and what was not is zero."""
    block = np.ones((2, 3), dtype)

    filled = fill(block)

    assert filled.dtype == block.dtype
    np.testing.assert_array_equal(filled.astype("complex64")[:, 0], [1, 0, 0, 1])
    assert filled.shape == (4, 3)


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "complex64", np.dtype(ml_dtypes.bfloat16)],
    ids=str,
)
def test_missing_rows_are_nan_where_asked(dtype: Any) -> None:
    """Every floating type, bfloat16 included, has NaN for a row that is not there."""
    filled = fill(np.ones((2, 3), dtype), nan=True)

    assert filled.dtype == dtype
    np.testing.assert_array_equal(np.isnan(filled.astype("complex128"))[:, 0], LOST)
    np.testing.assert_array_equal(filled[~LOST], np.ones((2, 3), dtype))


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8"])
def test_whole_numbers_have_no_nan(dtype: str) -> None:
    """A column that cannot hold NaN is refused by its name, not filled with something else."""
    with pytest.raises(InvalidInputError, match=f"'c' is {dtype}, which has no NaN") as caught:
        fill(np.ones(2, dtype), nan=True)

    assert caught.value.code == "input-argument"


@pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 2, 2)])
def test_rows_of_any_shape_are_filled(shape: tuple[int, ...]) -> None:
    """A missing row is missing as a whole, whatever a row is."""
    filled = fill(np.ones(shape))

    assert filled.shape == (4, *shape[1:])
    assert filled.reshape(4, -1).any(axis=1).tolist() == [True, False, False, True]


def test_nothing_found_is_all_filled() -> None:
    """Where no word was there, each row is filled; where nothing was asked for, there is none."""
    none = np.empty((0, 3), np.float32)

    np.testing.assert_array_equal(fill(none, lost=np.array([True, True])), np.zeros((2, 3)))
    assert fill(none, lost=np.empty(0, np.bool_)).shape == (0, 3)
