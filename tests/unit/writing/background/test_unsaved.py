"""What happens to saves in the background as a process ends: they are finished, or told of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr

BEGIN = """
import atexit, multiprocessing, sys, threading, time
import numpy as np, embzarr
from embzarr._storage import open_store
from faulty import PassThrough

class Store(PassThrough):
    how = "works"
    def put(self, key, data):
        time.sleep(1000 if self.how == "hangs" else 0.05)
        if self.how == "fails":
            raise embzarr.StoreError("store-failed", "the store is away")
        super().put(key, data)

def save(how="works", **settings):
    vectors = np.ones((3000, 8), np.float32)
    store = Store(open_store(URL))
    store.how = how
    run = embzarr.Run(store, **settings)
    future = run.save_async([str(n) for n in range(3000)], vectors, step=7)
    vectors[:] = 0
    return future
"""


def end(tmp_path: Path, script: str) -> tuple[int, str]:
    """Run a script to its end; return status and standard error."""
    file = tmp_path / "script.py"
    file.write_text(f"URL = {str(tmp_path / 'run')!r}\n{BEGIN}\n{script}\n")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(file)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("save()", id="the last line"),
        pytest.param("atexit.register(lambda: save().result())", id="a handler that waits"),
        pytest.param(
            "if __name__ == '__main__':\n"
            "    child = multiprocessing.get_context('spawn').Process(target=save)\n"
            "    child.start()\n"
            "    child.join()\n",
            id="a process of multiprocessing",
        ),
    ],
)
def test_what_is_under_way_at_the_end_is_saved(tmp_path: Path, script: str) -> None:
    """Whoever began it, and as late as in a handler of the end; nothing is said."""
    assert end(tmp_path, script) == (0, "")

    found = embzarr.open(tmp_path / "run")
    assert found.step == 7
    np.testing.assert_array_equal(found.to_numpy(), np.ones((3000, 8)))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("save('fails')", "the store is away [store-failed]", id="it fails"),
        pytest.param("save('hangs', exit_seconds=0.1)", "still on its way 0.1 s", id="it hangs"),
    ],
)
def test_what_is_not_saved_is_told(tmp_path: Path, script: str, reason: str) -> None:
    """Standard error names step and store, and the status is that of a failed clean-up."""
    status, said = end(tmp_path, script)

    assert status == 120
    assert said.startswith(f"embzarr: NOT SAVED: step 7 of file://{tmp_path / 'run'}: ")
    assert reason in said
    assert said.count("\n") == 1


def test_a_failure_that_was_seen_is_not_told_again(tmp_path: Path) -> None:
    """Whoever has asked the future, or was told by a call, knows."""
    script = (
        "assert save('fails').exception()\n"
        "try: save('fails').result()\n"
        "except embzarr.StoreError: pass"
    )

    assert end(tmp_path, script) == (0, "")


def test_an_interrupt_of_the_end_is_told(tmp_path: Path) -> None:
    """Whoever does not wait for the last save learns that it was not saved."""
    status, said = end(
        tmp_path,
        "import os, signal\n"
        "save('hangs')\n"
        "main = threading.main_thread()\n"
        "def kill():\n"
        "    while sys._current_frames()[main.ident].f_code.co_name != '_acquire':\n"
        "        time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=kill, daemon=True).start()",
    )

    assert (status, said.count("NOT SAVED: step 7 of"), "KeyboardInterrupt" in said) == (
        120,
        1,
        True,
    )


def test_handlers_of_the_end_may_read(tmp_path: Path) -> None:
    """Whatever reads in threads does so as the process ends, too."""
    embzarr.save(tmp_path / "run", [str(n) for n in range(5000)], np.ones((5000, 40), np.float32))
    script = (
        "def read():\n"
        "    checkpoint = embzarr.open(URL)\n"
        "    assert checkpoint.to_numpy().all() and checkpoint.verify().ok\n"
        "    assert sum(len(batch) for batch in checkpoint.stream(batch_bytes=9000)) == 5000\n"
        "    assert embzarr.save(URL, ['a'], np.ones((1, 40))).commit == 2\n"
        "atexit.register(read)"
    )

    assert end(tmp_path, script) == (0, "")
