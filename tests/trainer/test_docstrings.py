"""Prose from the installed libraries."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

import embzarr_trainer
from embzarr_trainer._corpus import docstrings

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''#!/usr/bin/env python
"""The module does one thing well.

    >>> never_mind(this_one)

A second paragraph, about nothing
in particular.
"""
text = """not a docstring, since it does not begin a line"""
hidden = "# not a comment but a string with a mark in it"

def function():
    \'\'\'Return the answer to the question.\'\'\'
    # This comment tells why,
    # on two lines of text.
    return 42  # not a whole line of comment either
'''


def test_what_is_taken(tmp_path: Path) -> None:
    """Docstrings and whole-line comments are taken by paragraphs; doctests, code and others not."""
    path = tmp_path / "module.py"
    path.write_text(SOURCE)

    assert list(docstrings._paragraphs(path)) == [
        "The module does one thing well.",
        "A second paragraph, about nothing in particular.",
        "Return the answer to the question.",
        "This comment tells why, on two lines of text.",
    ]


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("Return the length of the list.", True),
        ("the `list` (if any) isn't changed", True),
        ("too short", False),
        ("x = f(y) + 3 * g[k] for k in z", False),
        ("0 1 2 3 4 5 6 7", False),
    ],
)
def test_is_prose(paragraph: str, *, expected: bool) -> None:
    """Most words of prose are plain words."""
    assert docstrings.is_prose(paragraph) is expected


@pytest.mark.slow
def test_library_prose() -> None:
    """There is plenty, always in the same order, without repeats or line ends, up to a bound."""
    some = list(itertools.islice(embzarr_trainer.library_prose(), 2000))

    assert some == list(itertools.islice(embzarr_trainer.library_prose(), 2000))
    assert len(set(some)) == 2000
    assert not any("\n" in paragraph for paragraph in some)
    assert sum(len(p) + 1 for p in embzarr_trainer.library_prose(max_chars=10_000)) <= 10_000
