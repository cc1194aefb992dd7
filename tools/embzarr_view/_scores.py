"""How good the vectors of each step are, on files of word pairs and analogies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import embzarr_eval
from embzarr_view._shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embzarr_view._jobs import Job
    from embzarr_view._opened import Opened

_RESTRICTED: Final = 10_000
"""Commonest rows among which analogies are answered: each step reads them."""


def scored(opened: Opened, files: Sequence[Path], job: Job) -> list[dict[str, Any]]:
    """Score every step, and return a line for each file.

    Raises:
        embzarr.EmbzarrError: a file that is none, or a store that fails.
    """
    curve = embzarr_eval.curve_of(
        opened.run, files, restrict_vocab=_RESTRICTED, progress=job.advance
    )
    names = dict.fromkeys(name for point in curve.points for name in point.scores)
    return [
        {
            "path": shown(name),
            "points": [(at.step, at.scores[name]) for at in curve.points if name in at.scores],
        }
        for name in names
    ]
