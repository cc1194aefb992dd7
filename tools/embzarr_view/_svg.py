"""Plots as SVG, for a file that needs no script. What a store says is escaped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTH: Final = 460
_HEIGHT: Final = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 26
_TICKS: Final = 4
_COLOURS: Final = 8
_MOST_DOTS: Final = 60
_WORD_WIDTH: Final = 42
_WORD_HEIGHT: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A line over the steps."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1
        return self.start + (value - self.low) / span * (self.stop - self.start)


def lines(drawn: Sequence[Line], told: Callable[[float], str]) -> str:
    """Return a plot of lines, all of which have a point at least.

    Args:
        drawn: the lines.
        told: how to write a value at its axis.
    """
    xs = [x for line in drawn for x, _ in line.points]
    ys = [y for line in drawn for _, y in line.points]
    across = _Scale(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT)
    marks = ticks(min(ys), max(ys))
    up = _Scale(min(marks[0], *ys), max(marks[-1], *ys), _HEIGHT - _BOTTOM, _TOP)
    parts = [_rule(up(mark), told(mark)) for mark in marks]
    parts += [_foot(across(x), x, at) for at, x in ((0, min(xs)), (1, max(xs)))]
    parts += [_line(line, at, across, up) for at, line in enumerate(drawn)]
    legend = _legend([line.name for line in drawn]) if len(drawn) > 1 else ""
    return f"{_svg(_WIDTH, _HEIGHT, parts)}{legend}"


def places(words: Sequence[str], x: Sequence[float], y: Sequence[float]) -> str:
    """Return words at their places in the plane; those that lie upon earlier ones as dots."""
    width, height = 2 * _WIDTH, 3 * _HEIGHT
    across = _Scale(min(x), max(x), 40, width - 40)
    up = _Scale(min(y), max(y), height - 16, 16)
    parts, written = list[str](), list[tuple[float, float]]()
    for word, a, b in zip(words, map(across, x), map(up, y), strict=True):
        if any(abs(a - c) < _WORD_WIDTH and abs(b - d) < _WORD_HEIGHT for c, d in written):
            parts.append(f'<circle class="dot c1" cx="{a:.1f}" cy="{b:.1f}" r="1.5"/>')
            continue
        written.append((a, b))
        parts.append(f'<text class="word" x="{a:.1f}" y="{b:.1f}">{escape(word)}</text>')
    return _svg(width, height, parts)


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers from about `low` to about `high`, at least two."""
    span = (high - low) or abs(high) or 1.0
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough * 0.999)
    first = math.floor(low / step)
    count = max(math.ceil(high / step) - first, 1)
    return [(first + at) * step for at in range(count + 1)]


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'


def _rule(y: float, text: str) -> str:
    return (
        f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="mark" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
        f"{escape(text)}</text>"
    )


def _foot(x: float, value: float, at: int) -> str:
    anchor = ("start", "end")[at]
    text = f"{value:,.0f}"
    return f'<text class="mark" x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{text}</text>'


def _line(line: Line, at: int, across: _Scale, up: _Scale) -> str:
    points = [(across(x), up(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    colour = f"c{at % _COLOURS + 1}"
    few = points if len(points) <= _MOST_DOTS else ()
    dots = "".join(
        f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in few
    )
    return f'<polyline class="line {colour}" points="{path}"/>{dots}'


def _legend(names: Sequence[str]) -> str:
    items = [
        f'<span><i class="key c{at % _COLOURS + 1}"></i>{escape(name)}</span>'
        for at, name in enumerate(names)
    ]
    return f'<p class="legend">{"".join(items)}</p>'
