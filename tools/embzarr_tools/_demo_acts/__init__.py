"""What the demo does, act by act; each prints what it measured and stops where a claim fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr_tools._demo_acts._damage import damage, verify
from embzarr_tools._demo_acts._meaning import show_meaning
from embzarr_tools._demo_acts._read import load_parts, open_cold
from embzarr_tools._demo_acts._stage import Stage
from embzarr_tools._demo_acts._train import train, write_prose

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Stage", "play"]


def play(stage: Stage, text: Path | None) -> None:
    """Play all acts.

    Raises:
        ClaimError: something did not hold.
        embzarr.EmbzarrError: something could not be done.
    """
    corpus = text or write_prose(stage)
    commits = train(stage, corpus)
    full = open_cold(stage)
    load_parts(stage, full)
    show_meaning(stage, full, known=text is None)
    verify(stage, commits)
    damage(stage, full)
