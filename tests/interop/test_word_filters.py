"""No word that passes a filter is left out of what is read for it, whatever the filter is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.peers
pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.compute")
from embzarr.interop._rows import word_filters as filters  # noqa: E402 - where pyarrow is

SCHEMA = pa.schema([("word", pa.string()), ("n", pa.int64())])
word, n = pc.field("word"), pc.field("n")
texts = st.text(alphabet="ab\0é\U0010ffff", max_size=3)
COMPARED = ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]

of_words = st.builds(lambda how, text: getattr(word, how)(text), st.sampled_from(COMPARED), texts)
of_numbers = st.builds(lambda how, to: getattr(n, how)(to), st.sampled_from(COMPARED), st.just(1))
lists = st.builds(word.isin, st.lists(texts, min_size=1, max_size=3))
prefixes = st.builds(filters.prefix, texts)


def joined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda a, b: a & b, parts, parts),
        st.builds(lambda a, b: a | b, parts, parts),
        st.builds(lambda a: ~a, parts),
    )


expressions = st.recursive(st.one_of(of_words, of_numbers, lists, prefixes), joined, max_leaves=6)


def holds(spans: list[filters.Span], text: str) -> bool:
    """Tell whether a word lies in one of them, by the bytes of its UTF-8."""
    key = text.encode()
    return any(
        text == one.first
        if one.is_word
        else one.first.encode() <= key and (one.last is None or key < one.last.encode())
        for one in spans
    )


@given(expressions, st.lists(texts, min_size=1, max_size=20, unique=True))
def test_what_passes_is_read(asked: Any, words: list[str]) -> None:
    """Arrow's own filter in memory, over words and either number, passes nothing else."""
    found = filters.spans(asked, SCHEMA)
    rows = [{"word": one, "n": number} for one in words for number in (0, 1, 2)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    passed = set(table.filter(asked)["word"].to_pylist())

    assert found is None or all(holds(found, one) for one in passed)


@given(of_words, of_words, st.lists(texts, min_size=1, max_size=20, unique=True))
def test_nothing_else_is_read(one: Any, other: Any, words: list[str]) -> None:
    """Where words alone are compared, what is read is what passes."""
    asked = one & ~other
    found = filters.spans(asked, SCHEMA)
    table = pa.table({"word": words, "n": [0] * len(words)}, schema=SCHEMA)

    assert found is not None
    assert {text for text in words if holds(found, text)} == set(
        table.filter(asked)["word"].to_pylist()
    )


@given(texts, texts)
def test_a_prefix_lets_through_what_begins_so(begin: str, rest: str) -> None:
    """Whatever follows, the highest code point included."""
    found = filters.spans(filters.prefix(begin), SCHEMA)

    assert found is not None
    assert holds(found, begin + rest)


@pytest.mark.parametrize(
    "asked",
    [pc.starts_with(word, "a"), n > 1, word == pc.field("n"), word.cast("large_string") == "a"],
    ids=str,
)
def test_what_cannot_be_told_is_not(asked: Any) -> None:
    """Other functions, filters without words, and those that Arrow itself refuses."""
    assert filters.spans(asked, SCHEMA) is None
