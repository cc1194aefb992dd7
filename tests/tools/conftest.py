"""A small run to look at, and the command line to look at it with."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr_tools import _train_log, cli
from tools.asking import WORDS, Answer, Ask, vectors


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command line in this process, its output piped."""
    monkeypatch.setattr(_train_log, "LOG_SECONDS", math.inf)  # however busy this machine is

    def run(*arguments: object) -> Answer:
        code = cli.run([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def ask_on_terminal(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command line as if a person sat before it; blanks at line ends are left out."""
    monkeypatch.setenv("TERM", "dumb")  # 80 columns, no colour

    def run(*arguments: object) -> Answer:
        # Not before: pytest gives the test another stream than its fixtures.
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True)
            answer = ask(*arguments)
        lines = [line.rstrip() for line in answer.out.splitlines()]
        return Answer(answer.code, "\n".join([*lines, ""]), answer.err)

    return run


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three steps, the second tagged; only to be read."""
    folder = tmp_path_factory.mktemp("run")
    for step in (10, 20, 30):
        embzarr.save(
            folder,
            WORDS,
            vectors() + np.float32(step - 30),
            step=step,
            counts=np.arange(len(WORDS)),
            metadata={"trainer": {"window": 5, "alpha": 0.025}, "note": "a\nb"},
        )
    embzarr.Run(folder).tag("best", step=20)
    return folder


@pytest.fixture
def own_run(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(run_folder, tmp_path / "run"))
