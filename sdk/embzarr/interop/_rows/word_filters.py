"""Which words can pass a filter: found by asking the filter itself, at a few words.

A filter that compares words with texts is constant between two neighbouring ones of those texts, in
byte order. It is evaluated at each text and at one word in each gap, the least one, which is the
text and a NUL; other columns are unknown then, and what comes out unknown may pass. So equality,
lists, ranges and whatever joins them need not be taken apart one by one, and a filter with any
other function in it is not judged here at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from embzarr.interop._door import needs
from embzarr.interop._rows.record_batches import WORD
from embzarr.interop._rows.word_prefixes import end_of_prefix

with needs("pyarrow", extra="arrow"):
    import pyarrow as pa
    from pyarrow import dataset as ds

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPARISONS: Final = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
_JOINS: Final = {"and_kleene", "or_kleene", "invert"}
_OF_WORDS_ALONE: Final = {"is_in", "is_valid", "if_else"}
"""Which take an unknown value for a known one, so that they must not be asked about one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Words from `first` up to, not including, `last`; None for no bound, equal for `first` alone.

    A single word is asked for as such, which takes one look into the lookup.
    """

    first: str
    last: str | None

    @property
    def is_word(self) -> bool:
        """Tell whether it is one word."""
        return self.first == self.last


@dataclass(frozen=True, slots=True)
class Parts:
    """What an expression is made of."""

    calls: frozenset[str]
    fields: frozenset[str]
    texts: tuple[str, ...]
    """That it compares with, in byte order."""


def parts_of(expression: Any) -> Parts | None:  # noqa: ANN401 - pyarrow has no types
    """Return the functions, columns and texts of an expression, or None where they do not show.

    pyarrow shows them in the pickle alone: an Arrow file whose metadata is the tree, and whose
    columns are the values.
    """
    try:
        with pa.ipc.open_file(expression.__reduce__()[1][0]) as file:
            shown = file.schema.to_string(truncate_metadata=False)
            values = [column[0].as_py() for column in file.get_batch(0).columns]
    except (pa.ArrowException, TypeError, IndexError, AttributeError):
        return None
    tree = shown.partition("-- schema metadata --")[2]
    calls = frozenset(re.findall(r"^call: '(.*)'$", tree, re.MULTILINE))
    fields = frozenset(re.findall(r"^field_ref: '(.*)'$", tree, re.MULTILINE))
    return Parts(calls, fields, tuple(sorted(_texts(values), key=str.encode)))


def _texts(values: Any) -> set[str]:  # noqa: ANN401 - what a filter holds
    if isinstance(values, str):
        return {values}
    listed = list(values.values()) if isinstance(values, dict) else values
    return (
        {text for value in listed for text in _texts(value)} if isinstance(listed, list) else set()
    )


def prefix(text: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a filter that words pass which begin with a text; it may let others pass, too."""
    begin, end = ds.field(WORD) >= text, end_of_prefix(text)
    return begin if end is None else begin & (ds.field(WORD) < end)


def spans(expression: Any, schema: Any) -> list[Span] | None:  # noqa: ANN401 - pyarrow has no types
    """Return where the words are that may pass, or None where that cannot be told.

    Args:
        expression: a filter.
        schema: of the table that it is asked of.
    """
    parts = parts_of(expression)
    if parts is None or WORD not in parts.fields:
        return None
    known = _COMPARISONS | _JOINS | (_OF_WORDS_ALONE if parts.fields == {WORD} else set())
    if not parts.calls <= known:
        return None
    pieces = list(_pieces(parts.texts))
    words = pa.array([piece.first for piece in pieces], pa.string())
    columns = [
        words if field.name == WORD else pa.nulls(len(pieces), field.type) for field in schema
    ]
    nullable = pa.schema([field.with_nullable(nullable=True) for field in schema])
    asked = ds.InMemoryDataset(pa.table(columns, schema=nullable))
    try:
        answers = asked.to_table(columns={"passes": expression})["passes"].to_pylist()
    except pa.ArrowException:  # which whoever runs the filter will say
        return None
    return _joined(
        piece for piece, passes in zip(pieces, answers, strict=True) if passes is not False
    )


def _pieces(texts: tuple[str, ...]) -> Iterator[Span]:
    """Yield all words, in order: each text, and the gaps before, between and after them."""
    if not texts or texts[0]:
        yield Span("", texts[0] if texts else None)
    for text, after in zip(texts, (*texts[1:], None), strict=False):  # of none, none
        yield Span(text, text)
        if after != f"{text}\0":
            yield Span(f"{text}\0", after)


def _joined(pieces: Iterator[Span]) -> list[Span]:
    """Join gaps with what follows them at once, so that a range is read as one."""
    joined: list[Span] = []
    for piece in pieces:
        if joined and _end(joined[-1]) == piece.first:
            joined[-1] = Span(joined[-1].first, _end(piece))
        else:
            joined.append(piece)
    return joined


def _end(piece: Span) -> str | None:
    return f"{piece.first}\0" if piece.is_word else piece.last
