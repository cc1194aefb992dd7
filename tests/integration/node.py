"""Node, and where the packages lie that tests need of npm."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parent / "zarrita"
"""Where ``package.json`` names the packages, at exact versions."""


def run_node(script: Path, *arguments: str, processor_seconds: int | None = None) -> str:
    """Run a script and return what it printed; a script that ends otherwise than with 0 fails.

    So does one that takes more of a processor's time than it may, however busy the machine is.
    """
    program = shutil.which("node")
    if program is None:
        pytest.skip("no `node` on PATH")
    limit = "unlimited" if processor_seconds is None else str(processor_seconds)
    done = subprocess.run(  # noqa: S603 - our own command
        ["/bin/bash", "-c", 'ulimit -t "$0" && exec "$@"', limit, program, script, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=None if processor_seconds else 600,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def link_packages(folder: Path, package: str) -> None:
    """Let scripts below `folder` find npm's packages, of which `package` must be there."""
    folders = [os.environ.get("EMBZARR_NODE_MODULES", ""), str(PACKAGES / "node_modules")]
    found = [Path(name) for name in folders if name and (Path(name) / package).is_dir()]
    if not found:
        command = f"npm install --no-package-lock --prefix {PACKAGES}"
        pytest.skip(f"{package} is not installed: {command}")
    (folder / "node_modules").symlink_to(found[0], target_is_directory=True)
