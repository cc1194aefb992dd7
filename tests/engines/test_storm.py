"""A bolt in Python that turns texts into vectors, in a real Storm of one process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from embzarr_bench.servers import _program
from engines.conftest import save

pytestmark = [pytest.mark.servers, pytest.mark.slow]
HERE = Path(__file__).parent
BOLT = HERE.parents[1] / "tools" / "examples" / "storm" / "vectors_bolt.py"
TOPOLOGY = HERE.parent / "servers" / "storm" / "Topology.java"
MISSING = (
    "no `java` and `javac`, or no jars in $EMBZARR_SERVERS_BIN/storm (`bash .ci/run` gets them; or "
    "`mvn -f tests/servers/storm dependency:copy-dependencies -DoutputDirectory=...`)"
)
TEXTS = 1000
LOG = """<Configuration status="WARN"><Appenders><Console name="o" target="SYSTEM_ERR"/></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="o"/></Root></Loggers></Configuration>"""


def programs() -> tuple[str, str, Path]:
    """Return java, javac and the folder of Storm's jars."""
    java, javac = shutil.which("java"), shutil.which("javac")
    jars = Path(os.environ.get(_program.FOLDERS, os.devnull)) / "storm"
    if not (java and javac and any(jars.glob("storm-server-*.jar"))):
        pytest.skip(MISSING)
    return java, javac, jars


def test_texts_become_vectors_and_those_that_failed_come_again(tmp_path: Path) -> None:
    """The run is saved only when tuples have failed for want of it; then all get their means."""
    java, javac, jars = programs()
    classes = f"{tmp_path}:{jars}/*"
    compiler = [javac, "-cp", classes, "-d", str(tmp_path), str(TOPOLOGY)]
    subprocess.run(compiler, check=True, timeout=120)  # noqa: S603 - our own command
    (tmp_path / "log4j2.xml").write_text(LOG)
    (tmp_path / "resources").mkdir()
    for script in (BOLT, HERE / "storm_spout.py", HERE / "storm_sink.py"):
        shutil.copy(script, tmp_path / "resources")
    small = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    scripts = ["storm_spout.py", BOLT.name, "storm_sink.py"]
    told = [sys.executable, *scripts, str(tmp_path / "done"), "240"]
    environment = {
        **os.environ,
        "EMBZARR_URL": str(tmp_path / "run"),
        "TEST_PLACE": str(tmp_path),
        "TEST_TEXTS": str(TEXTS),
    }
    with (tmp_path / "log").open("wb") as log:
        storm = subprocess.Popen(  # noqa: S603 - our own command
            [java, *small, f"-Djava.io.tmpdir={tmp_path}", "-cp", classes, "Topology", *told],
            env=environment,
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while storm.poll() is None and not (tmp_path / "failed").exists():
                time.sleep(0.05)
            made = save(str(tmp_path / "run"), rows=TEXTS)
            code = storm.wait(300)
        finally:
            storm.kill()
    assert code == 0, (tmp_path / "log").read_text()[-3000:]
    assert int((tmp_path / "done").read_text()) > 0

    vectors = made.to_numpy()
    means = {}
    for line in (tmp_path / "out").read_text().splitlines():
        text, mean = json.loads(line)
        means[text] = mean
    assert len(means) == TEXTS
    for text, mean in means.items():
        rows = [int(word[1:]) for word in text.split() if word != "absent"]
        np.testing.assert_allclose(mean, vectors[rows].mean(axis=0), rtol=1e-5)
