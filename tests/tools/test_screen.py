from __future__ import annotations

import io
import json
import re
import sys

import pytest
from rich.console import Console

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


HOSTILE = "\x1b[31m\x9b\u202e[red]x[/] \t\n\u2028"


@pytest.mark.parametrize("terminal", [False, True])
def test_whatever_way_out_a_text_takes_it_shows_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    """Names, titles, labels, lines and lines written past all rules hold no control code."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    _screen.show_table([_screen.Column("name")], [[HOSTILE]], title=HOSTILE)
    _screen.show_fields({HOSTILE: HOSTILE})
    _screen.show_json({HOSTILE: [HOSTILE, 1.5]})
    _screen.show_row([HOSTILE, 1])
    for way in (_screen.say, _screen.heading, _screen.write, _screen.say_aside, _screen.show_aside):
        way(HOSTILE)
    for text in capsys.readouterr():
        assert text.replace("\n", "").replace("\t", "").isprintable()


def test_a_bar_and_its_lines_show_text_as_it_is() -> None:
    """What is renewed in place obeys neither markup nor control codes of its labels."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with _screen.live(HOSTILE, console) as renew:
        renew(1, 2, HOSTILE, [HOSTILE])
    shown = screen.getvalue()
    assert "\\x1b[31m\\x9b\\u202e[red]x[/] " in shown
    assert not {"\x9b", "\u202e", "\u2028"} & set(shown)
    assert "\x1b[31m" not in shown


def test_json_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    """What does not show is written as JSON's own escape, and what does, as it is."""
    document = {f"猫{HOSTILE}\ud800\U000e0041": HOSTILE}
    _screen.show_json(document)
    written = capsys.readouterr().out
    assert json.loads(written) == document
    assert "猫" in written
    assert r"\udb40\udc41" in written


def test_a_pipe_gets_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress is shown to people only."""
    with _screen.progress("working") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


def test_long_work_in_bytes_shows_how_fast_it_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that are done, bytes a second and the time left; a total may be unknown at first."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _screen.progress("working", unit_bytes=1000) as advance:
        advance(1, 0)
        for done in range(2, 2000):
            advance(done, 4000)
    shown = capsys.readouterr().err
    assert "2.0/4.0 MB" in shown
    assert "MB/s" in shown or "GB/s" in shown
    assert re.search(r"\d:\d\d:\d\d", shown)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, shown: str) -> None:
    """As people say how old something is."""
    assert _screen.people(_screen.Age(seconds)) == shown
