"""Many words: those with which the vocabulary begins are found without its lookup."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._reading.words import vocabulary
from embzarr._storage.open import open_store
from embzarr._storage.port import Data, Store
from embzarr.errors import WordNotFoundError
from faulty import RecordingStore
from oracle import make_words

ROWS = 9000
WORDS = make_words(ROWS)
VECTORS = np.arange(ROWS, dtype=np.float32)[:, None].repeat(4, axis=1)
LEADING = WORDS[: vocabulary._MANY]


class Watched(RecordingStore):
    """Remembers what was read, and can be made to answer wrongly for the text of words."""

    def __init__(self, store: Store, *, lies: bool = False) -> None:
        super().__init__(store)
        self._lies = lies

    def get_range(self, key: str, start: int, length: int) -> Data:
        data = bytes(super().get_range(key, start, length))
        return bytes(length) if self._lies and "/words/data/" in key else data

    @property
    def looked_up(self) -> bool:
        return any("/lookup/" in key for key in self.asked)


@pytest.fixture
def url(tmp_path: Path) -> Path:
    embzarr.save(tmp_path, WORDS, VECTORS)
    return tmp_path


def test_leading_words_in_their_order_need_no_lookup(url: Path) -> None:
    """The common case: the first so many words, as the vocabulary has them."""
    store = Watched(open_store(url))

    np.testing.assert_array_equal(embzarr.open(store)[LEADING], VECTORS[: len(LEADING)])

    assert not store.looked_up


def test_all_words_of_a_vocabulary(url: Path) -> None:
    """No more of them are there than are asked for, a word twice included."""
    store = Watched(open_store(url))

    found = embzarr.open(store)[[*WORDS, WORDS[7]]]

    np.testing.assert_array_equal(found, VECTORS[[*range(ROWS), 7]])
    assert not store.looked_up


def test_leading_words_in_any_order(url: Path) -> None:
    """Whatever the order, what is among the first is found there, the rest by the lookup."""
    rows = np.random.default_rng(1).permutation(len(LEADING) + 50)

    found = embzarr.open(url)[[WORDS[row] for row in rows]]

    np.testing.assert_array_equal(found, VECTORS[rows])


@pytest.mark.parametrize("first", [1, 10, ROWS - len(LEADING)])
def test_words_from_further_on(url: Path, first: int) -> None:
    """What is not, or only in part, among the first words is found all the same."""
    stop = first + len(LEADING)

    np.testing.assert_array_equal(embzarr.open(url)[WORDS[first:stop]], VECTORS[first:stop])


def test_words_that_are_not_there_are_told(url: Path) -> None:
    """A word that merely begins as the text of the vocabulary does is none of it."""
    joined = WORDS[0] + WORDS[1]
    checkpoint = embzarr.open(url)

    loaded = checkpoint.load([joined, *LEADING, ""], missing="zeros")
    with pytest.raises(WordNotFoundError, match="no word"):
        checkpoint.load([*LEADING, joined])

    np.testing.assert_array_equal(loaded.vectors[1:-1], VECTORS[: len(LEADING)])
    assert not loaded.vectors[[0, -1]].any()


def test_words_that_deltas_changed_or_appended(url: Path) -> None:
    """Rows are the base's; what stands in them may be a delta's."""
    new = [f"new{number}" for number in range(20)]
    rows = [*range(5, 9), *range(ROWS, ROWS + 20)]
    embzarr.Run(url).save_delta(rows, np.full((24, 4), -1, np.float32), words=new, step=1)

    found = embzarr.open(url)[[*LEADING, *new]]

    expected = np.vstack([VECTORS[: len(LEADING)], np.full((20, 4), -1, np.float32)])
    expected[5:9] = -1
    np.testing.assert_array_equal(found, expected)


def test_damaged_text_of_words_costs_only_time(url: Path) -> None:
    """The lookup holds the words as well: they are found by it."""
    store = Watched(open_store(url), lies=True)

    np.testing.assert_array_equal(embzarr.open(store)[LEADING], VECTORS[: len(LEADING)])

    assert store.looked_up
