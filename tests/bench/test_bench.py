from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embzarr_bench import OURS, RAW, BenchError, Case, Growth, Plan, Point, Sizes, compare, draw
from embzarr_bench import scale as measure_scale
from embzarr_bench.peers import ALL, chosen
from embzarr_bench.servers.minio import MISSING, find_minio
from embzarr_tools import cli
from embzarr_tools._commands.bench import failing


def _still(done: int, total: int, label: str | None = None) -> None:
    assert done <= total
    assert label


@pytest.fixture
def _minio_is_there() -> None:
    if find_minio() is None:
        pytest.skip(MISSING)


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.usefixtures("_minio_is_there")
def test_everybody_who_is_installed_gives_right_results() -> None:
    """Each peer stores a small matrix and answers every case from MinIO, over two links."""
    plan = Plan(
        latencies=[0],
        bandwidths=[200],
        repeats=1,
        rows=2_000,
        dim=16,
        sizes=Sizes(random_words=20, common_words=300, contiguous=100),
    )

    found = compare(plan, progress=_still)

    assert found.failures == []
    assert set(found.peers) | set(found.skipped) == set(ALL)
    assert {OURS, RAW} <= set(found.peers)
    assert {(one.link, one.case, one.peer) for one in found.figures} == {
        (link, case, peer)
        for link in ("0 ms", "200 MB/s")
        for peer in found.peers
        for case in ALL[peer].cases
    }
    ours = found.of("0 ms", Case.WORDS)[OURS]
    assert 0 < ours.notes["round_trips"] <= ours.requests
    assert ours.fetched > 20 * 16 * 4
    json.dumps(found.as_json())


@pytest.mark.servers
@pytest.mark.usefixtures("_minio_is_there")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_benchmark_that_is_terminated_leaves_no_server_behind(tmp_path: Path) -> None:
    """SIGTERM ends the server that it started as the end of the run would."""
    program = "from embzarr_tools.cli import main; main()"
    command = [sys.executable, "-X", "faulthandler", "-c", program, "bench", "scale"]
    said = tmp_path / "said.txt"
    with said.open("wb") as output, subprocess.Popen(command, stderr=output) as run:  # noqa: S603 - ours
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        while not (started := children.read_text(encoding="ascii").split()):
            time.sleep(0.05)
            assert run.poll() is None
        run.terminate()
        try:
            run.wait(60)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGABRT)  # its stack is in what it says

    assert run.returncode == 128 + signal.SIGTERM, said.read_text()
    assert not [number for number in started if Path(f"/proc/{number}").exists()]


def test_a_signal_to_end_is_not_lost_in_a_destructor() -> None:
    """Python prints what a destructor raises and goes on; the run ends nonetheless."""

    class EndedWhileItGoes:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def work() -> None:
        with failing():
            EndedWhileItGoes()
            time.sleep(10)

    with pytest.raises(SystemExit) as caught:
        work()

    assert caught.value.code == 128 + signal.SIGTERM


@pytest.mark.servers
@pytest.mark.usefixtures("_minio_is_there")
def test_growth_is_measured_from_ten_thousand_words() -> None:
    """The smallest scaling run has one point, with figures of a save and of a first word."""
    found = measure_scale(most=10_000, dim=2, latency_ms=0, repeats=1, progress=_still)

    (point,) = found.points
    assert point.words == 10_000
    assert point.save_seconds > 0
    assert point.first_word_seconds > 0
    assert point.bytes_written > 10_000 * 2 * 4
    json.dumps(found.as_json())


@pytest.mark.slow
def test_a_plot_is_drawn(tmp_path: Path) -> None:
    """Growth becomes a picture of the kind that the file's name says."""
    pytest.importorskip("matplotlib")
    points = [
        Point(
            words=count,
            save_seconds=count / 1e5,
            bytes_written=count,
            first_word_seconds=0.1,
            requests=5,
            round_trips=3,
            bytes_read=count,
            peak=None,
        )
        for count in (10_000, 100_000)
    ]
    for kind, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        file = tmp_path / f"plot{kind}"
        draw(Growth(setting={"dim": 8, "latency_ms": 20}, points=points), file)
        assert file.read_bytes().startswith(start)


def test_peers_are_chosen_by_how_their_names_begin() -> None:
    """embzarr is always measured, and whoever is meant."""
    assert chosen(["lance"]) == [OURS, "Lance, by row", "Lance, by word"]
    assert chosen(None) == list(ALL)
    with pytest.raises(BenchError, match="known: embzarr"):
        chosen(["nobody"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "--case", "nonsense"], "no case 'nonsense'; known: words"),
        (["bench", "--matrix", "m.npy"], "a matrix and its words go together"),
        (["bench", "--latency", "-1"], "expected latencies of 0 ms"),
        (["bench", "scale", "--plot", "plot.gif"], "ends in .png or .svg"),
        (["bench", "scale", "--most", "10"], "at least 10000 words"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2 before anything is started, and the message says what to do."""
    assert cli.run(arguments) == 2
    assert message in capsys.readouterr().err
