"""A run's curve as a picture; matplotlib is imported when one is drawn."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import embzarr

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from embzarr_eval._curve import Curve

KINDS: Final = (".png", ".svg")
_WIDTH, _HEIGHT = 5.4, 3.8
_DOTS: Final = 150
_LOSS_COLOUR: Final = "#0b6e99"
_COLOURS: Final = ("#c2571a", "#2e7d32", "#7b4ea3", "#8a6d00", "#b0305c")


def check_plot(file: str | os.PathLike[str]) -> None:
    """Refuse, before any work, a picture that could not be drawn.

    Raises:
        embzarr.InvalidInputError: another kind of file (``input-argument``).
        embzarr.UnsupportedError: matplotlib is not installed (``feature-unsupported``).
    """
    if Path(file).suffix.lower() not in KINDS:
        raise embzarr.InvalidInputError(
            "input-argument",
            f"plot: expected a file that ends in {' or '.join(KINDS)}, found {str(file)!r}",
        )
    _figure_class()


def draw(
    curve: Curve, file: str | os.PathLike[str], *, losses: Sequence[tuple[int, float]] = ()
) -> None:
    """Draw loss, and scores if there are any, over the steps of a run.

    Args:
        curve: the run's commits.
        file: a path that ends in ``.png`` or ``.svg``.
        losses: steps and losses between commits, as `LossLine` notes them.

    Raises:
        embzarr.InvalidInputError: another kind of file, or nothing to draw (``input-argument``).
        embzarr.UnsupportedError: matplotlib is not installed (``feature-unsupported``).
        OSError: the file cannot be written.
    """
    check_plot(file)
    figure_of(curve, losses).savefig(file, dpi=_DOTS)


def figure_of(curve: Curve, losses: Sequence[tuple[int, float]]) -> Any:  # noqa: ANN401 - as below
    """Return the picture as matplotlib's ``Figure``; arguments and errors as of `draw`."""
    of_commits = [(point.step, point.loss) for point in curve.points if point.loss is not None]
    names = list(dict.fromkeys(name for point in curve.points for name in point.scores))
    panels = [panel for panel, there in (("loss", of_commits or losses), ("score", names)) if there]
    if not panels:
        raise embzarr.InvalidInputError(
            "input-argument",
            f"plot: expected a loss or a score in one of {len(curve.points)} steps, found none",
        )
    figure = _figure_class()(figsize=(_WIDTH * len(panels), _HEIGHT), layout="constrained")
    axes = dict(zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True))
    if "loss" in axes:
        _draw_loss(axes["loss"], of_commits, losses)
    for colour, name in zip(_COLOURS * len(names), names, strict=False):
        series = [(at.step, at.scores[name]) for at in curve.points if name in at.scores]
        axes["score"].plot(*zip(*series, strict=True), "o-", color=colour, label=_label(name))
    for panel, of in axes.items():
        of.set_xlabel("step")
        of.set_ylabel(panel)
        of.grid(alpha=0.3)
        for text in of.legend(frameon=False).get_texts():
            text.set_parse_math(False)
    return figure


def _label(name: str) -> str:
    """Return a name as matplotlib shows it: it hides what begins with an underscore."""
    shown = embzarr.errors.printable(name)
    return f" {shown}" if shown.startswith("_") else shown


def _draw_loss(
    axes: Any,  # noqa: ANN401 - matplotlib's
    of_commits: Sequence[tuple[int, float]],
    losses: Sequence[tuple[int, float]],
) -> None:
    if losses:
        axes.plot(*zip(*losses, strict=True), color=_LOSS_COLOUR, alpha=0.5, label="training loss")
    if of_commits:
        style = "o" if losses else "o-"
        axes.plot(
            *zip(*of_commits, strict=True), style, color=_LOSS_COLOUR, label="mean loss to commit"
        )


def _figure_class() -> Any:  # noqa: ANN401 - matplotlib brings its own types, or is not there
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ModuleNotFoundError as exc:
        raise embzarr.UnsupportedError(
            "feature-unsupported", "a plot needs matplotlib: pip install 'embzarr[plot]'"
        ) from exc
