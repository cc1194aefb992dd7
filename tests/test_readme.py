from __future__ import annotations

import re
from pathlib import Path

import pytest

from embzarr_tools import cli

CHECKOUT = Path(__file__).resolve().parents[1]


def _commands(markdown: str) -> list[str]:
    """Return the lines of all shell blocks, comments and prompts left out."""
    blocks = re.findall(
        r"^```(?:sh|bash|console|shell)\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE
    )
    lines = (line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_gate_runs_the_first_commands_of_the_readme() -> None:
    """README begins with the very commands that `.ci/run` runs in fresh environments."""
    gate = (CHECKOUT / ".ci" / "run").read_text()
    run_by_ci = re.findall(r'^README_\w+="(.*)"$', gate, re.MULTILINE)

    commands = _commands((CHECKOUT / "README.md").read_text())

    assert len(run_by_ci) == 2
    assert commands[:2] == run_by_ci


def test_the_first_program_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What README shows of the SDK can be typed in, as it stands."""
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(
        r"^```python\n(.*?)^```", (CHECKOUT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )

    exec(compile(program, "README.md", "exec"), {})  # noqa: S102 - our own README

    assert (tmp_path / "runs" / "mine" / "latest.json").exists()


def test_the_readme_lists_every_command() -> None:
    """No verb of the command line is to be found by its help alone."""
    told = re.findall(r"`([\w-]+)", (CHECKOUT / "README.md").read_text())
    commands = {command.name for command in cli.app.registered_commands}
    commands |= {group.name for group in cli.app.registered_groups}

    assert commands - set(told) == set()
