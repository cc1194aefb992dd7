from __future__ import annotations

import sys

import pytest

from embzarr_tools import _screen
from embzarr_tools._screen import Cell, Name, Parts, Ratio, Size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (5_280_000, "5.28 MB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (3 * 10**12, "3 TB"),
        (2**63, "9.22 EB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    """Three figures and a decimal unit, never four figures nor an exponent."""
    assert _screen.size(count) == text


@pytest.mark.parametrize(
    ("cell", "for_people", "for_programs"),
    [
        (None, "", ""),
        (1234567, "1,234,567", "1234567"),
        (Name(1234567), "1234567", "1234567"),
        (Size(1234567), "1.23 MB", "1234567"),
        (0.123456789, "0.1235", "0.123456789"),
        (Ratio(1.23456), "1.23", "1.23456"),
        (Parts("blosc:lz4"), "blosc lz4", "blosc:lz4"),
        ("a\tb\\c\nd", "a\\tb\\c\\nd", "a\\tb\\\\c\\nd"),
        ("\x1b[31m猫", "\\x1b[31m猫", "\\x1b[31m猫"),
        ("\x9b1m\x7f\u202e\u2028", "\\x9b1m\\x7f\\u202e\\u2028", "\\x9b1m\\x7f\\u202e\\u2028"),
    ],
)
def test_cells(cell: Cell, for_people: str, for_programs: str) -> None:
    """People get separators and no escape codes; programs get numbers and one line a row."""
    assert _screen.people(cell) == for_people
    assert _screen.plain(cell) == for_programs


@pytest.mark.parametrize(
    ("number", "written"),
    [(1.5, 1.5), (float("nan"), "NaN"), (float("inf"), "Infinity"), (-float("inf"), "-Infinity")],
)
def test_numbers_that_json_lacks_are_named(number: float, written: float | str) -> None:
    """JSON has no NaN: its name is written, which Python's and JavaScript's parsers read."""
    assert _screen.finite_or_text(number) == written


def test_a_bar_leaves_standard_output_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a bar on the terminal, what goes into a file still goes there."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _screen.progress("working") as advance:
        advance(1, 2, "half")
        _screen.write("into the file")
    assert capsys.readouterr().out == "into the file\n"


def test_a_pipe_gets_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress is shown to people only."""
    with _screen.progress("working") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")
