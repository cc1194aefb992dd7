"""Section 23.2 names who keeps each requirement, and the code by which a breach is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.corpus import CHECKPOINTS, INVALID, TEXT, cases, requirements, stores

_TABLE = TEXT[TEXT.index("### 23.2 ") : TEXT.index("## 24. ")]
_ROW = re.compile(r"^\| (R-.+?) \| ([A-Z ]+) \| (.+) \|$", re.MULTILINE)
_CODES = set(re.findall(r"^\| `([a-z-]+)` \| [RWVS ]+ \|", TEXT, re.MULTILINE))
_ADDRESSEES = {
    "reader": "R",
    "writer": "W",
    "planner": "W",
    "attempt": "W",
    "publisher": "W",
    "verifier": "V",
    "collector": "C",
    "repairer": "P",
}
_OF_SECTION_6 = {code for code in _CODES if code.startswith("json-")}
_OPEN = ("as in 7.5", "the manifest's", "any", "a reader's")
"""Words for codes that other requirements name."""


def ids_of(told: str) -> Iterator[str]:
    """Yield the requirements of a row's first cell."""
    for part in told.split(", "):
        first, _, last = part.partition(" to ")
        group, begin = first.rsplit("-", 1)
        end = (last or first).rsplit("-", 1)[1]
        yield from (f"{group}-{number:02d}" for number in range(int(begin), int(end) + 1))


ROWS = {
    each: (set(who.split()), told)
    for ids, who, told in _ROW.findall(_TABLE)
    for each in ids_of(ids)
}


def codes_of(each: str) -> set[str]:
    """Return the codes that a row names."""
    return set(re.findall(r"`([a-z-]+)`", ROWS[each][1]))


def is_open(each: str) -> bool:
    """Tell whether a row leaves codes to other requirements."""
    return any(words in ROWS[each][1] for words in _OPEN)


def broken() -> Iterator[tuple[str, list[str], str]]:
    """Yield each case and broken store with the requirements that it cites and its code."""
    for case in cases():
        if case.expected[0] == "error":
            yield case.id, list(case.requirement), case.expected[1]
    for store in stores(INVALID):
        if "code" in store.expected:
            yield store.name, store.expected["requirement"], store.expected["code"]


def test_every_requirement_has_a_row() -> None:
    """One each, in the order of the text, of marks and codes that there are."""
    assert list(ROWS) == list(requirements())
    for each, (who, _) in ROWS.items():
        assert who <= set("RWVCPS"), each
        assert codes_of(each) <= _CODES, each
    assert stores(CHECKPOINTS)


@pytest.mark.parametrize("each", ROWS)
def test_a_row_says_what_the_text_says(each: str) -> None:
    """Whoever a requirement addresses keeps it, and the codes that it names stand in its row."""
    text = re.split(r"\bMUST|\bSHOULD", requirements()[each])[0]
    who, _ = ROWS[each]
    for name, mark in _ADDRESSEES.items():
        if re.match(rf"an? {name}\b", text, re.IGNORECASE):
            assert mark in who

    named = {code for code in re.findall(r"`([a-z-]+)`", requirements()[each]) if code in _CODES}
    assert named <= codes_of(each) or is_open(each)


def test_the_corpus_gives_the_codes_of_the_rows() -> None:
    """Each code of the corpus is that of a requirement that the case cites."""
    wrong: list[Any] = []
    for name, cited, code in broken():
        told = set().union(*map(codes_of, cited)) | _OF_SECTION_6
        if code not in told and not any(map(is_open, cited)):
            wrong.append((name, cited, code))
    assert wrong == []
