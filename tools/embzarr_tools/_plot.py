"""The picture of a run, for the commands that can draw one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embzarr_tools._failures import UsageError
from embzarr_tools._screen import progress, say_aside
from embzarr_tools._selection import read_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    import embzarr


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What to draw, and where to."""

    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw loss, and scores, over the run's steps: .png or .svg."
        ),
    ] = None
    eval: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Score every step on these word pairs or analogies, or those of standard input by "
            "-, for the plot; may be repeated.",
        ),
    ] = None

    @contextmanager
    def checked(self) -> Iterator["Plot"]:
        """Give what can be drawn of files that stay; refuse, before any work, what cannot."""
        if self.plot is None:
            if self.eval:
                raise UsageError("--eval scores steps for a plot: give --plot FILE too")
            yield self
            return
        import embzarr_eval  # noqa: PLC0415 - imports embzarr, which --help need not wait for

        embzarr_eval.check_plot(self.plot)
        with read_from(*self.eval or ()) as files:
            for file in files:
                embzarr_eval.read_task(file)
            yield replace(self, eval=[Path(file) for file in files])

    def draw(self, run: "embzarr.Run", losses: "Sequence[tuple[int, float]]" = ()) -> None:
        """Draw the run, if a plot is wanted, with `losses` between its steps."""
        if self.plot is None:
            return
        import embzarr_eval  # noqa: PLC0415 - as above

        with progress("scoring steps") as advance:
            curve = embzarr_eval.curve_of(run, self.eval or (), progress=advance)
        for message in curve.skipped:
            say_aside(f"left out of the plot: {message}")
        embzarr_eval.draw(curve, self.plot, losses=losses)
