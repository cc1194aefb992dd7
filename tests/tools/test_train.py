"""What training shows: a bar for people, lines for a log, a table for programs, a plot."""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import embzarr
import embzarr_trainer
from embzarr_eval import LossLine
from embzarr_tools._commands.train import Settings
from embzarr_tools._train_log import Log, LogLines, duration, learning, live_lines, saving
from embzarr_trainer import Metrics, Progress
from servers.tiny_s3 import running_tiny_s3
from tools.asking import Ask

NOW = Progress(
    words=1_500_000,
    total_words=4_000_000,
    epoch=1.875,
    epochs=5,
    words_per_second=312_480.4,
    eta_seconds=80.2,
    loss=0.21304,
    alpha=0.014227,
    step=1_000_000,
    checkpoint=None,
    saved_seconds_ago=12.3,
    stall_seconds=0.0812,
    problem=None,
)
MADE = Metrics(
    step=1_000_000,
    words=1_000_000,
    epoch=1.25,
    loss=0.5,
    alpha=0.02,
    words_per_second=1000.0,
    seconds=1000.0,
)


def test_what_is_told() -> None:
    """Epoch, loss, learning rate, speed; the newest checkpoint, its age and its stall."""
    assert (
        learning(NOW, NOW.epochs) == "epoch 1.88 of 5, loss 0.2130, alpha 0.01423, 312,480 words/s"
    )
    assert saving(NOW) == "step 1000000 saved 0:12 ago, stall 0.081 s"
    resumed = dataclasses.replace(NOW, saved_seconds_ago=None)
    assert saving(resumed) == "went on from step 1000000"
    assert saving(dataclasses.replace(resumed, step=None)) == "no checkpoint yet"
    failing = dataclasses.replace(NOW, problem="no space left")
    assert saving(failing).endswith("; NOT SAVED SINCE: no space left")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (59.6, "1:00"), (750, "12:30"), (11_100, "3:05:00")]
)
def test_durations_read_as_a_clock(seconds: float, shown: str) -> None:
    """Minutes and seconds, and hours where there are any."""
    assert duration(seconds) == shown


def test_a_log_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """However often the trainer reports, a log is readable."""
    seconds = iter(np.arange(0, 60, 0.5).tolist())
    lines = LogLines(clock=lambda: next(seconds))
    for _ in range(50):
        lines(NOW)
    written = capsys.readouterr().err.splitlines()
    assert 2 <= len(written) <= 5
    assert written[0] == (
        "embzarr: 37.5 %, 1:20 left, epoch 1.88 of 5, loss 0.2130, alpha 0.01423, "
        "312,480 words/s, step 1000000 saved 0:12 ago, stall 0.081 s"
    )


def test_a_terminal_gets_a_bar_and_two_lines() -> None:
    """All of it fits a terminal of 80 columns, uncut."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with live_lines(console) as show:
        show(NOW)
    shown = screen.getvalue()
    assert "reading" in shown
    assert "1:20 left" in shown
    assert " 38%" in shown
    assert learning(NOW, NOW.epochs) in shown
    assert saving(NOW) in shown


def test_a_program_gets_a_line_for_each_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the checkpoint's own moment; reports between print nothing, and the loss is noted."""
    losses = LossLine()
    log = Log(lambda _: None, losses)
    for words, made in ((1_000_000, None), (1_500_000, MADE), (2_000_000, MADE)):
        log(dataclasses.replace(NOW, words=words, checkpoint=made))
    last = dataclasses.replace(MADE, step=4_000_000, epoch=5.0)
    log(dataclasses.replace(NOW, words=4_000_000, checkpoint=last, stall_seconds=0.5))
    assert [line.split("\t") for line in capsys.readouterr().out.splitlines()] == [
        ["step", "epoch", "loss", "alpha", "words_per_second", "stall_seconds"],
        ["1000000", "1.25", "0.5", "0.02", "1000", "0.0812"],
        ["4000000", "5", "0.5", "0.02", "1000", "0.5"],
    ]
    assert [words for words, _ in losses.points] == [1_000_000, 1_500_000, 2_000_000, 4_000_000]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """20,000 words of two topics."""
    draws = np.random.default_rng(7)
    topics = [[f"{topic}{letter}" for letter in "abcdefgh"] for topic in ("sea", "sky")]
    lines = [" ".join(draws.choice(topics[line % 2], 10)) for line in range(2000)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(lines))
    return path


def test_train_draws_its_run(ask: Ask, corpus: Path, tmp_path: Path) -> None:
    """The table has a line a checkpoint, and loss and similarity by step become a picture."""
    (tmp_path / "pairs.txt").write_text("seaa seab 9\nskya skyb 8\nseaa skya 1\nseab skyc 2\n")
    plot = tmp_path / "run.svg"
    answer = ask(
        *("train", corpus, tmp_path / "run", "--vector-size", 10, "--checkpoints", 3),
        *("--workers", 1, "--plot", plot, "--eval", tmp_path / "pairs.txt"),
        *("--chunk-bytes", 1024),
    )
    assert (answer.code, answer.err) == (0, "")
    names, *rows = answer.rows
    assert names[0] == "step"
    assert [int(row[0]) for row in rows] == sorted(
        info.step for info in embzarr.Run(tmp_path / "run").commits()
    )
    assert plot.read_text().startswith("<?xml")
    stored = embzarr.open(tmp_path / "run").info().columns[0]
    assert (stored.name, stored.chunk_rows) == ("vectors", 16)


def test_a_lone_trainer_may_save_where_no_create_is_exclusive(ask: Ask, corpus: Path) -> None:
    """To a server that ignores the condition, if --single-writer vouches for that; else not."""
    with running_tiny_s3("ignores the condition") as (url, _):
        wanted = (
            *("train", corpus, "s3://bucket/run", "--vector-size", 10, "--workers", 1),
            *("--checkpoints", 2, "--endpoint-url", url, "--region", "us-east-1"),
            *("--storage-option", "access_key_id=a", "--storage-option", "secret_access_key=b"),
        )
        refused, answer = ask(*wanted), ask(*wanted, "--single-writer")
    assert "[create-not-exclusive]" in refused.err
    assert (answer.code, answer.err) == (0, "")
    assert len(answer.rows) == 3


def test_settings_are_the_trainers() -> None:
    """Every option is a setting of the trainer, with its default."""
    taken = inspect.signature(embzarr_trainer.train).parameters
    for setting in dataclasses.fields(Settings):
        assert taken[setting.name].default == setting.default, setting.name


def test_inspect_draws_a_run(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """Steps that record no loss can be scored; the answer is what it is without a plot."""
    (tmp_path / "pairs.txt").write_text("king queen 9\nw1 w2 1\nw3 w4 2\n")
    plot = tmp_path / "run.png"
    answer = ask("inspect", run_folder, "--json", "--plot", plot, "--eval", tmp_path / "pairs.txt")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out) == json.loads(ask("inspect", run_folder, "--json").out)
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "x.gif"), "expected a file that ends in .png or .svg, found 'x.gif'"),
        (("--plot", "x.png"), "expected a loss or a score in one of 3 steps, found none"),
        (("--eval", "pairs.txt"), "--eval scores steps for a plot: give --plot FILE too [usage]"),
        (("--plot", "x.png", "--eval", "nothing.txt"), "[eval-missing]"),
    ],
)
def test_a_plot_that_cannot_be_is_refused(
    ask: Ask, run_folder: Path, options: tuple[str, ...], message: str
) -> None:
    """Before anything is shown, in one line, with code 2."""
    answer = ask("inspect", run_folder, *options)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_resumed_run_takes_its_settings(ask: Ask, tmp_path: Path) -> None:
    """What is not given is as before, and said; what is given differs, and is told."""
    text, run = tmp_path / "text.txt", tmp_path / "run"
    text.write_text("the king and the queen\n" * 50, "utf-8")
    small = ["--vector-size", "8", "--window", "2", "--epochs", "1", "--cbow"]
    ask("train", text, run, *small, "--workers", "1", "--checkpoints", "1")

    again = ask("train", text, run, "--resume", "--workers", "1", "--window", "2")
    assert again.code == 0
    assert "trained before: vector-size 8, sg False, epochs 1\n" in again.err
    other = ask("train", text, run, "--resume", "--workers", "1", "--window", "5")
    assert other.code != 0
    assert "window was 2 and is 5" in other.err
    assert embzarr.Run(run).numbers() == [1]


def test_a_first_run_may_ask_to_resume(ask: Ask, tmp_path: Path) -> None:
    """There is nothing to take settings from, and nothing is said."""
    text = tmp_path / "text.txt"
    text.write_text("the king and the queen\n" * 50, "utf-8")
    first = ask("train", text, tmp_path / "run", "--resume", "--workers", "1", "--epochs", "1")
    assert first.code == 0
    assert "before" not in first.err


def test_what_was_trained_to_its_end_says_so(ask: Ask, tmp_path: Path) -> None:
    """Resuming it trains nothing, and a user reads what would."""
    text, run = tmp_path / "text.txt", tmp_path / "run"
    text.write_text("the king and the queen\n" * 50, "utf-8")
    small = ["train", text, run, "--resume", "--workers", "1"]
    assert "to its end" not in ask(*small, "--epochs", "1").err
    assert "to its end; more --epochs need --allow-changes\n" in ask(*small).err
    assert "to its end" not in ask(*small, "--epochs", "2", "--allow-changes").err


@pytest.mark.parametrize("command", ["train", "train-spark"])
def test_an_interrupt_says_how_to_go_on(
    command: str, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops a training reads that nothing saved is lost, and which option takes it up."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("embzarr_trainer.train", interrupted)
    monkeypatch.setattr("embzarr_spark.train", interrupted)
    (tmp_path / "text.txt").write_text("the king and the queen\n" * 50, "utf-8")
    alone = ["--processes", "1"] if command == "train-spark" else []
    answer = ask(command, tmp_path / "text.txt", tmp_path / "run", *alone)
    assert answer.code == 130
    assert "interrupted; what was saved stays, the same command with --resume" in answer.err
