"""What `arguments` promises: what was meant, or a typed error that names the argument."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from embzarr._format import arguments
from embzarr.errors import InvalidInputError

INF = float("inf")
WORDS = ["king", "", "猫", "naïve"]


class Name(str, enum.Enum):  # noqa: UP042 - the old way, whose str() is another text
    KING = "king"


class Series:
    """A column as pandas has it: what it gives by `tolist` is plain."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def tolist(self) -> list[Any]:
        return list(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)


def refused(call: Any, *expected: str) -> None:
    """Check that the error says all that is expected of it."""
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert [part for part in expected if part not in str(caught.value)] == []


# Seconds ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0.0), (7, 7.0), (0.5, 0.5), (np.int64(7), 7.0), (np.float32(0.5), 0.5), (INF, INF)],
)
def test_seconds_are_numbers_from_nought(value: object, expected: float) -> None:
    """A whole number is one too, and an endless one is for ever."""
    found = arguments.seconds("older_than", value)

    assert (type(found), found) == (float, expected)


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), "7", None, True, False, [7]])
def test_what_is_no_number_of_seconds_is_refused(value: object) -> None:
    """True is no second, and what is no number is not below nought either."""
    refused(lambda: arguments.seconds("older_than", value), "older_than", "seconds from 0")


# Whole numbers ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "value",
    [7, np.int8(7), np.uint64(7), np.array(7), 7.0, np.float32(7), np.float64(7)],
    ids=lambda value: type(value).__name__,
)
def test_whole_numbers_of_every_kind_are_taken(value: object) -> None:
    """An int, numpy's integers and what is whole as a float mean the same number."""
    found = arguments.whole("step", value)

    assert (type(found), found) == (int, 7)


@pytest.mark.parametrize(
    "value",
    [
        "seven",
        b"7",
        True,
        np.True_,
        7.5,
        float("nan"),
        float("inf"),
        np.float32("-inf"),
        None,
        [7],
        7j,
    ],
)
def test_what_is_no_whole_number_is_refused_by_name(value: object) -> None:
    """Text, truth, fractions and what is not finite are no numbers, and the error names them."""
    refused(lambda: arguments.whole("step", value), "step: expected a whole number, found ")


@pytest.mark.parametrize(("value", "good"), [(-1, False), (0, True), (9, True), (10, False)])
def test_bounds_are_told(value: int, good: bool) -> None:  # noqa: FBT001 - a case
    """Both bounds belong to what is allowed, and stand in the error."""
    if good:
        assert arguments.whole("index", value, least=0, most=9) == value
    else:
        refused(
            lambda: arguments.whole("index", value, least=0, most=9),
            f"index: expected a whole number from 0 to 9, found int {value}",
        )


def test_large_numbers_stay_exact() -> None:
    """A number that no float holds is taken as it is."""
    assert arguments.whole("step", 2**53 + 1) == 2**53 + 1


# Texts and choices --------------------------------------------------------------------------------
def test_a_text_is_a_str() -> None:
    """numpy's texts and enumerations are the text that they hold."""
    assert [arguments.text("tag", one) for one in ("a", np.str_("a"))] == ["a", "a"]
    assert arguments.text("tag", Name.KING) == "king"
    assert type(arguments.text("tag", np.str_("a"))) is str
    refused(lambda: arguments.text("tag", 5), "tag: expected a str, found int 5")


def test_a_choice_names_what_there_is() -> None:
    """What is not among the names is refused with all of them, what cannot be hashed too."""
    assert arguments.choice("by", "rows", ("rows", "hash")) == "rows"
    refused(
        lambda: arguments.choice("lossy", "int4", ("float16", "int8")),
        "lossy: expected float16 or int8, found str 'int4'",
    )
    refused(lambda: arguments.choice("by", ["rows"], {"rows"}), "by: expected rows, found list")


# Words --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "value",
    ["king", b"king", np.str_("king"), np.bytes_(b"king"), Name.KING],
    ids=lambda value: type(value).__name__,
)
def test_a_word_is_a_text_or_its_utf8(value: Any) -> None:
    """However a text is held, the word is a plain str."""
    found = arguments.word("word", value)

    assert (type(found), found) == (str, "king")
    assert arguments.words("words", value) == ["king"]
    assert arguments.is_word(value)


@pytest.mark.parametrize("value", [5, None, ["king"], 1.5, "\ud800", b"\xff", bytearray(b"a")])
def test_what_cannot_be_a_word_is_refused_by_name(value: object) -> None:
    """Numbers, collections and what UTF-8 cannot hold are named with the argument."""
    with pytest.raises(InvalidInputError, match=r"^word: ") as caught:
        arguments.word("word", value)

    assert caught.value.code == "input-word"
    assert not arguments.is_word(value)


COLLECTIONS: dict[str, Any] = {
    "list": WORDS,
    "tuple": tuple(WORDS),
    "generator": lambda: (word for word in WORDS),
    "numpy": np.array(WORDS),
    "numpy objects": np.array(WORDS, object),
    "numpy StringDType": np.array(WORDS, np.dtypes.StringDType()),
    "UTF-8": [word.encode() for word in WORDS],
    "mixed": [WORDS[0].encode(), *WORDS[1:]],
    "Series": Series(WORDS),
    "dict": dict.fromkeys(WORDS),
    "keys": dict.fromkeys(WORDS).keys(),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_words_come_in_every_collection_that_has_an_order(name: str) -> None:
    """Whatever holds them, they are plain texts in the caller's order, in a list of our own."""
    value = COLLECTIONS[name]
    given = value() if callable(value) else value

    found = arguments.words("words", given)

    assert found == WORDS
    assert {type(word) for word in found} == {str}
    assert found is not given


@pytest.mark.parametrize("value", [{"b", "a"}, frozenset("ba"), {"b": 1}.keys() | {"a"}])
def test_a_set_has_no_order(value: Any) -> None:
    """Where the answer goes by order a set is refused with the way on; else it is sorted."""
    refused(lambda: arguments.words("words", value), "words: expected words in an order", "sorted(")
    assert arguments.words_in_any_order("restrict", value) == ["a", "b"]


@pytest.mark.parametrize("value", [5, np.int64(5), slice(0, 10), range(3), np.arange(3), [4, 5]])
def test_row_numbers_are_no_words(value: Any) -> None:
    """A number where a word belongs is told how rows are read."""
    refused(lambda: arguments.words("words", value), "words", "load_rows")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "words: expected words as a list of str, found None"),
        (1.5, "words: expected words as a list of str, found float 1.5"),
        (["a", None], "words[1]: expected a word as str, found None"),
        ([["a"]], "words[0]: expected a word as str, found list ['a']"),
        (np.array([["a"], ["b"]]), "words[0]: expected a word as str, found list"),
        (["a", "b\ud800"], "words[1]: a word must be Unicode text"),
        ([b"a", b"\xff"], "words[1]: a word must be Unicode text"),
        (Series(["a", float("nan")]), "words[1]: expected a word as str, found float nan"),
        (np.ma.masked_array(["a", "b"], [True, False]), "words: expected words without a mask"),
    ],
)
def test_what_is_no_word_is_named_with_its_place(value: Any, message: str) -> None:
    """The first of them that cannot be a word is told, with what it is."""
    refused(lambda: arguments.words("words", value), message)


def test_messages_stay_short() -> None:
    """A wrong argument of a megabyte is not a message of a megabyte."""
    with pytest.raises(InvalidInputError) as caught:
        arguments.whole("step", "7" * 10**6)

    assert len(str(caught.value)) < 200
