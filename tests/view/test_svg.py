"""Plots without a script: each mark is where its value belongs, and nothing lies upon another."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from embzarr_view import _svg
from embzarr_view._svg import Line

LEFT, RIGHT, TOP, BOTTOM = 58, 448, 12, 174
"""Borders of what is drawn, in a picture of 460 by 200."""


def parsed(svg: str) -> ET.Element:
    """Return the elements; text between them would stand in the page."""
    found = ET.fromstring(f"<p>{svg}</p>")  # noqa: S314 - our own
    assert not found.text
    assert not any(one.tail for one in found.iter() if one.tag != "i")
    return found


def ends(line: ET.Element) -> list[list[float]]:
    return [[*map(float, pair.split(","))] for pair in line.attrib["points"].split()]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0, 4, [0, 1, 2, 3, 4]),
        (0, 4.001, [0, 1, 2, 3, 4, 5]),
        (1, 7, [0, 2, 4, 6, 8]),
        (0, 20, [0, 5, 10, 15, 20]),
        (-3, 36, [-10, 0, 10, 20, 30, 40]),
        (3, 3, [3, 4]),
        (-3, -3, [-3, -2]),
        (0, 0, [0, 0.25]),
    ],
)
def test_ticks_are_ones_twos_and_fives(low: float, high: float, expected: list[float]) -> None:
    """Four steps or so, of 1, 2, 2.5 or 5 times a power of ten."""
    assert _svg.ticks(low, high) == pytest.approx(expected)


def test_lines_are_drawn_to_scale() -> None:
    """Steps across, values up, on rules that have their numbers; a name and a colour for each."""
    drawn = [Line("a<b", [(1000, 0.0), (2000, 8.0)]), Line("c", [(1500, 2.0)])]

    found = parsed(_svg.lines(drawn, lambda value: f"{value:g}%"))

    picture, legend = found
    assert (picture.attrib["viewBox"], picture.attrib["role"]) == ("0 0 460 200", "img")
    first, second = picture.findall("polyline")
    assert ends(first) == [[LEFT, BOTTOM], [RIGHT, TOP]]
    assert ends(second) == [[(LEFT + RIGHT) / 2, BOTTOM - (BOTTOM - TOP) / 4]]
    assert [one.attrib["class"] for one in (first, second)] == ["line c1", "line c2"]
    dots = [(one.attrib["class"], one.attrib["cx"]) for one in picture.findall("circle")]
    assert dots == [("dot c1", "58.0"), ("dot c1", "448.0"), ("dot c2", "253.0")]
    heights = [BOTTOM - at * (BOTTOM - TOP) / 4 for at in range(5)]
    rules = [(one.attrib["x1"], one.attrib["x2"]) for one in picture.findall("line")]
    assert rules == [("58", "448")] * 5
    assert [float(one.attrib["y1"]) for one in picture.findall("line")] == heights
    assert [float(one.attrib["y2"]) for one in picture.findall("line")] == heights
    *marks, start, end = picture.findall("text")
    told = [(one.text, one.attrib["x"], float(one.attrib["y"]) - 3.5) for one in marks]
    assert told == [(f"{2 * at}%", "52", height) for at, height in enumerate(heights)]
    feet = [[one.attrib[name] for name in ("x", "y", "text-anchor")] for one in (start, end)]
    assert (start.text, end.text) == ("1,000", "2,000")
    assert feet == [["58.0", "192", "start"], ["448.0", "192", "end"]]
    names = [("".join(one.itertext()), one[0].attrib["class"]) for one in legend]
    assert names == [("a<b", "key c1"), ("c", "key c2")]


def test_one_line_needs_no_legend_and_many_points_no_dots() -> None:
    """Sixty points are dots, more are a line alone; of one value there is a scale all the same."""
    for count in (60, 61):
        (picture,) = parsed(_svg.lines([Line("a", [(x, 5.0) for x in range(count)])], str))
        assert len(picture.findall("circle")) == (60 if count == 60 else 0)
        assert ends(picture.findall("polyline")[0])[0] == [LEFT, (TOP + BOTTOM) / 2]


def test_colours_begin_again_after_eight() -> None:
    """A style sheet has no more."""
    picture, legend = parsed(_svg.lines([Line("a", [(0, at)]) for at in range(9)], str))

    expected = [f"c{at}" for at in (1, 2, 3, 4, 5, 6, 7, 8, 1)]
    assert [one.attrib["class"][5:] for one in picture.findall("polyline")] == expected
    assert [one[0].attrib["class"][4:] for one in legend] == expected


def test_words_leave_room_for_each_other() -> None:
    """A word is 42 wide and 12 high: one that would lie upon an earlier one is a dot."""
    places = {
        "corner": (0, 0),
        "opposite": (840, 568),
        "beside": (42, 0),
        "above": (0, 12),
        "middle": (300, 300),
    }
    covered = {"a": (0.1, 0.1), "b": (258.2, 311.8), "c": (341.8, 288.2)}
    every = {**places, **covered}

    (picture,) = parsed(
        _svg.places([*every], [x for x, _ in every.values()], [y for _, y in every.values()])
    )

    assert picture.attrib["viewBox"] == "0 0 920 600"
    words = {one.text: (one.attrib["x"], one.attrib["y"]) for one in picture.findall("text")}
    assert words == {word: (f"{x + 40:.1f}", f"{584 - y:.1f}") for word, (x, y) in places.items()}
    dots = [(one.attrib["cx"], one.attrib["cy"]) for one in picture.findall("circle")]
    assert dots == [(f"{x + 40:.1f}", f"{584 - y:.1f}") for x, y in covered.values()]
