"""What a person sees while a run trains, and what a log or a program gets.

On a terminal: a bar with the time left, and below it speed, loss, learning rate and the newest
checkpoint. In a log: the same as a line of text now and then, on standard error. In both: a line
for each checkpoint on standard output, through a pipe tab-separated.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from embzarr_tools._screen import (
    finite_or_text,
    flush,
    live,
    on_terminal,
    say,
    say_aside,
    show_row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    import embzarr_eval
    import embzarr_trainer

LOG_SECONDS: Final = 10.0
"""Between two lines in a log."""
_COLUMNS: Final = ("step", "epoch", "loss", "alpha", "words_per_second", "stall_seconds")
_MINUTE: Final = 60


class Log:
    """Shows every report of a trainer, and tells of each checkpoint once."""

    def __init__(
        self,
        show: Callable[[embzarr_trainer.Progress], None],
        losses: embzarr_eval.LossLine,
        *,
        silent: bool = False,
    ) -> None:
        """Print nothing yet.

        Args:
            show: shows one report.
            losses: where to note the loss, which a plot may want.
            silent: print no line for a checkpoint: who calls prints `checkpoints`.
        """
        self._show = show
        self._losses = losses
        self._silent = silent
        self.checkpoints: list[dict[str, float | str]] = []
        """Figures of each checkpoint, under the names of `_COLUMNS`, as JSON can hold them."""
        self._told: embzarr_trainer.Metrics | None = None

    def __call__(self, now: embzarr_trainer.Progress) -> None:
        """Show the present state."""
        self._show(now)
        self._losses.add(now.words, now.total_words, now.loss)
        if now.checkpoint is not None and now.checkpoint != self._told:
            row = (now.checkpoint.step, *_figures(now.checkpoint, now))
            self.checkpoints.append(dict(zip(_COLUMNS, map(finite_or_text, row), strict=True)))
            if not self._silent:
                _tell_checkpoint(now.checkpoint, now, first=self._told is None)
            self._told = now.checkpoint


@contextmanager
def training_log(losses: embzarr_eval.LossLine, *, silent: bool = False) -> Iterator[Log]:
    """Return what a trainer reports to, while it trains; for `silent` see `Log`."""
    if not sys.stderr.isatty():
        yield Log(LogLines(), losses, silent=silent)
        return
    with live_lines() as show:
        yield Log(show, losses, silent=silent)


class LogLines:
    """A line of text every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Print nothing yet."""
        self._clock = clock
        self._due = clock() + LOG_SECONDS

    def __call__(self, now: embzarr_trainer.Progress) -> None:
        """Print the present state if it is time."""
        if self._clock() >= self._due:
            self._due = self._clock() + LOG_SECONDS
            percent = 100 * now.words / max(now.total_words, 1)
            left = f"{percent:.1f} %, {duration(now.eta_seconds)} left"
            say_aside(", ".join((left, learning(now, now.epochs), saving(now))))


@contextmanager
def live_lines(
    console: Console | None = None,
) -> Iterator[Callable[[embzarr_trainer.Progress], None]]:
    """Show a bar and two lines, renewed in place, until the block ends."""
    with live("reading", console) as renew:

        def show(now: embzarr_trainer.Progress) -> None:
            left = f"{duration(now.eta_seconds)} left"
            renew(now.words, now.total_words, left, (learning(now, now.epochs), saving(now)))

        yield show


def learning(then: embzarr_trainer.Progress | embzarr_trainer.Metrics, epochs: int) -> str:
    """Return how fast and how well it learns, at the moment of these figures."""
    return (
        f"epoch {then.epoch:.2f} of {epochs}, loss {then.loss:.4f}, alpha {then.alpha:.5f}, "
        f"{then.words_per_second:,.0f} words/s"
    )


def saving(now: embzarr_trainer.Progress) -> str:
    """Return what has become of the newest checkpoint."""
    if now.step is None:
        saved = "no checkpoint yet"
    elif now.saved_seconds_ago is None:
        saved = f"went on from step {now.step}"
    else:
        age = duration(now.saved_seconds_ago)
        saved = f"step {now.step} saved {age} ago, stall {now.stall_seconds:.3f} s"
    return f"{saved}; NOT SAVED SINCE: {now.problem}" if now.problem else saved


def duration(seconds: float) -> str:
    """Return seconds as people read a clock: ``0:07``, ``12:30``, ``3:05:00``."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _tell_checkpoint(
    made: embzarr_trainer.Metrics, now: embzarr_trainer.Progress, *, first: bool
) -> None:
    if on_terminal():
        say(f"step {made.step}: {learning(made, now.epochs)}, stall {now.stall_seconds:.3f} s")
        return
    if first:
        show_row(_COLUMNS)
    show_row((str(made.step), *(f"{number:.6g}" for number in _figures(made, now))))
    flush()


def _figures(made: embzarr_trainer.Metrics, now: embzarr_trainer.Progress) -> tuple[float, ...]:
    """Return what stands behind the step in `_COLUMNS`."""
    return made.epoch, made.loss, made.alpha, made.words_per_second, now.stall_seconds
