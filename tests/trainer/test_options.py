"""The settings of a run."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import embzarr
from embzarr_trainer import SaveOptions, TrainOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vector_size", 0),
        ("vector_size", 4097),
        ("vector_size", 10.0),
        ("vector_size", True),
        ("window", 0),
        ("negative", 64),
        ("sg", 1),
        ("epochs", 0),
        ("min_count", 0),
        ("min_count", None),
        ("max_vocab", 0),
        ("sample", -0.1),
        ("sample", "0.1"),
        ("alpha", 0.0),
        ("alpha", math.nan),
        ("alpha", math.inf),
        ("min_alpha", 0.03),
        ("workers", 0),
        ("seed", -1),
        ("unicode_errors", "guess"),
    ],
)
def test_out_of_bounds(settings: dict[str, Any], name: str, value: object) -> None:
    """A setting out of its bounds is refused with its name, its bounds and what was given."""
    with pytest.raises(embzarr.InvalidInputError, match="alpha|" + name) as caught:
        TrainOptions(**settings | {name: value})

    assert caught.value.code == "input-argument"
    assert "expected" in str(caught.value)


SAVING: dict[str, Any] = {
    "save_every": None,
    "checkpoints": None,
    "delta": False,
    "lossy": None,
    "keep_last": None,
    "patience": 1.0,
    "compression": "auto",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("save_every", 0),
        ("save_every", "s"),
        ("save_every", "700"),  # words, or seconds?
        ("save_every", "0s"),
        ("save_every", "1.5w"),
        ("save_every", "20 s"),
        ("save_every", 2.5),
        ("checkpoints", 0),
        ("lossy", "int8"),  # without delta
        ("keep_last", 0),
        ("chunk_bytes", 1023),
        ("patience", -1),
    ],
)
def test_saving_out_of_bounds(name: str, value: object) -> None:
    """So is a setting of how to save."""
    with pytest.raises(embzarr.InvalidInputError, match=name) as caught:
        SaveOptions(**SAVING | {name: value})

    assert caught.value.code == "input-argument"


@pytest.mark.parametrize(
    ("value", "words", "seconds"),
    [
        (None, None, None),
        (500, 500, None),
        ("700w", 700, None),
        ("1000000w", 1_000_000, None),
        ("20s", None, 20.0),
        ("0.5s", None, 0.5),
        ("5m", None, 300.0),
        ("2h", None, 7200.0),
    ],
)
def test_save_every(value: int | str | None, words: int | None, seconds: float | None) -> None:
    """Checkpoints go by words or by the clock."""
    saving = SaveOptions(**SAVING | {"save_every": value})

    assert (saving.words, saving.seconds) == (words, seconds)


def test_two_ways_to_save() -> None:
    """save_every and checkpoints exclude each other."""
    with pytest.raises(embzarr.InvalidInputError, match="save_every"):
        SaveOptions(**SAVING | {"save_every": 10, "checkpoints": 2})


def test_json(settings: dict[str, Any]) -> None:
    """The options as JSON are the settings that were given."""
    assert json.loads(json.dumps(TrainOptions(**settings).to_json())) == settings
