"""Where the demo plays, how it speaks, and what it does when a claim fails."""

from __future__ import annotations

import re
import shutil
import textwrap
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import embzarr
from embzarr_tools._failures import ClaimError
from embzarr_tools._screen import heading, printable, say, size

if TYPE_CHECKING:
    from pathlib import Path

_WIDEST = 100
_INDENT = "   "
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:m?s|[kMGT]?B)\b)")
_GLUE = "\0"
"""In no printable text."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where the demo plays, and what one act leaves to the next."""

    folder: Path
    """Temporary: the text, the run if it has no other place, and the damaged copy."""
    url: str
    """Where the run is saved."""
    place: str
    """What the story calls that: not the URL, which may hold a password."""
    storage_options: dict[str, Any] = field(repr=False)
    act: int = 0

    @property
    def run(self) -> embzarr.Run:
        """The run that is saved."""
        return embzarr.Run(self.url, storage_options=self.storage_options)

    def open(self) -> embzarr.Checkpoint:
        """Open the newest step as a program does that knows nothing but the URL."""
        return embzarr.open(self.url, storage_options=self.storage_options)

    def begin(self, title: str) -> None:
        """Print the heading of the next act."""
        self.act += 1
        heading(f"{self.act}. {title}")


def tell(text: str) -> None:
    """Print an indented paragraph; no line ends between a number and its unit."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) - len(_INDENT)
    glued = _BEFORE_UNIT.sub(_GLUE, printable(text))
    lines = textwrap.wrap(glued, width, break_long_words=False, break_on_hyphens=False)
    for line in lines:
        say(f"{_INDENT}{line.replace(_GLUE, ' ')}")


def claim(holds: bool, text: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Stop the demo where what it says is not so."""
    if not holds:
        raise ClaimError(text)


def cost_of(checkpoint: embzarr.Checkpoint, begin: float) -> str:
    """Say what was spent since the checkpoint was opened."""
    cost, milliseconds = checkpoint.traffic, (time.perf_counter() - begin) * 1000
    return f"({cost.requests} requests, {size(cost.bytes_read)}, {milliseconds:.0f} ms)"


def seconds(begin: float) -> str:
    """Say how long it is since `begin`."""
    return f"({time.perf_counter() - begin:.1f} s)"
