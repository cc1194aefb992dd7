from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from embzarr_bench.servers.minio import MISSING, find_minio
from embzarr_bench.training import CheckpointCost, Plan, Quality, Speed, compare
from embzarr_bench.training._checkpoints import Clock
from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._quality import below_by
from embzarr_bench.training._speed import speed, times_faster
from embzarr_bench.training._text import prepare
from embzarr_bench.training._trainers import GENSIM, OURS, TRAINERS, Settings, Trained, installed
from embzarr_tools import cli
from embzarr_trainer import Progress

NOW = Progress(
    words=0,
    total_words=1000,
    epoch=0,
    epochs=1,
    words_per_second=1,
    eta_seconds=1,
    loss=1,
    alpha=0.025,
    step=None,
    saved_seconds_ago=None,
    stall_seconds=0,
    problem=None,
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """30,000 words of two topics, on one line."""
    draws = np.random.default_rng(7)
    topics = [[f"{topic}{letter}" for letter in "abcdefgh"] for topic in ("sea", "sky")]
    lines = [" ".join(draws.choice(topics[line % 2], 10)) for line in range(3000)]
    path = tmp_path / "corpus.txt"
    path.write_text(" ".join(lines))
    return path


@pytest.mark.parametrize(
    ("nbytes", "words"),
    [(3, ["aa"]), (4, ["aa"]), (5, ["aa", "bb"]), (6, ["aa", "bb"]), (99, ["aa", "bb", "cc"])],
)
def test_the_text_is_the_whole_words_of_the_first_bytes(
    tmp_path: Path, nbytes: int, words: list[str]
) -> None:
    """A word that the limit cuts is left out, one that it just holds is not."""
    (tmp_path / "corpus").write_text("aa bb cc")
    text = prepare(tmp_path / "corpus", nbytes, tmp_path)
    assert (text.words, text.file.read_text().split()) == (len(words), words)


def test_the_text_has_lines(tmp_path: Path) -> None:
    """Lines of a thousand words, whatever lines the corpus has."""
    (tmp_path / "corpus").write_text(" ".join(str(number) for number in range(2500)))
    text = prepare(tmp_path / "corpus", 10**6, tmp_path)
    lines = text.file.read_text().splitlines()
    assert [len(line.split()) for line in lines] == [1000, 1000, 500]
    assert lines[2].split()[0] == "2000"


def test_work_runs_in_another_process() -> None:
    """Nothing of this process is met there, and what it raises comes back."""
    assert in_fresh_process(os.getpid) != os.getpid()
    with pytest.raises(FileNotFoundError):
        in_fresh_process(os.stat, "/nowhere at all")


def test_a_trainer_that_fails_is_left_out_and_told(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are measured all the same; only ours must not fail."""
    text = prepare(corpus, 10**6, tmp_path)
    settings = [Settings(vector_size=8, epochs=1, workers=1)]
    tried: list[str] = []

    def once(trainer: str, _text: Path, _settings: Settings) -> Trained:
        tried.append(trainer)
        if trainer == GENSIM:
            raise RuntimeError("NaN")
        return Trained(whole=2, seconds=1)

    monkeypatch.setattr("embzarr_bench.training._speed.once", once)
    speeds, failures = speed(text, settings, [OURS, GENSIM], repeats=3, progress=lambda _: None)
    assert [(one.trainer, one.whole, one.training) for one in speeds] == [(OURS, 15_000, 30_000)]
    assert failures == {GENSIM: "RuntimeError: NaN"}
    assert tried.count(GENSIM) == 1
    monkeypatch.setattr("embzarr_bench.training._speed.OURS", GENSIM)
    with pytest.raises(RuntimeError, match="NaN"):
        speed(text, settings, [GENSIM], repeats=1, progress=lambda _: None)


def _speed(trainer: str, *, whole: float, training: float | None) -> Speed:
    return Speed(
        trainer=trainer,
        vector_size=100,
        whole=whole,
        training=training,
        slowest=whole,
        fastest=whole,
        rounds=1,
    )


def test_like_is_compared_with_like() -> None:
    """Training alone where both tell it, else the whole way from text to vectors."""
    ours = _speed(OURS, whole=300, training=600)
    gensim, other = _speed(GENSIM, whole=100, training=150), _speed("x", whole=50, training=None)
    speeds = [ours, gensim, other]
    assert times_faster(speeds, gensim) == 4
    assert times_faster(speeds, other) == 6
    assert times_faster(speeds, ours) is None
    assert times_faster(speeds, dataclasses.replace(gensim, vector_size=300)) is None


def test_quality_over_seeds() -> None:
    """Mean, spread, and by how much ours is below: negative where it is above."""
    ours = Quality(trainer=OURS, file="f", scores=(0.5, 0.54))
    theirs = Quality(trainer=GENSIM, file="f", scores=(0.4, 0.44, 0.48))
    assert ours.mean == pytest.approx(0.52)
    assert theirs.spread == pytest.approx(0.08)
    assert below_by(ours, theirs) == pytest.approx(-0.08)


def test_a_clock_takes_the_time_between_first_and_last_word() -> None:
    """What comes before the first report and after the last word does not count; stalls do."""
    times = iter([0.0, 10.0, 15.0, 20.0, 30.0])
    clock = Clock(seconds=lambda: next(times))
    for words, step, stall in (
        (0, None, 0),
        (200, None, 0),
        (600, 500, 0.1),
        (1000, 500, 0.1),
        (1000, 1000, 9),
    ):
        clock(dataclasses.replace(NOW, words=words, step=step, stall_seconds=stall))
    assert clock.words_per_second() == (1000 - 200) / (20 - 10)
    assert clock.stalls == {500: 0.1}


def test_what_checkpoints_cost() -> None:
    """The share of the speed that is lost, by medians."""
    cost = CheckpointCost(
        rows=1,
        vector_size=1,
        interval="20s",
        without=(100, 90, 300),
        with_checkpoints=(97, 50, 200),
        stalls=(),
    )
    assert cost.loss == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "nothing.txt"], "nothing.txt: No such file"),
        (["--part", "nonsense"], "no part 'nonsense'; known: speed, quality, checkpoints"),
        (["--bytes", "3", "--part", "speed"], "no words in its first 3 bytes"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2 before anything is trained."""
    (tmp_path / "corpus.txt").write_text("words")
    given = ["bench", "train", "--corpus", str(tmp_path / "corpus.txt"), *arguments]
    assert cli.run(given) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_everybody_who_is_installed_trains_and_is_scored(corpus: Path, tmp_path: Path) -> None:
    """Speed and quality of each trainer, in a table and as JSON."""
    pairs = [
        f"{one}{a} {other}{b} {int(one == other)}"
        for one, other in (("sea", "sea"), ("sea", "sky"), ("sky", "sky"))
        for a, b in ("ab", "cd", "ef", "gh", "ac", "bd")
    ]
    (tmp_path / "pairs.txt").write_text("\n".join(pairs))
    plan = Plan(
        corpus=corpus,
        parts=("speed", "quality"),
        dims=(16,),
        repeats=2,
        seeds=2,
        quality_epochs=40,
        files=[tmp_path / "pairs.txt"],
    )
    seen: list[str] = []
    found = compare(plan, progress=seen.append)
    trainers, missing = installed()
    assert OURS in trainers
    assert trainers.keys() | missing.keys() == set(TRAINERS)
    assert {one.trainer for one in found.speed} == trainers.keys() - found.failures.keys()
    assert OURS not in found.failures
    for one in found.speed:
        assert 0 < one.slowest <= one.whole <= one.fastest
        assert one.training is None or one.training > one.whole
    judged = {one.trainer: one for one in found.quality}
    assert judged.keys() == {OURS, GENSIM} & trainers.keys()
    assert len(judged[OURS].scores) == 2
    assert judged[OURS].mean > 0.5
    assert f"seed 2: {OURS}" in seen
    document = json.loads(json.dumps(found.as_json()))
    assert document["setting"]["words"] == 30_000


@pytest.mark.servers
@pytest.mark.slow
def test_checkpoints_to_a_server_are_measured(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds with and without, on a MinIO, and the stall of each checkpoint on the way."""
    if find_minio() is None:
        pytest.skip(MISSING)
    monkeypatch.setattr("embzarr_bench.training._checkpoints.INTERVAL", 20_000)
    plan = Plan(corpus=corpus, parts=("checkpoints",), dims=(16,), repeats=1, checkpoint_epochs=4)
    cost = compare(plan, progress=lambda _: None).checkpoints
    assert cost is not None
    assert (cost.rows, cost.vector_size) == (16, 16)
    assert len(cost.without) == len(cost.with_checkpoints) == 1
    assert len(cost.stalls) >= 1
    assert min(cost.stalls) > 0
