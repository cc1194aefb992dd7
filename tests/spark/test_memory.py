"""How much memory a task takes: two groups, and what does not grow with them; and a driver."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="asks Linux how much was held at most"
)
WORDS, SIZE = 256_000, 100
GROUP_BYTES = WORDS // 2 * SIZE * 4
ROOM_BYTES = 300e6

MEASURED = """
import multiprocessing, sys
from pathlib import Path
import embzarr_spark
from embzarr_spark import LocalEngine

def train(engine, run):
    embzarr_spark.train(
        engine, run, vector_size=100, groups=2, segments=1, epochs=1, min_count=1
    )

if __name__ == "__main__":
    with LocalEngine(sys.argv[2], processes=1) as engine:
        train(engine, sys.argv[3] + "-small")  # compiles what is kept, in 70 MB more
    with LocalEngine(sys.argv[1], processes=2) as engine:
        train(engine, sys.argv[3])
        for worker in multiprocessing.active_children():
            told = Path(f"/proc/{worker.pid}/status").read_text().partition("VmHWM:")[2]
            print(int(told.split()[0]) * 1024)
"""


@pytest.mark.slow
@ON_LINUX
def test_a_worker_holds_two_groups_and_300_mb(tmp_path: Path) -> None:
    """Of 51 MB each, and not once more what was read and written of them in pieces."""
    corpus, program = tmp_path / "corpus.txt", tmp_path / "measured.py"
    small = tmp_path / "small.txt"
    small.write_text("a b c d\n" * 9)
    corpus.write_text("\n".join(f"w{word} w{word + 1}" for word in range(0, WORDS, 2)))
    program.write_text(MEASURED)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *map(str, (program, corpus, small, tmp_path / "run"))],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    held = [int(line) for line in done.stdout.split()]

    assert len(held) == 2
    assert max(held) < 2 * GROUP_BYTES + ROOM_BYTES


def test_a_driver_imports_no_compiler() -> None:
    """Tasks train, on executors: of a driver's 500 MB numba would be 60."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, embzarr_spark; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert not {"numba", "llvmlite"} & {*done.stdout.split()}
