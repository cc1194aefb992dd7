"""The trainers, all with the same settings: skip-gram, negative sampling, no n-grams.

Each returns seconds and leaves its vectors as an embzarr run, so that one evaluation reads them
all. `Trained.seconds` is training alone; `whole` goes from the text to vectors in memory, with
counting the words, and for embzarr also compiling what is not cached and saving to a local folder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
import embzarr_trainer
from embzarr_bench.peers._port import library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

OURS: Final = "embzarr"
GENSIM: Final = "gensim corpus_file"
FASTTEXT: Final = "fastText skipgram"
_SAMPLE: Final = 1e-3
_ALPHA: Final = 0.025
_MIN_ALPHA: Final = 1e-4


class Enough(Exception):  # noqa: N818 - no error: the run is as long as it need be
    """Ends a training from its progress callback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a training is set to."""

    vector_size: int
    epochs: int
    workers: int
    seed: int = 1
    window: int = 5
    negative: int = 5
    min_count: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How long it took."""

    whole: float
    seconds: float | None
    """None where counting the words and training cannot be told apart."""


def train_ours(text: Path, run: Path, settings: Settings) -> Trained:
    """Train with embzarr's trainer."""
    begin = time.perf_counter()
    checkpoint = embzarr_trainer.train(text, run, **ours(settings))
    whole = time.perf_counter() - begin
    return Trained(whole=whole, seconds=checkpoint.metadata["trainer"]["metrics"]["seconds"])


def ours(settings: Settings) -> dict[str, Any]:
    """Return the settings as the trainer takes them, with the rates that gensim trains at."""
    return {**_given(settings), "min_alpha": last_rate(settings)}


def last_rate(settings: Settings) -> float:
    """Return the learning rate at which gensim's threads end, and falling to which ours has theirs.

    Each of its threads lets the rate of an epoch fall by the words of its own part of the file in
    proportion to all words (`word2vec_corpusfile.get_next_alpha`): it ends with the fraction of the
    last epoch that one thread trains, and begins the next where that should have ended. A line from
    the first rate to the last has the same mean. At one rate the vectors are as good; falling
    further, as the settings say, ours were worse by .015 on MEN at 300 dimensions.
    """
    epochs = settings.epochs
    progress = (epochs - 1 + 1 / settings.workers) / epochs
    return _ALPHA - (_ALPHA - _MIN_ALPHA) * progress


def _given(settings: Settings) -> dict[str, Any]:
    return {
        "vector_size": settings.vector_size,
        "window": settings.window,
        "negative": settings.negative,
        "epochs": settings.epochs,
        "min_count": settings.min_count,
        "sample": _SAMPLE,
        "alpha": _ALPHA,
        "min_alpha": _MIN_ALPHA,
        "workers": settings.workers,
        "seed": settings.seed,
    }


def train_gensim(text: Path, run: Path, settings: Settings) -> Trained:
    """Train with gensim's threads that read the file themselves."""
    model = library("gensim.models").Word2Vec(sg=1, hs=0, compute_loss=False, **_given(settings))
    begin = time.perf_counter()
    model.build_vocab(corpus_file=str(text))
    counted = time.perf_counter()
    model.train(
        corpus_file=str(text),
        total_examples=model.corpus_count,
        total_words=model.corpus_total_words,
        epochs=model.epochs,
    )
    end = time.perf_counter()
    embzarr.save(run, model.wv.index_to_key, model.wv.vectors, step=1)
    return Trained(whole=end - begin, seconds=end - counted)


def train_fasttext(text: Path, run: Path, settings: Settings) -> Trained:
    """Train with fastText, which counts the words in the same call."""
    begin = time.perf_counter()
    model = library("fasttext").train_unsupervised(
        str(text),
        model="skipgram",
        loss="ns",
        minn=0,
        maxn=0,
        dim=settings.vector_size,
        ws=settings.window,
        neg=settings.negative,
        epoch=settings.epochs,
        minCount=settings.min_count,
        t=_SAMPLE,
        lr=_ALPHA,
        thread=settings.workers,
        verbose=0,
    )
    whole = time.perf_counter() - begin
    words = [word for word in model.get_words() if word != "</s>"]
    vectors = np.stack([model.get_word_vector(word) for word in words])
    embzarr.save(run, words, vectors, step=1)
    return Trained(whole=whole, seconds=None)


TRAINERS: Final[dict[str, Callable[[Path, Path, Settings], Trained]]] = {
    OURS: train_ours,
    GENSIM: train_gensim,
    FASTTEXT: train_fasttext,
}
_PACKAGES: Final = {OURS: "numba", GENSIM: "gensim", FASTTEXT: "fasttext"}
_DISTRIBUTIONS: Final = {
    OURS: ("embzarr", "numba"),
    GENSIM: ("gensim",),
    FASTTEXT: ("fasttext", "fasttext-wheel"),
}


def installed() -> tuple[dict[str, str], dict[str, str]]:
    """Return the trainers that can run with their versions, and the others with the reason."""
    there = {name: find_spec(package) is not None for name, package in _PACKAGES.items()}
    found = {name: _versions(_DISTRIBUTIONS[name]) for name in TRAINERS if there[name]}
    missing = {
        name: f"no package {_PACKAGES[name]!r}: pip install {_PACKAGES[name]}"
        for name in TRAINERS
        if not there[name]
    }
    return found, missing


def _versions(distributions: Sequence[str]) -> str:
    found = []
    for distribution in distributions:
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
