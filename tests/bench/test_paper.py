"""What a vocabulary would cost on paper, beside what real ones cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embzarr
import embzarr_spark
from embzarr_bench import BenchError, Scene, paper_plan
from embzarr_spark import BlockProgress, LocalEngine
from embzarr_tools import cli

CLOSE = 0.25


def save(url: str, *, words: int, dim: int, parts: int) -> embzarr.Checkpoint:
    """Save words of some twelve letters, with random numbers as vectors and Zipf's counts."""
    draws = np.random.default_rng(0)
    plan = embzarr.plan_step(url, words, dim, parts)
    for index in range(parts):
        with embzarr.write_part(url, plan, index) as part:
            part.append(draws.random((part.stop - part.start, dim), np.float32))
    letters = draws.integers(97, 123, (words, 9)).astype(np.uint8)
    named = [bytes(row[: 6 + at % 4]).decode() + f"{at:05x}"[-5:] for at, row in enumerate(letters)]
    assert len(set(named)) == words
    counts = (words / np.arange(1, words + 1)).astype(int) + 1
    return embzarr.publish(url, plan, named, counts=counts)


@pytest.mark.parametrize(
    ("words", "dim", "parts"),
    [
        pytest.param(100_000, 100, 4, id="10^5"),
        pytest.param(1_000_000, 20, 16, id="10^6", marks=pytest.mark.slow),
        pytest.param(10_000_000, 4, 32, id="10^7", marks=pytest.mark.slow),
    ],
)
def test_a_save_and_a_load_cost_what_was_said(
    tmp_path: Path, words: int, dim: int, parts: int
) -> None:
    """Objects, bytes, the manifest, and what loading a share fetches, within a quarter."""
    made = save(str(tmp_path / "run"), words=words, dim=dim, parts=parts)
    sizes = [file.stat().st_size for file in (tmp_path / "run").rglob("*") if file.is_file()]
    said = paper_plan(Scene(words=words, dim=dim, workers=parts, word_bytes=12.5))
    load = said.works[1]
    requests = fetched = 0
    for part in range(parts):
        with embzarr.open(made.url) as checkpoint:
            _ = checkpoint.load_part(part, parts).vectors
            requests += checkpoint.traffic.requests
            fetched += checkpoint.traffic.bytes_read

    assert said.objects == pytest.approx(len(sizes), rel=CLOSE)
    assert said.bytes == pytest.approx(sum(sizes), rel=CLOSE)
    manifest = (tmp_path / "run" / "latest.json").stat().st_size
    assert said.manifest_bytes == pytest.approx(manifest, rel=CLOSE)
    assert load.bytes == pytest.approx(fetched, rel=CLOSE)
    assert load.gets == pytest.approx(requests, rel=CLOSE)


def test_an_epoch_moves_what_was_said(tmp_path: Path) -> None:
    """Bytes that tasks of a block schedule read and write, by the stores' own counters."""
    draws = np.random.default_rng(0)
    text = tmp_path / "text.txt"
    picked = (draws.choice(5000, 10) for _ in range(4000))
    text.write_text("\n".join(" ".join(f"w{word}" for word in line) for line in picked))
    rounds: list[BlockProgress] = []
    settings = {"vector_size": 64, "groups": 4, "segments": 1, "epochs": 1, "min_count": 1}
    with LocalEngine(text) as engine:
        made = embzarr_spark.train(
            engine,
            str(tmp_path / "run"),
            progress=rounds.append,
            **settings,  # type: ignore[arg-type]
        )
    said = paper_plan(Scene(words=len(made), dim=64, workers=4), rounds=4).works[2]

    moved = sum(one.bytes_read + one.bytes_written for one in rounds)
    assert said.bytes == pytest.approx(moved, rel=CLOSE)
    assert len(rounds) == 4


def test_a_billion_words() -> None:
    """What stands in no memory: the figures of the design, and a manifest within its bound."""
    said = paper_plan(Scene(words=10**9, dim=100, workers=64))

    epoch = said.works[2]
    assert epoch.bytes == pytest.approx(2 * 102.4e12)
    assert epoch.minutes == pytest.approx(2 * 26.7, rel=0.05)
    assert said.manifest_bytes < 64 * 2**20
    assert paper_plan(Scene(words=10**9, dim=100, workers=128)).works[0].minutes < (
        0.6 * said.works[0].minutes
    )


def test_a_billion_long_vectors() -> None:
    """What would be too large a manifest is split: little of it is read to open, all is counted."""
    whole, said = (paper_plan(Scene(words=10**9, dim=dim, workers=64)) for dim in (100, 300))

    assert (whole.pages, whole.page_bytes) == (0, 0)
    assert 10 <= said.pages <= 20
    assert said.page_bytes == pytest.approx(115 * said.objects, rel=0.02)
    assert said.manifest_bytes < 2**20 < whole.manifest_bytes
    assert said.bytes > 10**9 * 300 * 4 + said.page_bytes


@pytest.mark.parametrize("name", ["words", "dim", "workers", "word_bytes", "bandwidth", "latency"])
def test_scenes_that_make_no_sense(name: str) -> None:
    """Named."""
    scene = {"words": 10, "dim": 10, "workers": 1, name: -1}
    with pytest.raises(BenchError, match=f"{name}: expected"):
        Scene(**scene)


def test_the_command_shows_and_writes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A line for the checkpoint, one for each work, and all figures as JSON."""
    file = tmp_path / "plan.json"
    code = cli.run(["bench", "plan", "--words", "1000000", "--json", str(file)])

    printed = capsys.readouterr().out
    assert code == 0
    assert "1,000,000 words x 100" in printed
    assert "epoch of 32 rounds" in printed
    assert json.loads(file.read_text())["works"][0]["name"] == "save"
    assert cli.run(["bench", "plan", "--words", "0"]) != 0
