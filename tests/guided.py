"""Somebody who types in a guide, from top to bottom, and compares what is printed."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GUIDES = Path(__file__).resolve().parents[1] / "sdk" / "guides"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_AS_SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def follow(guide: str) -> None:
    """Run every block of code of a guide, in order, in the folder where one is."""
    reader = Reader(guide)
    for language, block in _blocks(guide):
        reader.run(language, block)


class Reader:
    """Somebody who types in one guide, from top to bottom, in an empty folder."""

    def __init__(self, name: str) -> None:
        """Open the guide; nothing is run yet."""
        self._name = name
        self._known: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""

    def run(self, language: str, block: str) -> None:
        """Run a block, or compare what the last one printed with a block of output."""
        if language == "sh":
            self._printed = _shell(block)
        elif language == "text":
            assert doctest.OutputChecker().check_output(block, self._printed, _AS_SHOWN), (
                f"{self._name} shows\n{block}\nand there was\n{self._printed}"
            )
        elif ">>> " in block:
            self._check(block)
        else:
            exec(compile(block, self._name, "exec"), self._known)  # noqa: S102 - our own guide

    def _check(self, session: str) -> None:
        example = doctest.DocTestParser().get_doctest(session, self._known, self._name, None, 0)
        told: list[str] = []
        runner = doctest.DocTestRunner(optionflags=_AS_SHOWN)
        runner.run(example, out=told.append, clear_globs=False)
        self._known.update(example.globs)
        assert not told, "".join(told)


def _shell(commands: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own guide
        ["bash", "-euc", commands],  # noqa: S607 - the shell that readers have
        env={**os.environ, "PATH": programs, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _blocks(guide: str) -> Iterator[tuple[str, str]]:
    for found in _BLOCK.finditer((GUIDES / guide).read_text()):
        yield found[1], found[2]
