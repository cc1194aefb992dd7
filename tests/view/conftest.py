"""A run to look at, and the page's server in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from embzarr_tools import cli
from tools.asking import Answer, Ask
from view import runs

Serving: TypeAlias = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in a folder; only to be read."""
    return runs.save_elsewhere(tmp_path_factory.mktemp("looked-at") / "run")


@contextmanager
def page_of(url: object, *options: str) -> Iterator[tuple[str, int]]:
    """Serve a page of a run until the block ends; yields its address, and the process's number."""
    command = [sys.executable, "-m", "embzarr", "view", str(url), "--json", *options]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield str(json.loads(line)["url"]), process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def _serving(url: object, *options: str) -> Iterator[str]:
    with page_of(url, *options) as (address, _):
        yield address


@pytest.fixture
def serving() -> Serving:
    """Serve a page of a run until the block ends; yields its address."""
    return _serving


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command line in this process, its output piped."""

    def run(*arguments: object) -> Answer:
        code = cli.run([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return run
