"""A server is ended by whoever started it, however early they are told to end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from embzarr_bench.servers import _program


class Ended(BaseException):
    """What a handler of signals raises."""


def sleeping(_: Path) -> _program.Launch[None]:
    """Plan a program that is never ready, and ends when it is ended."""
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    nobody = "http://127.0.0.1:1"
    return _program.Launch(command=command, environment={}, health=nobody, server=None)


def leave(_: int, __: object) -> NoReturn:
    raise Ended


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_a_server_starts(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is there, and nobody has been told of it yet."""
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)
            signal.raise_signal(number)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(number, leave)
    try:
        with pytest.raises(Ended), _program.running("sleeper", sleeping):
            pytest.fail("it is never ready")
        assert signal.getsignal(number) is leave
    finally:
        signal.signal(number, before)

    (process,) = started
    assert process.returncode == -signal.SIGTERM
