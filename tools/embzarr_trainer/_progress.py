"""What training tells while it runs, and what each checkpoint records of it."""

from __future__ import annotations

import dataclasses
import sys
from typing import Final

from embzarr_trainer._options import MAX_INT, check_integer, check_number

_MOST: Final = sys.float_info.max


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far training is."""

    words: int
    """Words trained: occurrences of vocabulary words gone through, over all epochs."""
    total_words: int
    """``words`` when training is done."""
    epoch: float
    """Epochs done, with the part of the present one."""
    epochs: int
    """``epoch`` when training is done."""
    words_per_second: float
    """Mean speed of this session so far, without the time that saving held training up."""
    eta_seconds: float
    """Seconds until training is done, at this speed; 0.0 where there is no speed yet."""
    loss: float
    """Mean loss of a (context, centre) pair with its negatives, in nats, lately; 0 at first."""
    alpha: float
    """The present learning rate."""
    step: int | None
    """The newest checkpoint's step, of an earlier session too; None before the first."""
    checkpoint: Metrics | None
    """What the newest checkpoint of this session records of itself; None before the first."""
    saved_seconds_ago: float | None
    """Seconds since that was committed; None before the first of this session."""
    stall_seconds: float
    """Seconds that it held training up; 0.0 before the first of this session."""
    problem: str | None
    """What keeps the newest checkpoint from being saved, while it is tried again; else None."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The record ``metadata["trainer"]["metrics"]`` of a commit, one point of a curve."""

    step: int
    """Of the checkpoint: words trained in all."""
    words: int
    """Words trained under this schedule; less than ``step`` where training went on on new text."""
    epoch: float
    """Epochs done."""
    loss: float
    """Mean loss of a pair since the checkpoint before, in nats."""
    alpha: float
    """The learning rate."""
    words_per_second: float
    """Mean speed since the checkpoint before."""
    seconds: float
    """Training time in all, over all sessions."""

    def __post_init__(self) -> None:
        """Check every member: a later session reads the record again.

        Raises:
            embzarr.InvalidInputError: ``input-argument``, naming the member.
        """
        for name in ("step", "words"):
            check_integer(name, getattr(self, name), low=0, high=MAX_INT)
        for name in ("epoch", "words_per_second", "seconds"):
            check_number(name, getattr(self, name), low=0.0, high=_MOST)
        check_number("alpha", self.alpha, low=0.0, high=1.0)
        check_number("loss", self.loss, low=-_MOST, high=_MOST)

    def to_json(self) -> dict[str, int | float]:
        """Return the record as a JSON object."""
        return {
            name: value if isinstance(value, int) else round(value, 8)
            for name, value in dataclasses.asdict(self).items()
        }
