"""``embzarr gc``: what it lists, what it deletes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embzarr
from tools.asking import Ask


@pytest.fixture
def run(tmp_path: Path) -> str:
    """Five steps."""
    for step in range(5):
        embzarr.save(tmp_path, ["a"], np.full((1, 2), step, "f4"), step=step)
    return str(tmp_path)


def test_a_dry_run_lists_what_would_go(ask: Ask, run: str) -> None:
    """Every key with its size, and a summary; nothing changes."""
    dry = ask("gc", run, "--keep-last", "2", "--dry-run")

    assert dry.code == 0
    assert dry.out.count("vectors/c/0/0") == 3
    assert "would give up commits: 1, 2, 3" in dry.err
    assert len(embzarr.Run(run).commits()) == 5


def test_old_checkpoints_go(ask: Ask, run: str) -> None:
    """What is kept is what was asked for, and a name keeps a checkpoint until it is taken away."""
    assert ask("tag", run, "best", "--step", "1").code == 0
    done = json.loads(ask("gc", run, "--keep-last", "1", "--json").out)
    assert (done["commit"], done["expired"]) == (6, [1, 3, 4])
    assert done["bytes"] == sum(info["size"] for info in done["objects"]) > 0

    assert ask("tag", run, "best", "--delete").code == 0
    assert ask("gc", run, "--keep-last", "1").out.startswith("gave up commits: 2;")
    assert [c.step for c in embzarr.Run(run).commits()] == [4]
    assert ask("get", run, "a", "--step", "1").err.endswith("[commit-expired]\n")


@pytest.mark.parametrize(
    "options", [["--older-than", "soon"], ["--keep-last", "0"], ["--keep-every", "-2"]]
)
def test_nonsense_is_refused(options: list[str], ask: Ask, run: str) -> None:
    """Options that cannot be meant change nothing."""
    assert ask("gc", run, *options).code == 2
    assert len(embzarr.Run(run).commits()) == 5
