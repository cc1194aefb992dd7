"""The growth of cost as a picture; matplotlib is imported when one is drawn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from embzarr_bench._errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embzarr_bench._scale import Growth, Point

KINDS = (".png", ".svg")
_SIZE = (9.0, 4.2)
_DOTS = 150
_COLOURS = ("#0b6e99", "#c2571a")
_MEGA = 1e6


def check(file: Path) -> None:
    """Refuse, before anything is measured, a picture that could not be drawn.

    Raises:
        BenchError: another kind of file, or no matplotlib.
    """
    if file.suffix.lower() not in KINDS:
        raise BenchError(f"a plot is a file that ends in {' or '.join(KINDS)}, not {file.name!r}")
    _library("matplotlib.figure")


def draw(growth: Growth, file: Path) -> None:
    """Write the plot of a run to a PNG or SVG file, by its ending."""
    figure = _library("matplotlib.figure").Figure(figsize=_SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    latency = growth.setting["latency_ms"]
    figure.suptitle(f"embzarr by vocabulary, {growth.setting['dim']} dims, {latency} ms latency")
    _lines(
        left,
        growth,
        "seconds",
        {
            "save": lambda point: point.save_seconds,
            "open and first word": lambda point: point.first_word_seconds,
        },
    )
    left.set_yscale("log")
    _lines(
        right,
        growth,
        "of open and first word",
        {
            "requests": lambda point: point.requests,
            "megabytes fetched": lambda point: point.bytes_read / _MEGA,
        },
    )
    right.set_ylim(bottom=0)
    figure.savefig(file, dpi=_DOTS)


def _lines(
    axes: Any,  # noqa: ANN401 - matplotlib's
    growth: Growth,
    label: str,
    lines: dict[str, Callable[[Point], float]],
) -> None:
    words = [point.words for point in growth.points]
    for colour, (name, value) in zip(_COLOURS, lines.items(), strict=True):
        values = [value(point) for point in growth.points]
        axes.plot(words, values, "o-", color=colour, label=name)
        axes.annotate(
            f"{values[-1]:.3g}",
            (words[-1], values[-1]),
            textcoords="offset points",
            xytext=(0, 7),
            ha="center",
            color=colour,
        )
    axes.set_xscale("log")
    axes.set_xlabel("words")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.margins(x=0.15, y=0.15)
    axes.legend(frameon=False)


def _library(name: str) -> Any:  # noqa: ANN401 - matplotlib brings its own types, or is not there
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise BenchError("a plot needs matplotlib: pip install 'embzarr[bench]'") from exc
