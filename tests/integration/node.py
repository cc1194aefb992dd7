"""Node, and where the packages lie that tests need of npm."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent / "zarrita"
"""Where ``package.json`` names the packages, at exact versions."""
PATIENCE = 600
"""Seconds, for minutes of work on a machine that is busy."""


def run_node(script: Path, *arguments: str, processor_seconds: int | None = None) -> str:
    """Run a script and return what it printed; a script that ends otherwise than with 0 fails.

    So does one that takes more of a processor's time than it may, however busy the machine is, and
    one that hangs, with what it had printed and where its threads stood. V8 compiles in no threads
    of its own: at its end Node waits for them, and they may wait for it (nodejs/node#54918).
    """
    program = shutil.which("node")
    if program is None:
        pytest.skip("no `node` on PATH")
    limit = "unlimited" if processor_seconds is None else str(processor_seconds)
    shell = ["/bin/bash", "-c", 'ulimit -t "$0" && exec "$@"', limit]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*shell, program, "--single-threaded", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            printed, complained = _ended(process)
        finally:
            process.kill()
    assert process.returncode == 0, complained + printed
    return printed


def _ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process, and return all that it printed."""
    try:
        return process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        threads = "".join(map(_state, Path(f"/proc/{process.pid}/task").glob("*/stat")))
        process.kill()
        printed = "".join(process.communicate())
        pytest.fail(f"node hung for {PATIENCE} s\n{threads}{printed}")


def _state(stat: Path) -> str:
    """Return a thread's name, its state and the processor's time that it took, as Linux has it."""
    name, told = stat.read_text().split("(", 1)[1].rsplit(")", 1)
    state, *numbers = told.split()
    return f"{name} {state}, {numbers[10]} + {numbers[11]} ticks\n"


def link_packages(folder: Path, package: str) -> None:
    """Let scripts below `folder` find npm's packages, of which `package` must be there."""
    folders = [os.environ.get("EMBZARR_NODE_MODULES", ""), str(PACKAGES / "node_modules")]
    found = [Path(name) for name in folders if name and (Path(name) / package).is_dir()]
    if not found:
        command = f"npm install --no-package-lock --prefix {PACKAGES}"
        pytest.skip(f"{package} is not installed: {command}")
    (folder / "node_modules").symlink_to(found[0], target_is_directory=True)
