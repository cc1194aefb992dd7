"""What is asked: word pairs that people scored, or analogies; read from the files in use.

The format is found in the content. Lines that are empty or begin with ``#`` are left out, and byte
order marks, UTF-16 and Windows line ends are no matter.

- Pairs: two words and a number, between tabs, commas, semicolons or blanks; a line of column names
  first if need be; further columns before the number (SimLex-999) or after it (Rare Words). Where
  all words carry a part of speech (``berry-n``, MEN's lemma form), it is cut off.
- Analogies: four words a line, in sections that lines such as ``: family`` begin.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import embzarr
from embzarr_words import read_lines

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

_SECTION: Final = ":"
_COMMENT: Final = "#"
_WORDS_OF_PAIR: Final = 2
_WORDS_OF_QUESTION: Final = 4
_UNNAMED: Final = "(no section)"
_OF_SPEECH = re.compile(r"(.+)-[nvjar]")
_LONGEST_FOUND: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Word pairs and how alike people found them."""

    file: str
    words: tuple[tuple[str, str], ...]
    scores: tuple[float, ...]
    """One a pair; only their order counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Questions of one kind."""

    name: str
    questions: tuple[tuple[str, str, str, str], ...]
    """(a, b, c, d): a is to b as c is to d, and d is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Analogies by section, in the file's order."""

    file: str
    sections: tuple[Section, ...]


class _Line(NamedTuple):
    number: int
    text: str


def read_task(path: str | os.PathLike[str]) -> Pairs | Questions:
    """Read a file of pairs or analogies.

    Raises:
        embzarr.NotFoundError: there is no such file (``eval-missing``).
        embzarr.InvalidInputError: no UTF-8 text (``eval-not-text``), nothing in it
            (``eval-empty``), or a line of neither kind (``eval-format``), with file and line.
    """
    file = Path(path)
    lines = _lines(file)
    if not lines:
        raise embzarr.InvalidInputError(
            "eval-empty", f"{file}: expected word pairs or analogies, found no line of either"
        )
    if _are_questions(lines):
        return Questions(file=str(path), sections=_sections(file, lines))
    return _pairs(str(path), file, lines)


def _lines(file: Path) -> list[_Line]:
    lines = read_lines(file, expected="a file of word pairs or analogies", code="eval")
    numbered = (_Line(number, line.strip()) for number, line in enumerate(lines, 1))
    return [line for line in numbered if line.text and not line.text.startswith(_COMMENT)]


def _are_questions(lines: Sequence[_Line]) -> bool:
    """Tell by the first lines: a section, or four words without a score."""
    head = [_fields(line.text, _separator(line.text)) for line in lines[:2]]
    scored = any(_score_column(fields) is not None for fields in head)
    four = len(lines[0].text.split()) == _WORDS_OF_QUESTION
    return lines[0].text.startswith(_SECTION) or (four and not scored)


def _sections(file: Path, lines: Sequence[_Line]) -> tuple[Section, ...]:
    found: list[tuple[str, list[tuple[str, str, str, str]]]] = []
    for line in lines:
        if line.text.startswith(_SECTION):
            found.append((line.text.lstrip(_SECTION).strip(), []))
            continue
        words = line.text.split()
        if len(words) != _WORDS_OF_QUESTION:
            raise _refused(file, line, "four words, or a section such as ': family'")
        if not found:
            found.append((_UNNAMED, []))
        a, b, c, d = words
        found[-1][1].append((a, b, c, d))
    return tuple(Section(name=name, questions=tuple(asked)) for name, asked in found)


def _pairs(name: str, file: Path, lines: Sequence[_Line]) -> Pairs:
    separator = _separator(lines[0].text)
    # The first line may hold the columns' names.
    columns = (_score_column(_fields(line.text, separator)) for line in lines[:2])
    column = next((column for column in columns if column is not None), None)
    if column is None:
        expected = "two words and a number, four words, or a section such as ': family'"
        raise _refused(file, lines[0], expected)
    if _score_column(_fields(lines[0].text, separator)) is None:
        lines = lines[1:]
    words, scores = [], []
    for line in lines:
        fields = _fields(line.text, separator)
        score = _number(fields[column]) if len(fields) > column else None
        if score is None or not all(fields[:_WORDS_OF_PAIR]):
            raise _refused(file, line, f"two words and a number in column {column + 1}")
        words.append((fields[0], fields[1]))
        scores.append(score)
    return Pairs(file=name, words=_without_parts_of_speech(words), scores=tuple(scores))


def _without_parts_of_speech(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    lemmas = [[_OF_SPEECH.fullmatch(word) for word in pair] for pair in pairs]
    if not all(lemma for pair in lemmas for lemma in pair):
        return tuple(pairs)
    return tuple((a[1], b[1]) for a, b in lemmas if a and b)


def _separator(text: str) -> str | None:
    """Return what divides a line of pairs; None for blanks."""
    return next((mark for mark in "\t,;" if mark in text), None)


def _fields(text: str, separator: str | None) -> list[str]:
    return [field.strip() for field in text.split(separator)]


def _score_column(fields: Sequence[str]) -> int | None:
    """Return the place of the first number after the two words."""
    places = range(_WORDS_OF_PAIR, len(fields))
    return next((place for place in places if _number(fields[place]) is not None), None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _refused(file: Path, line: _Line, expected: str) -> embzarr.InvalidInputError:
    text = line.text
    found = text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}…"
    return embzarr.InvalidInputError(
        "eval-format", f"{file}, line {line.number}: expected {expected}, found {found!r}"
    )
