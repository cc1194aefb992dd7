"""``-`` in the place of a file: standard input, which each command reads as it reads the file."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

import embzarr
from tools.asking import DIM, WORDS, Ask, vectors

Given: TypeAlias = Callable[[bytes], None]

TEXT = b"king and queen and king\n" * 200
QUICK = ("--vector-size", 4, "--epochs", 1, "--workers", 1, "--json")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Put bytes into standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_text_is_trained_on(
    ask: Ask, given: Given, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """The vectors are those of a file with the same text, which a run is gone on with."""
    (tmp_path / "text").write_bytes(TEXT)
    assert ask("train", tmp_path / "text", tmp_path / "of-file", *QUICK).code == 0
    given(pack(TEXT))
    answer = ask("train", "-", tmp_path / "piped", *QUICK)

    assert answer.code == 0, answer.err
    of_file, piped = (embzarr.open(tmp_path / name) for name in ("of-file", "piped"))
    assert piped.words == of_file.words == ["king", "and", "queen"]
    np.testing.assert_array_equal(piped.to_numpy(), of_file.to_numpy())
    assert ask("train", tmp_path / "text", tmp_path / "piped", *QUICK, "--resume").code == 0


def test_words_to_train_are_read(ask: Ask, given: Given, tmp_path: Path) -> None:
    """Those of --only; the text cannot be there too."""
    (tmp_path / "text").write_bytes(TEXT)
    run, *chosen = tmp_path / "run", *QUICK, "--only", "-"
    given(TEXT)
    assert ask("train", tmp_path / "text", run, *chosen).code == 0
    before = embzarr.open(run).step
    twice = ask("train", "-", run, *chosen)

    assert (twice.code, twice.err.count("can be read once")) == (2, 1)
    assert embzarr.open(run).step == before


def test_tasks_are_scored(ask: Ask, given: Given, run_folder: Path, tmp_path: Path) -> None:
    """As those of a file, under a name that says where they are from."""
    pairs = b"king\tqueen\t9\nw1\tw2\t1\n"
    (tmp_path / "pairs.tsv").write_bytes(pairs)
    given(pairs)
    piped, of_file = (
        json.loads(ask("eval", run_folder, file, "--json").out)["similarity"][0]
        for file in ("-", tmp_path / "pairs.tsv")
    )

    assert (Path(piped.pop("file")).name, Path(of_file.pop("file")).name) == (
        "standard-input",
        "pairs.tsv",
    )
    assert piped == of_file


def test_tasks_of_a_report_and_a_plot_are_scored(
    ask: Ask, given: Given, run_folder: Path, tmp_path: Path
) -> None:
    """As those of a file of that name, and with no other use of standard input."""
    pairs = b"king\tqueen\t9\nw1\tw2\t1\n"
    file = tmp_path / "standard-input"
    file.write_bytes(pairs)
    for *command, target in (
        ("report", run_folder, "-o", tmp_path / "x.html"),
        ("inspect", run_folder, "--plot", tmp_path / "x.svg"),
    ):
        sizes = []
        for tasks in (file, "-"):
            given(pairs)
            answer = ask(*command, target, "--eval", tasks, "--json")
            assert answer.code == 0, answer.err
            sizes.append(target.stat().st_size)
        assert sizes[0] == sizes[1]
    ask("report", run_folder, "-o", tmp_path / "unscored.html")
    assert (tmp_path / "unscored.html").stat().st_size < (tmp_path / "x.html").stat().st_size

    twice = ask("report", run_folder, "-o", tmp_path / "y", "--eval", "-", "--eval", "-")
    corpus = ask("train", "-", tmp_path / "run", *QUICK, "--plot", "x.svg", "--eval", "-")
    assert [one.code for one in (twice, corpus)] == [2, 2]
    assert all("can be read once" in one.err for one in (twice, corpus))


@pytest.mark.parametrize("piped", ["plan", "words"])
def test_a_plan_or_its_words_are_published(
    ask: Ask, given: Given, tmp_path: Path, piped: str
) -> None:
    """Either may come through a pipe."""
    words = WORDS[:20]
    plan = embzarr.plan_step(tmp_path / "run", len(words), DIM)
    with embzarr.write_part(tmp_path / "run", plan, 0) as part:
        part.append(vectors()[:20])
    texts = {"plan": plan.to_json(), "words": "\n".join(words)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    given(texts[piped].encode())

    answer = ask("publish", tmp_path / "run", *("-" if n == piped else tmp_path / n for n in texts))

    assert answer.code == 0, answer.err
    assert embzarr.open(tmp_path / "run").words == words


def test_a_full_disk_is_named(
    ask: Ask, given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pipes a file in cannot know that a copy of it is made, and where."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    given(b"a 1 2\n")

    answer = ask("import", "-", tmp_path / "run")

    assert answer.code == 2
    assert answer.err.startswith(f"embzarr: {tmp_path}/embzarr-")
    assert "No space left on device" in answer.err
    assert "TMPDIR" in answer.err
    assert list(tmp_path.iterdir()) == []
