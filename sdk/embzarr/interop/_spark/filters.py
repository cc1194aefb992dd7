"""What Spark's filters leave of a table: words, a range of words, rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from embzarr._format import arguments
from embzarr.interop._door import needs
from embzarr.interop._rows.record_batches import WORD
from embzarr.interop._rows.word_prefixes import end_of_prefix
from embzarr.interop._spark.rows import ROW

with needs("pyspark", extra="spark"):
    from pyspark.sql import datasource as of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Rows that pass: all conditions together. Words compare by their UTF-8, as in Spark."""

    words: frozenset[str] | None = None
    """One of these; None for any."""
    first: str = ""
    """The least word."""
    last: str | None = None
    """Past the last word; None for no end."""
    rows: frozenset[int] | None = None
    """One of these; None for any."""
    start: int = 0
    """The first row."""
    stop: int | None = None
    """Past the last row."""

    @property
    def is_of_words(self) -> bool:
        """Tell whether words are asked for by their order."""
        return bool(self.first) or self.last is not None

    def has_word(self, word: str) -> bool:
        """Tell whether a word passes."""
        listed = self.words is None or word in self.words
        return listed and self.first <= word and (self.last is None or word < self.last)

    def has_row(self, row: int) -> bool:
        """Tell whether a row passes."""
        listed = self.rows is None or row in self.rows
        return listed and self.start <= row and (self.stop is None or row < self.stop)

    def narrowed(self, condition: Any) -> Wanted | None:  # noqa: ANN401 - pyspark is an extra
        """Return what one more filter leaves; None for one that Spark has to look at itself."""
        column = getattr(condition, "attribute", None)
        narrow = _NARROW.get((column, type(condition)))
        return None if narrow is None else narrow(self, getattr(condition, "value", None))

    def among_words(self, words: Collection[Any]) -> Wanted:
        """Return those of these words; nulls are none."""
        found = frozenset(words) - {None}
        return replace(self, words=found if self.words is None else self.words & found)

    def from_word(self, word: str) -> Wanted:
        """Return those from a word on."""
        return replace(self, first=max(self.first, word))

    def before_word(self, word: str | None) -> Wanted:
        """Return those before a word, or all for None."""
        ends = [end for end in (self.last, word) if end is not None]
        return replace(self, last=min(ends, default=None))

    def with_prefix(self, text: str) -> Wanted:
        """Return those that begin with a text."""
        return self.from_word(text).before_word(end_of_prefix(text))

    def among_rows(self, rows: Collection[Any]) -> Wanted:
        """Return those of these rows; nulls are none."""
        found = frozenset(rows) - {None}
        return replace(self, rows=found if self.rows is None else self.rows & found)

    def from_row(self, row: int) -> Wanted:
        """Return those from a row on."""
        return replace(self, start=max(self.start, row))

    def before_row(self, row: int) -> Wanted:
        """Return those before a row."""
        return replace(self, stop=row if self.stop is None else min(self.stop, row))


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """Return the rows that options ask for.

    Args:
        options: ``words``, ``prefix``, ``first``, ``last``, ``start`` and ``stop``, some of them.

    Raises:
        InvalidInputError: code ``input-word``: something else among words.
    """
    wanted = Wanted(start=options.get("start", 0), stop=options.get("stop"))
    if "words" in options:
        wanted = wanted.among_words(arguments.words("words", options["words"]))
    wanted = wanted.with_prefix(options.get("prefix", ""))
    return wanted.from_word(options.get("first", "")).before_word(options.get("last"))


_NARROW: Final[Mapping[Any, Callable[[Wanted, Any], Wanted]]] = {
    ((WORD,), of.IsNotNull): lambda wanted, _: wanted,
    ((WORD,), of.EqualTo): lambda wanted, word: wanted.among_words([word]),
    ((WORD,), of.EqualNullSafe): lambda wanted, word: wanted.among_words([word]),
    ((WORD,), of.In): lambda wanted, words: wanted.among_words(words),
    ((WORD,), of.StringStartsWith): lambda wanted, text: wanted.with_prefix(text),
    ((WORD,), of.GreaterThanOrEqual): lambda wanted, word: wanted.from_word(word),
    ((WORD,), of.GreaterThan): lambda wanted, word: wanted.from_word(f"{word}\0"),
    ((WORD,), of.LessThan): lambda wanted, word: wanted.before_word(word),
    ((WORD,), of.LessThanOrEqual): lambda wanted, word: wanted.before_word(f"{word}\0"),
    ((ROW,), of.IsNotNull): lambda wanted, _: wanted,
    ((ROW,), of.EqualTo): lambda wanted, row: wanted.among_rows([row]),
    ((ROW,), of.EqualNullSafe): lambda wanted, row: wanted.among_rows([row]),
    ((ROW,), of.In): lambda wanted, rows: wanted.among_rows(rows),
    ((ROW,), of.GreaterThanOrEqual): lambda wanted, row: wanted.from_row(row),
    ((ROW,), of.GreaterThan): lambda wanted, row: wanted.from_row(row + 1),
    ((ROW,), of.LessThan): lambda wanted, row: wanted.before_row(row),
    ((ROW,), of.LessThanOrEqual): lambda wanted, row: wanted.before_row(row + 1),
}
