"""What first use from many threads promises: no crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import embzarr

PROGRAM = """
import sys, threading
from pathlib import Path
sys.setswitchinterval(1e-6)
from embzarr._format import validate
from embzarr._history import tagging
manifest, tag = (Path(name).read_bytes() for name in sys.argv[1:])
barrier = threading.Barrier(16)
def work():
    barrier.wait()
    validate.parse(manifest, what="manifest")
    tagging.parse_tag(tag, what="tag")
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_threads_that_parse_first_at_once_do_not_crash_the_interpreter(tmp_path: Path) -> None:
    """Sixteen threads whose first act is to parse a manifest all succeed, in four processes."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    embzarr.Run(tmp_path).tag("t")
    files = [str(tmp_path / "latest.json"), str(tmp_path / "tags/t.json")]

    codes = [
        subprocess.run([sys.executable, "-c", PROGRAM, *files], check=False).returncode  # noqa: S603
        for _ in range(4)
    ]

    assert codes == [0] * 4


READING = """
import sys
import embzarr
known = set(sys.modules)
checkpoint = embzarr.open(sys.argv[1])
assert checkpoint["b"].tolist() == [2.0]
assert checkpoint[["c", "a"]].tolist() == [[3.0], [1.0]]
print(*sorted(set(sys.modules) - known))
"""


def test_a_first_read_imports_nothing(tmp_path: Path) -> None:
    """Whoever has imported the package waits for no other import between two words."""
    embzarr.save(tmp_path, ["a", "b", "c"], [[1.0], [2.0], [3.0]])

    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", READING, str(tmp_path)], check=True, capture_output=True, text=True
    )

    assert found.stdout.split() == []
