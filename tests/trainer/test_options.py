"""The settings of a run."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import embzarr
from embzarr_trainer import TrainOptions


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
        ("save_every", 0),
        ("checkpoints", 0),
        ("unicode_errors", "guess"),
    ],
)
def test_out_of_bounds(settings: dict[str, Any], name: str, value: object) -> None:
    """A setting out of its bounds is refused with its name, its bounds and what was given."""
    with pytest.raises(embzarr.InvalidInputError, match="alpha|" + name) as caught:
        TrainOptions(**settings | {name: value})

    assert caught.value.code == "input-argument"
    assert "expected" in str(caught.value)


def test_two_ways_to_save(settings: dict[str, Any]) -> None:
    """save_every and checkpoints exclude each other."""
    with pytest.raises(embzarr.InvalidInputError, match="save_every"):
        TrainOptions(**settings | {"save_every": 10, "checkpoints": 2})


def test_json(settings: dict[str, Any]) -> None:
    """The options as JSON are the settings that were given."""
    assert json.loads(json.dumps(TrainOptions(**settings).to_json())) == settings
