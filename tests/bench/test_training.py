from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest

from embzarr_bench._errors import WrongResultError
from embzarr_bench.servers.minio import MISSING, find_minio, running_minio
from embzarr_bench.training import (
    CheckpointCost,
    Plan,
    Quality,
    Speed,
    checkpoint_cost,
    compare,
)
from embzarr_bench.training._checkpoints import Clock
from embzarr_bench.training._fresh import in_fresh_process
from embzarr_bench.training._speed import speed, times_faster
from embzarr_bench.training._text import prepare
from embzarr_bench.training._trainers import (
    GENSIM,
    OURS,
    TRAINERS,
    Enough,
    Settings,
    Trained,
    installed,
    last_rate,
    ours,
)
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
    checkpoint=None,
    saved_seconds_ago=None,
    stall_seconds=0,
    problem=None,
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """30,000 words of two topics, a hundred words of each in turn, on one line."""
    draws = np.random.default_rng(7)
    topics = [[f"{topic}{letter}" for letter in "abcdefgh"] for topic in ("sea", "sky")]
    lines = [" ".join(draws.choice(topics[line % 2], 100)) for line in range(300)]
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
    """Mean and spread are over the seeds."""
    ours = Quality(trainer=OURS, file="f", scores=(0.5, 0.54))
    theirs = Quality(trainer=GENSIM, file="f", scores=(0.4, 0.44, 0.48))
    assert ours.mean == pytest.approx(0.52)
    assert theirs.spread == pytest.approx(0.08)


def test_the_clock_pairs_intervals() -> None:
    """From the report before a checkpoint was begun; its stall and its save are on its side."""
    # (seconds, words, step, stall): begun before 40.1, 80.2 and 120
    reports: list[tuple[float, int, int | None, float]] = [
        (0, 0, None, 0),
        (40, 4000, None, 0),
        (40.1, 4010, None, 0.1),
        (45, 4400, 4000, 0.1),
        (60, 5900, 4000, 0.1),
        (80, 7900, 4000, 0.1),
        (80.2, 7910, 4000, 0.2),
        (90, 8500, 7900, 0.2),
        (100, 9500, 7900, 0.2),
        (119, 11_210, 7900, 0.2),
        (120, 11_300, 7900, 0.3),
    ]
    times = iter([seconds for seconds, *_ in reports])
    clock = Clock(20, 2, seconds=lambda: next(times))
    with contextlib.suppress(Enough):
        for _, words, step, stall in reports:
            clock(dataclasses.replace(NOW, words=words, step=step, stall_seconds=stall))

    assert next(times, None) is None
    assert clock.speeds() == [(95, 100), (80, 90)]
    assert clock.stalls == [0.1, 0.2, 0.3]


def test_a_checkpoint_must_end_in_its_interval() -> None:
    """What is saved later would count on the wrong side."""
    clock = Clock(1, 1, seconds=itertools.count().__next__)
    for stall in (0, 0, 0.1, 0.1, 0.1):
        clock(dataclasses.replace(NOW, stall_seconds=stall))
    with pytest.raises(Enough):
        clock(dataclasses.replace(NOW, stall_seconds=0.2))
    with pytest.raises(WrongResultError, match="longer than 1 s"):
        clock.speeds()


def test_what_checkpoints_cost() -> None:
    """The share of the speed that is lost: the median of the pairs."""
    cost = CheckpointCost(
        rows=1,
        vector_size=1,
        interval=20,
        without=(100, 50, 200),
        with_checkpoints=(97, 50, 100),
        stalls=(),
        own_cpu=0,
        server_cpu=0,
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
def test_checkpoints_to_a_server_are_measured(corpus: Path, tmp_path: Path) -> None:
    """Pairs of intervals, the stall of each checkpoint, and processor time of both sides."""
    program = find_minio()
    if program is None:
        pytest.skip(MISSING)
    text = prepare(corpus, 10**6, tmp_path)
    settings = Settings(vector_size=600, epochs=1, workers=1, min_count=1)  # slow enough
    with running_minio(program) as server, server.bucket() as bucket:
        cost = checkpoint_cost(
            *(text, settings),
            server=server,
            bucket=bucket,
            pairs=2,
            interval=0.5,
            progress=lambda _: None,
        )
    assert (cost.rows, cost.vector_size) == (16, 600)
    assert len(cost.without) == len(cost.with_checkpoints) == len(cost.stalls) == 2
    assert min(cost.without) > 0
    assert min(cost.stalls) > 0
    assert min(cost.own_cpu, cost.server_cpu) > 0


@pytest.mark.parametrize(
    ("workers", "epochs", "expected"),
    [(1, 1, 1e-4), (1, 5, 1e-4), (2, 1, 0.01255), (2, 5, 0.00259), (4, 1, 0.018775)],
)
def test_all_train_at_the_rates_that_gensim_ends_with(
    workers: int, epochs: int, expected: float
) -> None:
    """A thread of gensim's goes through its part of the words, and reckons by all of them."""
    settings = Settings(vector_size=8, epochs=epochs, workers=workers)

    # gensim's `get_next_alpha`, for a thread that trains words evenly.
    share = np.linspace(0, 1 / workers, 1001)
    progress = (np.arange(epochs)[:, None] + share) / epochs
    rates = 0.025 - (0.025 - 1e-4) * progress
    assert last_rate(settings) == pytest.approx(expected)
    assert last_rate(settings) == pytest.approx(rates.min())
    assert (0.025 + last_rate(settings)) / 2 == pytest.approx(rates.mean())
    assert ours(settings)["min_alpha"] == last_rate(settings)
