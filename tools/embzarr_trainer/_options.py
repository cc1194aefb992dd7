"""What a training run is set to, checked once."""

from __future__ import annotations

import dataclasses
import math
import re
import reprlib
from typing import Final, Literal

import embzarr
from embzarr_trainer._buffers import MAX_NEGATIVE, MAX_VECTOR_SIZE, MAX_WINDOW

MAX_INT: Final = 2**53 - 1
"""The largest integer that every reader of JSON has."""
_INTEGERS: Final = {
    "vector_size": (1, MAX_VECTOR_SIZE),
    "window": (1, MAX_WINDOW),
    "negative": (1, MAX_NEGATIVE),
    "epochs": (1, 100_000),
    "min_count": (1, MAX_INT),
    "max_vocab": (1, 2**31 - 1),
    "workers": (1, 1024),
    "seed": (0, MAX_INT),
}
_NUMBERS: Final = {"sample": (0.0, 1.0), "alpha": (0.0, 1.0), "min_alpha": (0.0, 1.0)}
_MAY_BE_NONE: Final = frozenset({"max_vocab"})
UNICODE_ERRORS: Final = ("strict", "replace", "ignore")

_LONGEST_NAME: Final = 1000

LOSSY: Final = ("float16", "int8")

OF_CORPUS: Final = frozenset({"min_count", "max_vocab", "unicode_errors", "tokenizer"})
"""Settings that decide how text becomes word ids."""
FREE: Final = frozenset({"workers"})
"""Settings that may change from one session of a run to the next."""

_INTERVAL: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|w)")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


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
    unicode_errors: str
    """What is done with bytes that are not UTF-8: ``strict``, ``replace`` or ``ignore``."""
    tokenizer: str
    """The name of what cuts text into words."""

    def __post_init__(self) -> None:
        """Check every setting, and those that bound one another."""
        for name, (low, high) in _INTEGERS.items():
            if getattr(self, name) is not None or name not in _MAY_BE_NONE:
                check_integer(name, getattr(self, name), low=low, high=high)
        for name, (lowest, highest) in _NUMBERS.items():
            check_number(name, getattr(self, name), low=lowest, high=highest)
        if not isinstance(self.sg, bool):
            raise refused("sg", "True or False", self.sg)
        if self.alpha <= 0 or self.min_alpha > self.alpha:
            raise refused("alpha", "above 0 and not below min_alpha", self.alpha)
        if self.unicode_errors not in UNICODE_ERRORS:
            raise refused("unicode_errors", " or ".join(UNICODE_ERRORS), self.unicode_errors)
        check_text("tokenizer", self.tokenizer, longest=_LONGEST_NAME)

    def to_json(self) -> dict[str, int | float | str | None]:
        """Return the settings as a JSON object."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SaveOptions:
    """When and how checkpoints are saved; none of it changes what is learnt.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, as ``TrainOptions``.
    """

    save_every: int | str | None
    """``"20s"``, ``"5m"``, ``"1h"``, ``"1000000w"``, or a number of words; or None."""
    checkpoints: int | None
    """Evenly spaced checkpoints, the last at the end; None to go by ``save_every``."""
    delta: bool
    """Save only the rows that were touched since the checkpoint before, where that pays."""
    lossy: Literal["float16", "int8"] | None
    """Of deltas: ``float16``, ``int8``, or None for all bits."""
    keep_last: int | None
    """Give up all but the newest so many checkpoints; None to keep all."""
    patience: float
    """Seconds for which the last checkpoint is tried again before its error is raised."""
    compression: str
    """As ``embzarr.save`` takes it."""
    chunk_bytes: int | None = None
    """As ``embzarr.save`` takes it."""

    def __post_init__(self) -> None:
        """Check every setting, and those that bound one another."""
        for name in ("checkpoints", "keep_last"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), low=1, high=100_000)
        if self.lossy is not None and (self.lossy not in LOSSY or not self.delta):
            raise refused("lossy", f"{' or '.join(LOSSY)}, with delta", self.lossy)
        if self.chunk_bytes is not None:
            check_integer("chunk_bytes", self.chunk_bytes, low=1024, high=2**28)
        check_number("patience", self.patience, low=0.0, high=1e6)
        if self.save_every is not None and self.checkpoints is not None:
            raise refused("save_every", "None when checkpoints is given", self.save_every)
        _interval(self.save_every)

    @property
    def words(self) -> int | None:
        """Words between two checkpoints."""
        return _interval(self.save_every)[0]

    @property
    def seconds(self) -> float | None:
        """Seconds between two checkpoints."""
        return _interval(self.save_every)[1]


def _interval(value: int | str | None) -> tuple[int | None, float | None]:
    """Return words or seconds between two checkpoints."""
    if value is None:
        return None, None
    if isinstance(value, str):
        found = _INTERVAL.fullmatch(value)
        if not found or float(found[1]) <= 0:
            raise refused("save_every", "such as 20s, 5m, 1h or 1000000w", value)
        if found[2] != "w":
            return None, float(found[1]) * _SECONDS[found[2]]
        value = found[1]
    words = int(value) if isinstance(value, str) and value.isdecimal() else value
    check_integer("save_every", words, low=1, high=MAX_INT)
    return int(words), None


def check_integer(name: str, value: object, *, low: int, high: int) -> None:
    """Refuse what is no integer of these bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise refused(name, f"an integer from {low} to {high}", value)


def check_number(name: str, value: object, *, low: float, high: float) -> None:
    """Refuse what is no number of these bounds."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not low <= number <= high:
        raise refused(name, f"a number from {low:g} to {high:g}", value)


def check_text(name: str, value: object, *, longest: int) -> None:
    """Refuse what is no text, or has more characters."""
    if not isinstance(value, str) or len(value) > longest:
        raise refused(name, f"a text of at most {longest} characters", value)


def refused(name: str, expected: str, found: object) -> embzarr.InvalidInputError:
    """Return the error for a setting, or for a member of the same name in a checkpoint."""
    return embzarr.InvalidInputError(
        "input-argument", f"{name}: expected {expected}, found {_SHORT.repr(found)}"
    )


_SHORT: Final = reprlib.Repr()
"""What is found may come from a checkpoint, and be of any size."""
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 80, 80
