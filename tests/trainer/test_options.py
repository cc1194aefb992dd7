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


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("vector_size", 1, 4096),
        ("window", 1, 1000),
        ("negative", 1, 63),
        ("epochs", 1, 100_000),
        ("min_count", 1, 2**53 - 1),
        ("max_vocab", 1, 2**31 - 1),
        ("workers", 1, 1024),
        ("seed", 0, 2**53 - 1),
    ],
)
def test_both_bounds_are_allowed(settings: dict[str, Any], name: str, low: int, high: int) -> None:
    """The least and the most pass; one less and one more are refused, and told the bounds."""
    for value in (low, high):
        assert TrainOptions(**settings | {name: value}).to_json()[name] == value
    for value in (low - 1, high + 1):
        with pytest.raises(embzarr.InvalidInputError) as caught:
            TrainOptions(**settings | {name: value})
        assert str(caught.value).startswith(f"{name}: expected an integer from {low} to {high}, ")


def test_shares_and_rates_are_between_zero_and_one(settings: dict[str, Any]) -> None:
    """Both may be one; no rate falls below zero, nor rises."""
    ones = {"sample": 1.0, "alpha": 1.0, "min_alpha": 1.0}
    for numbers in (ones, {"sample": 0, "alpha": 1e-300, "min_alpha": 0}):
        made = TrainOptions(**settings | numbers)
        assert {name: getattr(made, name) for name in ones} == numbers
    for wrong in ({"sample": 1.01}, {"alpha": 1.01}, {"min_alpha": -0.01}, {"min_alpha": 1.01}):
        (name,) = wrong
        with pytest.raises(embzarr.InvalidInputError, match=f"^{name}: .* from 0 to 1, found"):
            TrainOptions(**settings | {"alpha": 1.0} | wrong)


def test_a_tokenizer_has_a_short_name(settings: dict[str, Any]) -> None:
    """Of 1,000 characters at most, of which a message shows fewer."""
    assert len(TrainOptions(**settings | {"tokenizer": "t" * 1000}).tokenizer) == 1000
    with pytest.raises(embzarr.InvalidInputError, match="at most 1000 characters") as caught:
        TrainOptions(**settings | {"tokenizer": "t" * 1001})
    assert str(caught.value).count("t" * 30) == 2
    assert "t" * 40 not in str(caught.value)


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
    ("name", "low", "high"),
    [
        ("checkpoints", 1, 100_000),
        ("keep_last", 1, 100_000),
        ("chunk_bytes", 1024, 2**28),
        ("patience", 0, 1_000_000),
        ("save_every", 1, 2**53 - 1),
    ],
)
def test_both_bounds_of_saving_are_allowed(name: str, low: int, high: int) -> None:
    """The least and the most pass; one less and one more are refused."""
    for value in (low, high):
        assert getattr(SaveOptions(**SAVING | {name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(embzarr.InvalidInputError, match=f"^{name}: expected .* from {low} to"):
            SaveOptions(**SAVING | {name: value})


def test_only_deltas_are_lossy() -> None:
    """In one of two ways, which are told where another is asked for."""
    for lossy in ("float16", "int8"):
        assert SaveOptions(**SAVING | {"lossy": lossy, "delta": True}).lossy == lossy
    with pytest.raises(embzarr.InvalidInputError, match="expected float16 or int8, with delta"):
        SaveOptions(**SAVING | {"lossy": "int4", "delta": True})


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
