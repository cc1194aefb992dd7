"""What `word_order` promises: words compare as their UTF-8 bytes do, however many at once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import word_table
from embzarr._format.words import word_order
from embzarr._format.words.word_order import Windows

LETTERS = st.text("\x00aé\U0001f418", max_size=12)
WORDS = LETTERS | st.builds("{}{}".format, st.sampled_from(["a" * n for n in range(41)]), LETTERS)


def windows_of(words: list[str]) -> Windows:
    return word_table.from_words(words).windows()


def sign(one: str, other: str) -> int:
    left, right = one.encode(), other.encode()
    return (left > right) - (left < right)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1))
def test_pairs_compare_as_their_bytes_do(pairs: list[tuple[str, str]]) -> None:
    """Zeros within a word and the end of a word are not the same."""
    left, right = (windows_of([pair[side] for pair in pairs]) for side in (0, 1))
    rows = np.arange(len(pairs))
    found = word_order.compare(left, rows, right, rows)
    assert found.tolist() == [sign(one, other) for one, other in pairs]


def test_no_pairs_have_no_order() -> None:
    """Nothing compares to nothing."""
    none = np.empty(0, np.int64)
    assert len(word_order.compare(windows_of([]), none, windows_of(["a"]), none)) == 0


@given(st.lists(WORDS, unique=True), st.lists(WORDS, min_size=1), st.data())
@pytest.mark.parametrize("few", [0, 10**6])
def test_search_finds_where_bisect_does(
    few: int, words: list[str], asked: list[str], data: st.DataObject
) -> None:
    """One by one and all at once, within any bounds, before or behind a word that is the same."""
    ordered = sorted(words, key=str.encode)
    asked = [*asked, *words]
    cuts = [sorted(data.draw(st.tuples(*[st.integers(0, len(words))] * 2))) for _ in asked]
    low, high = (np.array([cut[side] for cut in cuts]) for side in (0, 1))
    keys = [word.encode() for word in ordered]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_order, "_FEW", few)
        for how, bisect in (({}, bisect_left), ({"after": True}, bisect_right)):
            found = word_order.search(windows_of(ordered), (low, high), windows_of(asked), **how)
            expected = [
                bisect(keys, word.encode(), *cut) for word, cut in zip(asked, cuts, strict=True)
            ]
            assert found.tolist() == expected


@pytest.mark.parametrize("part", [1, 3, 4, 5])
def test_many_words_are_looked_at_in_parts(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As all at once, in any order, from any byte on."""
    words = windows_of(["king", "a", "", "counterrevolutionary", "é"])
    rows = np.array([3, 0, 4, 1, 2])
    assert words.window(rows, 7).tolist()[0] == int.from_bytes(b"revoluti", "big")
    whole = [words.firsts(), *(words.window(rows, 8 * depth) for depth in range(4))]
    monkeypatch.setattr(word_order, "PART", part)

    parts = [words.firsts(), *(words.window(rows, 8 * depth) for depth in range(4))]
    assert [found.tolist() for found in parts] == [found.tolist() for found in whole]
    assert int(whole[0][0]) == int.from_bytes(b"king\0\0\0\0", "big")
    assert int(whole[2][0]) == int.from_bytes(b"evolutio", "big")
