"""What `placements` promises: rows in the order asked for, in parts that cover them once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import placements, word_table
from embzarr._format.words.placements import Placement
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

XXH64 = {
    b"": 0xEF46DB3751D8E999,
    b"a": 0xD24EC4F1A98C6E5B,
    b"abc": 0x44BC2CF5AD770999,
}
"""Published values of XXH64 with seed 0."""
VOCABULARIES = st.lists(st.text(max_size=5), unique=True, max_size=40)


def arranged(
    text: str, words: Sequence[str], families: Sequence[str | int] | None = None
) -> tuple[Placement, list[int]]:
    """Return the placement and the order, which must be a permutation of the rows."""
    placement, order = placements.arrange(
        placements.parse(text), word_table.from_words(words), families
    )
    rows = list(range(len(words))) if order is None else order.tolist()
    assert sorted(rows) == list(range(len(words)))
    return placement, rows


def group(label: str, groups: int) -> int:
    return int(placements.group_of([label.encode()], groups)[0])


def code_of(text: str) -> str:
    with pytest.raises(InvalidInputError, match="placement is 'given', 'lexical'") as caught:
        placements.parse(text)
    return caught.value.code


# Reading what was asked for -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("given", Placement(kind="given")),
        ("lexical", Placement(kind="lexical")),
        ("hash", Placement(kind="hash", groups=1024)),
        ("hash:1", Placement(kind="hash", groups=1)),
        ("hash:65536", Placement(kind="hash", groups=65536)),
        ("family", Placement(kind="family", groups=1024)),
        ("family:64", Placement(kind="family", groups=64)),
    ],
)
def test_placements_are_parsed(text: str, expected: Placement) -> None:
    """A placement is a name, with a number of groups where rows are hashed."""
    assert placements.parse(text) == expected


@pytest.mark.parametrize("text", ["given", "lexical", "hash:7", "family:65536"])
def test_a_placement_is_shown_as_it_is_asked_for(text: str) -> None:
    """What `info` prints can be given to `save`."""
    assert str(placements.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "Given", "random", "given:", "given:3", "lexical:1", "hash:", "hash:0", "hash:-1"),
        *("hash:65537", "hash:1.5", "hash:1:2", "hash: 4", "hash:x", "family:", "family:0"),
        pytest.param("hash:" + "9" * 5000, id="many digits"),
        pytest.param("hash:\u0663", id="a digit of another script"),
    ],
)
def test_other_placements_are_refused(text: str) -> None:
    """Another name, or groups outside 1 to 65,536, is refused with what would do."""
    assert code_of(text) == "input-argument"


# Order --------------------------------------------------------------------------------------------
def test_given_rows_stay() -> None:
    """No order means that nothing is moved, nor copied."""
    placement, order = placements.arrange(
        placements.parse("given"), word_table.from_words(["b", "a"]), None
    )

    assert placement == Placement(kind="given")
    assert order is None


@given(VOCABULARIES)
def test_lexical_rows_are_sorted(words: list[str]) -> None:
    """Rows lie in byte order of their words."""
    placement, order = arranged("lexical", words)

    assert placement == Placement(kind="lexical")
    assert [words[row] for row in order] == sorted(words)


@pytest.mark.parametrize("groups", [1, 7, 1024, 65536])
def test_groups_are_xxh64_modulo_their_number(groups: int) -> None:
    """A word's group follows from published values of the hash: any language can compute it."""
    found = placements.group_of(list(XXH64), groups)

    assert found.tolist() == [value % groups for value in XXH64.values()]


@given(VOCABULARIES, st.integers(1, 50))
def test_hashed_rows_lie_in_groups(words: list[str], groups: int) -> None:
    """Each group is one stretch that holds all its words, in the order given."""
    placement, order = arranged(f"hash:{groups}", words)

    assert len(placement.starts) == groups + 1
    assert (placement.starts[0], placement.starts[-1]) == (0, len(words))
    for number in range(groups):
        rows = order[placement.starts[number] : placement.starts[number + 1]]
        assert rows == [row for row, word in enumerate(words) if group(word, groups) == number]


@given(VOCABULARIES, st.integers(1, 5), st.data())
def test_families_lie_together(words: list[str], groups: int, data: st.DataObject) -> None:
    """Within a group labels lie in byte order, and the words of a label in the order given."""
    labels = st.sampled_from(["", "a", "b", "\U0001f418", "\ufeff"])
    families = data.draw(st.lists(labels, min_size=len(words), max_size=len(words)))

    placement, order = arranged(f"family:{groups}", words, families)

    keys = [(group(families[row], groups), families[row].encode(), row) for row in order]
    sizes = [sum(key[0] == number for key in keys) for number in range(groups)]
    assert keys == sorted(keys)
    assert np.diff(placement.starts).tolist() == sizes


def test_numbers_name_families_as_their_digits_do() -> None:
    """A label of 7 is the label "7", from Python and from NumPy."""
    words = [f"w{number}" for number in range(6)]

    by_text = arranged("family:3", words, ["10", "9", "-1", "10", "9", "-1"])

    assert arranged("family:3", words, [10, 9, -1, 10, 9, -1]) == by_text
    assert arranged("family:3", words, list(np.array([10, 9, -1, 10, 9, -1]))) == by_text


@pytest.mark.parametrize("text", ["given", "lexical", "hash:4"])
def test_no_words_can_be_placed(text: str) -> None:
    """An empty vocabulary has every placement, with empty groups."""
    placement, order = arranged(text, [])

    assert order == []
    assert placement.starts == (0,) * (5 if placement.groups else 0)


def test_families_go_with_their_placement() -> None:
    """Families without the placement, and the placement without families, are refused."""
    words = word_table.from_words(["a", "b"])

    for text, families in [("given", ["x", "y"]), ("hash", ["x", "y"]), ("family", None)]:
        with pytest.raises(InvalidInputError, match="go together") as caught:
            placements.arrange(placements.parse(text), words, families)
        assert caught.value.code == "input-argument"


@pytest.mark.parametrize("families", [[], ["x"], ["x", "y", "z"]])
def test_each_word_has_one_family(families: list[str]) -> None:
    """Fewer or more families than words are refused with both numbers."""
    with pytest.raises(InvalidInputError, match=f"2 words, got {len(families)}") as caught:
        arranged("family", ["a", "b"], families)

    assert caught.value.code == "input-rows"


def test_a_family_is_text() -> None:
    """Half a surrogate pair, which no hash of UTF-8 could place, is refused with its row."""
    with pytest.raises(InvalidInputError, match="row 1: a family must be text") as caught:
        arranged("family", ["a", "b"], ["x", "\ud800"])

    assert caught.value.code == "input-argument"


# Parts --------------------------------------------------------------------------------------------
@given(st.integers(0, 1000), st.integers(1, 40))
def test_parts_by_rows_are_equal_to_within_one(rows: int, parts: int) -> None:
    """All shares together are the rows once, and none has two rows more than another."""
    shares = [placements.part_by_rows(rows, index, parts) for index in range(parts)]
    sizes = [stop - start for start, stop in shares]

    assert [row for start, stop in shares for row in range(start, stop)] == list(range(rows))
    assert max(sizes) - min(sizes) <= 1


def test_parts_by_rows_are_exact_for_large_numbers() -> None:
    """Whole numbers are divided as such: no rounding at 2**53 rows."""
    assert placements.part_by_rows(2**53, 2, 3) == (6004799503160661, 2**53)


@given(VOCABULARIES, st.integers(1, 20), st.integers(1, 25))
def test_parts_by_hash_hold_whole_groups(words: list[str], groups: int, parts: int) -> None:
    """A worker knows from a word's hash alone whether the word is in its share."""
    placement, order = arranged(f"hash:{groups}", words)
    shares = [placements.part_by_groups(placement, index, parts) for index in range(parts)]
    held = [{words[row] for row in order[start:stop]} for start, stop in shares]
    bounds = [groups * index // parts for index in range(parts + 1)]

    assert [row for start, stop in shares for row in range(start, stop)] == list(range(len(words)))
    for index, share in enumerate(held):
        mine = range(bounds[index], bounds[index + 1])
        assert share == {word for word in words if group(word, groups) in mine}


@pytest.mark.parametrize("text", ["given", "lexical"])
def test_parts_by_hash_need_groups(text: str) -> None:
    """Rows that do not lie in groups are not divided by them."""
    with pytest.raises(InvalidInputError, match=f"this checkpoint is {text}") as caught:
        placements.part_by_groups(Placement(kind=placements.parse(text).kind), 0, 2)

    assert caught.value.code == "input-argument"


@given(st.lists(st.integers(0, 2**40), max_size=60), st.integers(1, 12))
def test_parts_by_weight_cover_all_rows_once(weights: list[int], parts: int) -> None:
    """Whatever the weights, zeros included, each row is in one share."""
    counts = np.array(weights, np.uint64)
    shares = [placements.part_by_weight(counts, index, parts) for index in range(parts)]

    assert [row for a, b in shares for row in range(a, b)] == list(range(len(weights)))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.integers(1, 12))
def test_parts_by_weight_are_equal_to_within_a_row(weights: list[int], parts: int) -> None:
    """No share is heavier than its due by more than the heaviest row."""
    counts = np.array(weights, np.int64)
    due = sum(weights) / parts
    heaviest = max(weights)

    for index in range(parts):
        start, stop = placements.part_by_weight(counts, index, parts)
        if sum(weights):
            assert sum(weights[start:stop]) <= due + heaviest + 1e-9


def test_parts_by_weight_follow_a_zipf_distribution() -> None:
    """Where the first row weighs as much as all others, it is a share of its own."""
    weights = np.array([8, 1, 1, 1, 1, 1, 1, 1, 1], np.uint32)

    assert placements.part_by_weight(weights, 0, 2) == (0, 1)
    assert placements.part_by_weight(weights, 1, 2) == (1, 9)


def test_weights_may_be_fractions() -> None:
    """Shares of probabilities, whose sum is one, are as those of counts."""
    weights = np.array([0.5, 0.125, 0.125, 0.25], np.float32)

    assert [placements.part_by_weight(weights, index, 2) for index in range(2)] == [(0, 1), (1, 4)]


@pytest.mark.parametrize(
    "weights", [np.zeros(10, np.uint64), np.zeros(10, np.float32), np.full(10, np.nan)]
)
def test_weights_that_tell_nothing_divide_by_rows(
    weights: NDArray[Any],
) -> None:
    """Where all weights are zero, or none is a number, shares have equal rows."""
    assert [placements.part_by_weight(weights, index, 2) for index in range(2)] == [(0, 5), (5, 10)]


def test_no_rows_have_empty_shares() -> None:
    """A checkpoint without rows divides into as many empty parts as asked for."""
    none = np.empty(0, np.uint64)

    assert [placements.part_by_weight(none, index, 3) for index in range(3)] == [(0, 0)] * 3
    assert [placements.part_by_rows(0, index, 3) for index in range(3)] == [(0, 0)] * 3


def test_the_largest_weights_do_not_overflow() -> None:
    """Sums beyond 64 bits divide as sums do."""
    weights = np.full(4, 2**64 - 1, np.uint64)

    assert [placements.part_by_weight(weights, index, 2) for index in range(2)] == [(0, 2), (2, 4)]


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ([3, 1], [(0, 0), (0, 1), (1, 2)]),
        ([1, 1, 1], [(0, 1), (1, 2), (2, 3)]),
        ([1, 1, 4], [(0, 2), (2, 2), (2, 3)]),
        ([0, 0, 0, 0], [(0, 1), (1, 2), (2, 4)]),
        ([], [(0, 0), (0, 0), (0, 0)]),
    ],
)
def test_a_row_goes_where_most_of_it_is_due(
    weights: list[int], shares: list[tuple[int, int]]
) -> None:
    """The share in which the middle of its weight lies; without weights rows count."""
    counts = np.array(weights, np.int64)

    assert [placements.part_by_weight(counts, index, 3) for index in range(3)] == shares
