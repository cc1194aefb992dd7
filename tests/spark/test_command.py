"""The command for training in blocks, and the examples of its package."""

from __future__ import annotations

import doctest
import inspect
import json
from dataclasses import fields
from pathlib import Path

import pytest

import embzarr
import embzarr_spark
from embzarr_tools import cli
from embzarr_tools._commands.train_spark import BlockSettings

LATER = {"engine", "url", "progress", "storage_options"}
"""What the command makes of its other arguments."""


def test_the_command_has_the_packages_settings_and_defaults() -> None:
    """Each by its name, and no other."""
    known = inspect.signature(embzarr_spark.train).parameters
    told = {name: one.default for name, one in known.items() if name not in LATER}

    assert {one.name: one.default for one in fields(BlockSettings)} == told


def test_it_trains_by_processes_and_says_what_is_quicker(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each round aside, and at the end that one machine would do."""
    url = tmp_path / "run"
    small = ["--vector-size", "4", "--epochs", "1", "--groups", "2", "--segments", "1"]
    code = cli.run(["train-spark", str(corpus), str(url), *small, "--processes", "1", "--json"])
    printed = capsys.readouterr()

    assert code == 0, printed.err
    told = json.loads(printed.out)
    assert told["rows"] == 24
    assert told["bytes_written"] > 0
    assert "`embzarr train` is three times as fast" in told["quicker_alone"]
    assert "round 2 of 2" in printed.err
    assert "step 12000 saved" in printed.err
    assert embzarr.open(str(url)).step == 12_000


def test_two_engines_are_one_too_many(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Processes of this machine, or a Spark."""
    both = ["--processes", "2", "--master", "local[1]"]
    code = cli.run(["train-spark", str(corpus), str(tmp_path / "run"), *both])

    assert code == 2
    assert "give one" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["LocalEngine", "quicker_alone", "start_session", "train"])
def test_an_example_is_true(name: str, corpus: Path, tmp_path: Path) -> None:
    """A reader who types it in finds the same."""
    text = tmp_path / "text.txt"
    text.write_text(corpus.read_text().replace("seaa", "sea"))
    known = {"embzarr_spark": embzarr_spark, "corpus": text, "folder": str(tmp_path / "run")}
    shown = inspect.getdoc(getattr(embzarr_spark, name)) or ""
    example = doctest.DocTestParser().get_doctest(shown, known, name, None, 0)
    assert example.examples

    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)
