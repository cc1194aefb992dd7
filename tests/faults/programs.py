"""Programs of this folder that write and kill, each in a process of its own: they fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def carry_out(program: str, task: object, *, timeout: float = 900) -> Any:
    """Run a program of this folder with a task as JSON, and return its answer."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(TESTS / "faults" / program)],
        input=json.dumps(task),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kill(
    program: str, url: str, options: Mapping[str, Any] | None, count: int, seed: int
) -> dict[str, Any]:
    """Write and kill in a process of its own, whose children are what is killed."""
    task = {"url": url, "options": options, "count": count, "seed": seed}
    found: dict[str, Any] = carry_out(program, task)
    return found
