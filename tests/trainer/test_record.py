"""What a checkpoint says of its training: written and read by one value."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

import embzarr
from embzarr_trainer import MODEL, Metrics, TrainOptions
from embzarr_trainer._record import CorpusRecord, Record, parse_record


@pytest.fixture
def record(settings: dict[str, Any]) -> Record:
    """A record in the middle of a run."""
    return Record(
        model=MODEL,
        options=TrainOptions(**settings),
        turns=3,
        words_total=1000,
        base_words=50,
        metrics=Metrics(
            step=350,
            words=300,
            epoch=0.3,
            loss=1.25,
            alpha=0.02,
            words_per_second=1e6,
            seconds=2.5,
        ),
        corpus=CorpusRecord(
            sha256="a" * 64,
            cut_sha256="b" * 64,
            words=1200,
            vocabulary_words=1000,
            sentences=90,
            invalid_utf8=0,
        ),
    )


def test_round_trip(record: Record) -> None:
    """What is written is read as the same value, by way of JSON."""
    assert parse_record(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("turns",), -1, "metadata.trainer.turns: expected an integer from 0 to"),
        (("turns",), True, "metadata.trainer.turns: expected an integer"),
        (("metrics", "words"), 1001, "metadata.trainer.metrics.words: expected an integer from 0"),
        (("metrics", "step"), 351, "metadata.trainer.metrics.step: expected an integer from 350"),
        (("metrics", "seconds"), float("nan"), "metadata.trainer.metrics.seconds: expected a num"),
        (("metrics", "loss"), float("inf"), "metadata.trainer.metrics.loss: expected a number"),
        (("options", "window"), 0, "metadata.trainer.options.window: expected an integer from 1"),
        (("options", "window"), None, "metadata.trainer.options.window: expected an integer"),
        (("options", "tokenizer"), 7, "metadata.trainer.options.tokenizer: expected a text"),
        (("options", "other"), 7, "metadata.trainer.options.other: expected no such member"),
        (("options",), [], "metadata.trainer.options: expected an object, found"),
        (("corpus", "sha256"), "a" * 65, "metadata.trainer.corpus.sha256: expected a text of at"),
        (("model",), "glove", "metadata.trainer.model: expected"),
    ],
)
def test_a_member_is_named(record: Record, path: tuple[str, ...], value: Any, says: str) -> None:
    """A member that is not as it is written is refused by its path."""
    told: Any = copy.deepcopy(record.to_json())
    place = told
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(embzarr.InvalidInputError) as caught:
        parse_record(told)

    assert str(caught.value).startswith(says)


def test_a_missing_member_is_named(record: Record) -> None:
    """A member that is not there is refused by its path."""
    told: Any = copy.deepcopy(record.to_json())
    del told["metrics"]["seconds"]
    with pytest.raises(embzarr.InvalidInputError, match=r"trainer\.metrics\.seconds: expected a v"):
        parse_record(told)


@pytest.mark.parametrize("value", ["9" * 10**6, [["9" * 10**6] * 10**3], {"x" * 10**6: 0}, 10**999])
def test_what_is_found_is_told_in_short(record: Record, value: object) -> None:
    """However large a member is, the message is short."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        parse_record(record.to_json() | {"turns": value})

    assert len(str(caught.value)) < 1000
