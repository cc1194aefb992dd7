from __future__ import annotations

import re
from pathlib import Path

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
