"""What embzarr writes, read by the reader in JavaScript: each type, through lossy deltas."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import embzarr
from integration import node

pytestmark = [pytest.mark.servers, pytest.mark.peers]

READER = Path(__file__).parents[2] / "spec" / "v1" / "reader"
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
ROWS, DIM = 1_500, 24
BASES = {
    "float32": np.dtype("float32"),
    "float64": np.dtype("float64"),
    "float16": np.dtype("float16"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}


@pytest.mark.parametrize(
    ("dtype", "compression"),
    [
        ("float32", "auto"),
        ("float32", "blosc:blosclz:shuffle"),
        ("float64", "none"),
        ("float16", "zstd"),
        ("bfloat16", "auto"),
    ],
)
def test_runs_with_lossy_deltas_are_read_alike(
    tmp_path: Path, dtype: str, compression: str
) -> None:
    """Every commit gives the same bytes to both, rounded where a base is narrower than float32."""
    folder = tmp_path / "run"
    _write(folder / "store", BASES[dtype], compression)
    _expect(folder, tags={"best": 2})
    shutil.copytree(READER, tmp_path / "reader")
    node.link_packages(tmp_path, "fzstd")

    printed = node.run_node(tmp_path / "reader" / "test" / "frozen.js", str(folder))

    assert json.loads(printed.splitlines()[-1]) == {"stores": 1, "failed": 0}


def _write(url: Path, dtype: np.dtype[Any], compression: str) -> None:
    """Save a full step, deltas of each kind with a few new words, and a step made of them all."""
    chance = np.random.default_rng(5)
    words = [f"w{at:04d}" for at in range(ROWS)]

    def numbers(rows: int) -> np.ndarray[Any, Any]:
        # Some so small that half precision has them as subnormal numbers, or not at all.
        sizes = 10.0 ** chance.integers(-9, 3, (rows, 1))
        return (chance.standard_normal((rows, DIM)) * sizes).astype(dtype)

    embzarr.save(
        url,
        words,
        numbers(ROWS),
        counts=chance.integers(0, 2**60, ROWS),
        columns={"flag": chance.integers(0, 2, ROWS) == 1, "wave": numbers(ROWS) * (1 + 2j)},
        compression=compression,
        placement="hash:16",
    )
    run = embzarr.Run(url)
    for lossy in ("int8", "float16", None, "int8"):
        rows = np.sort(chance.choice(ROWS, 400, replace=False))
        values = numbers(len(rows))
        run.save_delta(rows, values, lossy=lossy, policy=ALWAYS, compression=compression)
    run.tag("best", commit=2)
    appended = {
        "vectors": numbers(2),
        "counts": np.array([1, 2]),
        "flag": np.array([True, False]),
        "wave": numbers(2) * 1j,
    }
    run.save_delta(
        [ROWS, ROWS + 1], appended, words=["猫", ""], policy=ALWAYS, compression=compression
    )
    run.compact(compression=compression)


def _expect(folder: Path, *, tags: dict[str, int]) -> None:
    """Write down what embzarr itself reads of each commit."""
    run = embzarr.Run(folder / "store")
    commits = [_told(run.open(commit=number)) for number in sorted(run.numbers())]
    document = json.dumps({"commits": commits, "tags": tags})
    (folder / "EXPECTED.json").write_text(document, encoding="utf-8")


def _told(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    columns = {}
    for name in checkpoint.columns:
        array = checkpoint.load_rows(0, None, columns=[name]).columns[name]
        raw = np.ascontiguousarray(array).tobytes()
        told = {"dtype": str(array.dtype), "shape": list(array.shape)}
        columns[name] = told | {"sha256": hashlib.sha256(raw).hexdigest()}
    words = list(checkpoint.words)
    return {
        "commit": checkpoint.commit,
        "step": checkpoint.step,
        "placement": checkpoint.info().placement,
        "metadata": checkpoint.metadata,
        "rows": len(words),
        "words": words,
        "columns": columns,
        "ranges": [{"first": "w00", "last": "w01", "words": sorted(words)[1:101]}]
        if "" in words
        else [],
        "prefixes": {"w123": [f"w123{digit}" for digit in range(10)]},
        "missing": ["no such word"],
    }
