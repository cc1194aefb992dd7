"""What `word_table` promises: any words in, the same words out, sorted as their bytes sort."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import spec, word_table
from embzarr.errors import DamagedError, InvalidInputError
from oracle import make_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from embzarr._format.words.word_table import WordTable

T = TypeVar("T")

AWKWARD = [
    "",
    "\x00",
    "\x00\x00",
    "a",
    "a\x00",
    "a\x00\x00",
    "a\x00b",
    "b",
    "é",
    "国王",
    "\U0001f418",
]
SHARED = "shared beginning of more than thirty-two bytes "
WORDS = st.text() | st.sampled_from(AWKWARD) | st.text("\x00ab", max_size=40)
LONG_WORDS = st.builds("{}{}".format, st.sampled_from([SHARED, SHARED[:33], "x" * 32]), WORDS)
VOCABULARIES = st.lists(WORDS | LONG_WORDS, max_size=40)


def table_of(*words: str) -> WordTable:
    return word_table.from_words(words)


def duplicates_of(table: WordTable) -> list[tuple[int, int]]:
    """Return pairs of rows that hold the same word, next to each other in byte order."""
    order, tied = table._sorted()
    at = np.flatnonzero(tied)
    return list(zip(order[at].tolist(), order[at + 1].tolist(), strict=True))


def stored(*words: str) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Return ``words/data`` and ``words/offsets`` made without embzarr."""
    parts = [word.encode() for word in words]
    ends = itertools.accumulate(map(len, parts), initial=0)
    return np.frombuffer(b"".join(parts), np.uint8), np.array(list(ends), np.uint64)


def refusal(data: bytes, offsets: list[int]) -> str:
    numbers = np.array(offsets, np.uint64)
    with pytest.raises(DamagedError, match=r"^steps/1: ") as caught:
        word_table.from_store(np.frombuffer(data, np.uint8), numbers, what="steps/1")
    return caught.value.code


# In and out ---------------------------------------------------------------------------------------
@given(VOCABULARIES)
def test_words_come_back(words: list[str]) -> None:
    """Every way to look at a vocabulary shows the words that were put in."""
    table = word_table.from_words(words)

    assert list(table) == words
    assert list(word_table.from_words([word.encode() for word in words])) == words
    assert len(table) == len(words)
    assert [table.word(row) for row in range(len(words))] == words
    assert [table.utf8(row) for row in range(len(words))] == [word.encode() for word in words]
    assert table.lengths().tolist() == [len(word.encode()) for word in words]


@given(VOCABULARIES)
def test_the_stored_form_is_text_and_offsets(words: list[str]) -> None:
    """In memory lies what the format says: UTF-8 end to end, and one offset more than words."""
    data, offsets = stored(*words)
    table = word_table.from_words(words)

    np.testing.assert_array_equal(table.data, data)
    np.testing.assert_array_equal(table.offsets, offsets)
    assert list(word_table.from_store(data, offsets, what="x")) == words


def test_no_words_are_a_vocabulary() -> None:
    """A vocabulary without words can be sorted, taken from, joined and checked."""
    empty = word_table.from_words([])
    none = np.empty(0, np.int64)

    assert list(empty) == []
    assert empty.offsets.tolist() == [0]
    assert empty.argsort().tolist() == []
    assert duplicates_of(empty) == []
    assert list(empty.take(none)) == []
    assert list(word_table.concatenate([])) == []
    assert list(word_table.from_store(*stored(), what="x")) == []


@pytest.mark.parametrize(
    "words",
    [
        ("one", "zwei"),
        ["one", b"zwei"],
        (b"one", b"zwei"),
        np.array(["one", "zwei"]),
        np.array(["one", "zwei"], object),
        {"one": 1, "zwei": 2},
    ],
    ids=["tuple", "mixed", "bytes", "numpy text", "numpy objects", "dict"],
)
def test_words_come_from_any_iterable(words: Any) -> None:
    """Text and UTF-8, in lists, tuples, arrays, mappings and generators, are the same words."""
    assert list(word_table.from_words(words)) == ["one", "zwei"]
    assert list(word_table.from_words(word for word in words)) == ["one", "zwei"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (7, "expected a word as str, found int"),
        (None, "found NoneType"),
        (["a"], "found list"),
        (bytearray(b"a"), "found bytearray"),
        ("\ud800", "surrogates not allowed"),
        (b"\xff", "invalid start byte"),
        (b"\xed\xa0\x80", "invalid continuation byte"),
        (b"ab\xc0\x80", "invalid start byte"),
    ],
)
def test_what_is_no_text_is_refused_by_its_row(bad: Any, reason: str) -> None:
    """The row that is named counts on from the rows before this block."""
    with pytest.raises(InvalidInputError, match=f"row 102: .*{reason}") as caught:
        word_table.from_words(["a", "b", bad], first_row=100)

    assert caught.value.code == "input-word"
    with pytest.raises(InvalidInputError, match="row 0: "):
        word_table.from_words([bad])


def test_each_word_is_sound_for_itself() -> None:
    """Bytes that are a character only where they are joined are none."""
    with pytest.raises(InvalidInputError, match=r"row 1: .*unexpected end of data"):
        word_table.from_words([b"a", "é".encode()[:1], "é".encode()[1:]])


def test_words_have_a_longest_length(monkeypatch: Any) -> None:
    """A word of just the limit passes; a byte more is refused with its row and size."""
    monkeypatch.setattr(spec, "MAX_WORD_BYTES", 4)
    assert list(word_table.from_words(["", "\U0001f418", "abcd"])) == ["", "\U0001f418", "abcd"]

    with pytest.raises(InvalidInputError, match=r"row 6: .*at most 4 bytes, found 6") as caught:
        word_table.from_words(["a", "国国"], first_row=5)

    assert caught.value.code == "input-word"


def test_a_word_of_a_mebibyte_is_a_word() -> None:
    """Nothing is special about long words: they sort, compare and come back as short ones do."""
    long = ["x" * 2**20 + "b", "y", "x" * 2**20 + "a", "x" * 2**20]
    table = word_table.from_words(long)

    assert list(table) == long
    assert table.argsort().tolist() == [3, 2, 0, 1]
    assert duplicates_of(table) == []


# Order --------------------------------------------------------------------------------------------
@given(VOCABULARIES)
def test_order_is_that_of_bytes_and_stable(words: list[str]) -> None:
    """Rows sort as Python sorts their UTF-8, and equal words keep the order of their rows."""
    order = word_table.from_words(words).argsort()

    assert order.dtype == np.int64
    assert order.tolist() == sorted(range(len(words)), key=lambda row: words[row].encode())


@pytest.mark.parametrize("length", [0, 3, 8, 9, 40, 70])
def test_equal_words_keep_their_rows_order_among_thousands(length: int) -> None:
    """Many rows of few words lie as Python's stable sort lays them, and repeat as it counts."""
    drawn = np.random.default_rng(length).integers(0, 7, 5000).tolist()
    words = [f"{'x' * length}{number}" for number in drawn]
    table = word_table.from_words(words)
    expected = sorted(range(len(words)), key=words.__getitem__)

    assert table.argsort().tolist() == expected
    repeats = [pair for pair in itertools.pairwise(expected) if words[pair[0]] == words[pair[1]]]
    assert duplicates_of(table) == repeats


@given(VOCABULARIES)
def test_order_of_bytes_is_that_of_code_points(words: list[str]) -> None:
    """What Python's own sort of text gives is the same order."""
    table = word_table.from_words(words)

    assert list(table.take(table.argsort())) == sorted(words)


@pytest.mark.parametrize("shared", [0, 7, 8, 9, 15, 16, 24, 31, 32, 33, 40, 64])
def test_ties_of_every_length_are_broken(shared: int) -> None:
    """Beginnings around each multiple of eight bytes, shorter words and NULs hide no order."""
    tails = ["", "\x00", "\x00\x00", "\x00b", "a", "ab", "b", "é", "\U0001f418"]
    words = ["x" * shared + tail for tail in tails]
    shuffled = [words[i] for i in np.random.default_rng(shared).permutation(len(words))]
    table = word_table.from_words([*shuffled, "\U0010ffff"])

    assert list(table.take(table.argsort())) == [*words, "\U0010ffff"]


def test_a_real_vocabulary_sorts() -> None:
    """Twenty thousand words of many scripts lie as Python's sort lays them."""
    words = make_words(20_000)
    table = word_table.from_words(words)

    assert list(table.take(table.argsort())) == sorted(words)


@pytest.mark.parametrize("part", [1, 2, 100, 7000])
def test_ties_are_broken_a_part_at_a_time(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts end between words that tie with none, also where most of a vocabulary ties."""
    monkeypatch.setattr(word_table, "PART", part)
    drawn = np.random.default_rng(part)
    words = [f"{'abc' * (n % 5)}{drawn.integers(3000):x}" for n in range(6000)]
    expected = sorted(range(len(words)), key=words.__getitem__)

    table = word_table.from_words(words)
    assert table.argsort().tolist() == expected
    repeats = [pair for pair in itertools.pairwise(expected) if words[pair[0]] == words[pair[1]]]
    assert duplicates_of(table) == repeats


@given(VOCABULARIES)
def test_duplicates_are_found_and_nothing_else(words: list[str]) -> None:
    """Each neighbour in order that repeats the word before it is named with both rows."""
    table = word_table.from_words(words)
    rows: dict[str, list[int]] = {}
    for row, word in enumerate(words):
        rows.setdefault(word, []).append(row)
    expected = [pair for same in rows.values() for pair in itertools.pairwise(same)]

    assert sorted(duplicates_of(table)) == sorted(expected)


def test_parts_of_the_order_may_be_sorted_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts share nothing: the last may come first, as where several threads take them."""
    monkeypatch.setattr(word_table, "PART", 8)
    words = [f"{group}{SHARED}{n * 7919 % 97}" for n in range(97) for group in "cab"]
    parts: list[object] = []

    def backwards(work: Callable[[T], object], items: Sequence[T]) -> None:
        parts.extend(items)
        word_table.in_turn(work, items[::-1])

    order = word_table.from_words(words).argsort_unique(each=backwards)

    assert len(parts) > 2
    assert [words[row] for row in order] == sorted(words, key=str.encode)


def test_words_that_only_end_differently_are_no_duplicates() -> None:
    """NULs at the end, and differences beyond the bytes compared in bulk, count."""
    table = table_of("a", "a\x00", "a\x00\x00", SHARED, SHARED + "\x00", SHARED + "b")

    assert duplicates_of(table) == []


def test_duplicates_are_refused_with_their_rows() -> None:
    """The first five are shown, and how many more there are."""
    words = [f"w{n % 8}" for n in range(16)]
    table = word_table.from_words(words)

    with pytest.raises(InvalidInputError, match=r"'w4' in rows 4 and 12, and 3 more") as caught:
        table.argsort_unique()

    assert caught.value.code == "input-duplicate-word"
    with pytest.raises(InvalidInputError, match="once: 'x' in rows 0 and 1 "):
        table_of("x", "x").argsort_unique()


def test_distinct_words_pass() -> None:
    """A vocabulary in which every word stands once is not refused."""
    table = word_table.from_words([*AWKWARD, SHARED])

    table.argsort_unique()

    assert len(table) == len({*AWKWARD, SHARED})


# Parts --------------------------------------------------------------------------------------------
@given(VOCABULARIES, st.data())
def test_taking_rows_takes_their_words(words: list[str], data: st.DataObject) -> None:
    """Rows may be taken in any order, and more than once."""
    any_row = st.integers(0, len(words) - 1)
    rows = data.draw(st.lists(any_row, max_size=60) if words else st.just([]))

    taken = word_table.from_words(words).take(np.array(rows, np.int64))

    assert list(taken) == [words[row] for row in rows]
    assert taken.offsets[0] == 0


@given(st.lists(VOCABULARIES, max_size=5))
def test_tables_are_joined_end_to_end(parts: list[list[str]]) -> None:
    """Blocks that were appended one by one are one vocabulary, empty blocks included."""
    joined = word_table.concatenate([word_table.from_words(part) for part in parts])

    assert list(joined) == [word for part in parts for word in part]


# From a store -------------------------------------------------------------------------------------
@given(VOCABULARIES, st.data())
def test_a_part_of_the_store_is_read(words: list[str], data: st.DataObject) -> None:
    """A stretch of rows needs only its own bytes and offsets, which do not begin at zero."""
    text, offsets = stored(*words)
    start = data.draw(st.integers(0, len(words)))
    stop = data.draw(st.integers(start, len(words)))
    first, last = int(offsets[start]), int(offsets[stop])

    part = word_table.from_store(text[first:last], offsets[start : stop + 1], what="x")

    assert list(part) == words[start:stop]


def test_offsets_may_lie_far_out() -> None:
    """Words beyond the range of signed numbers are words, too."""
    offsets = np.array([2**63 + 5, 2**63 + 7, 2**63 + 10], np.uint64)

    table = word_table.from_store(np.frombuffer(b"abcde", np.uint8), offsets, what="x")

    assert list(table) == ["ab", "cde"]


@pytest.mark.parametrize(
    "offsets",
    [
        [0, 4],
        [0, 6],
        [0, 3, 2, 5],
        [1, 5],
        [5, 0],
        [0],
        [0, 2**63, 5],
        [0, 2**64 - 1],
        [0, 2**64 - 1, 5],
        [2**64 - 1, 4],
        [2**64 - 1, 2**64 - 1],
        [0, 1, 2**63, 2**64 - 1, 5],
    ],
    ids=lambda offsets: "-".join(map(str, offsets)),
)
def test_offsets_that_do_not_divide_the_text_are_refused(offsets: list[int]) -> None:
    """Offsets that fall, end elsewhere, or wrap around a machine's integers name no words."""
    assert refusal(b"abcde", offsets) == "words-invalid"


@pytest.mark.parametrize(
    ("data", "offsets"),
    [
        (b"ab\xffcd", [0, 2, 5]),
        (b"\xc3", [0, 1]),
        (b"\xed\xa0\x80", [0, 3]),
        ("é".encode(), [0, 1, 2]),
        ("aé".encode(), [0, 2, 3]),
        ("\U0001f418".encode(), [0, 0, 2, 4]),
    ],
)
def test_text_that_is_no_utf8_word_by_word_is_refused(data: bytes, offsets: list[int]) -> None:
    """Bytes that are no text are refused, and so is sound text cut inside a character."""
    assert refusal(data, offsets) == "words-invalid"


@given(st.binary(max_size=12), st.lists(st.integers(0, 12), max_size=6))
def test_whatever_is_stored_is_words_or_refused(data: bytes, cuts: list[int]) -> None:
    """Any bytes and offsets either decode word for word as Python decodes them, or are damage."""
    offsets = [0, *cuts, len(data)]
    falls = sorted(offsets) != offsets
    try:
        expected = [data[a:b].decode() for a, b in itertools.pairwise(offsets)]
    except UnicodeDecodeError:
        falls = True
    if falls:
        assert refusal(data, offsets) == "words-invalid"
    else:
        read = word_table.from_store(*raw(data, offsets), what="x")
        assert list(read) == expected


def raw(data: bytes, offsets: list[int]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    return np.frombuffer(data, np.uint8), np.array(offsets, np.uint64)


@given(st.lists(st.text(alphabet="\0ab", max_size=40), max_size=6))
def test_rising_is_what_python_says(listed: list[str]) -> None:
    """Words rise where each lies above the one before, zeros and shared beginnings included."""
    for words in (listed, sorted(listed), sorted(set(listed))):
        encoded = [word.encode() for word in words]
        expected = all(a < b for a, b in itertools.pairwise(encoded))

        assert word_table.from_words(words).rises() == expected
