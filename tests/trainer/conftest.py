"""A corpus whose structure is known: words of one topic occur together, never with the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = (
    [f"sea{letter}" for letter in "abcdefghijkl"],
    [f"sky{letter}" for letter in "abcdefghijkl"],
)


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 words in 2,000 lines, each of one topic."""
    draws = np.random.default_rng(7)
    lines = [" ".join(draws.choice(TOPICS[line % 2], 10)) for line in range(2000)]
    path = tmp_path_factory.mktemp("corpus") / "planted.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def settings() -> dict[str, Any]:
    """Settings within their bounds, all of them."""
    return {
        "vector_size": 10,
        "window": 5,
        "negative": 5,
        "sg": True,
        "epochs": 1,
        "min_count": 1,
        "max_vocab": None,
        "sample": 1e-3,
        "alpha": 0.025,
        "min_alpha": 1e-4,
        "workers": 1,
        "seed": 1,
        "unicode_errors": "strict",
        "tokenizer": "words",
    }
