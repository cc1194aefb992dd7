"""What a training run is set to, checked once."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import embzarr
from embzarr_trainer._buffers import MAX_NEGATIVE, MAX_VECTOR_SIZE, MAX_WINDOW

_MAX_INT: Final = 2**53 - 1
_INTEGERS: Final = {
    "vector_size": (1, MAX_VECTOR_SIZE),
    "window": (1, MAX_WINDOW),
    "negative": (1, MAX_NEGATIVE),
    "epochs": (1, 100_000),
    "min_count": (1, _MAX_INT),
    "max_vocab": (1, 2**31 - 1),
    "workers": (1, 1024),
    "seed": (0, _MAX_INT),
    "save_every": (1, _MAX_INT),
    "checkpoints": (1, 100_000),
}
_NUMBERS: Final = {"sample": (0.0, 1.0), "alpha": (0.0, 1.0), "min_alpha": (0.0, 1.0)}
_MAY_BE_NONE: Final = frozenset({"max_vocab", "save_every", "checkpoints"})
UNICODE_ERRORS: Final = ("strict", "replace", "ignore")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """The settings of one run, under gensim's names; ``train`` says what they default to.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, naming the setting, its bounds and the value.
    """

    vector_size: int
    """Dimensions of the vectors, 1 .. 4096."""
    window: int
    """Widest distance between centre and context word, 1 .. 1000; each centre draws 1 .. window."""
    negative: int
    """Words drawn against each centre word, 1 .. 63."""
    sg: bool
    """Skip-gram; or else CBOW."""
    epochs: int
    """Times that the corpus is gone through."""
    min_count: int
    """Words that occur fewer times are left out."""
    max_vocab: int | None
    """The most words that are kept, the commonest first; None for no bound."""
    sample: float
    """Share of the corpus above which a word's occurrences are thinned out, 0 .. 1; 0 for never."""
    alpha: float
    """Learning rate at the start, above 0 and at most 1; it falls linearly."""
    min_alpha: float
    """Learning rate at the end, 0 .. alpha."""
    workers: int
    """Threads. One is deterministic; several race on the same weights (Hogwild)."""
    seed: int
    """Of the start values, the order and the draws, 0 .. 2^53 - 1."""
    save_every: int | None
    """Words trained between checkpoints; None to go by ``checkpoints``."""
    checkpoints: int | None
    """Evenly spaced checkpoints, the last at the end; None to go by ``save_every``."""
    unicode_errors: str
    """What is done with bytes that are not UTF-8: ``strict``, ``replace`` or ``ignore``."""

    def __post_init__(self) -> None:
        """Check every setting, and those that bound one another."""
        for name, (low, high) in _INTEGERS.items():
            _check_integer(name, getattr(self, name), low=low, high=high)
        for name, (lowest, highest) in _NUMBERS.items():
            _check_number(name, getattr(self, name), low=lowest, high=highest)
        if not isinstance(self.sg, bool):
            raise _refused("sg", "True or False", self.sg)
        if self.alpha <= 0 or self.min_alpha > self.alpha:
            raise _refused("alpha", "above 0 and not below min_alpha", self.alpha)
        if self.save_every is not None and self.checkpoints is not None:
            raise _refused("save_every", "None when checkpoints is given", self.save_every)
        if self.unicode_errors not in UNICODE_ERRORS:
            expected = " or ".join(UNICODE_ERRORS)
            raise _refused("unicode_errors", expected, self.unicode_errors)

    def to_json(self) -> dict[str, int | float | str | None]:
        """Return the settings as a JSON object."""
        return dataclasses.asdict(self)


def _check_integer(name: str, value: object, *, low: int, high: int) -> None:
    if value is None and name in _MAY_BE_NONE:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _refused(name, f"an integer from {low} to {high}", value)


def _check_number(name: str, value: object, *, low: float, high: float) -> None:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not low <= number <= high:
        raise _refused(name, f"a number from {low:g} to {high:g}", value)


def _refused(name: str, expected: str, found: object) -> embzarr.InvalidInputError:
    return embzarr.InvalidInputError(
        "input-argument", f"{name}: expected {expected}, found {found!r}"
    )
