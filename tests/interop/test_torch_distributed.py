"""PyTorch Distributed Checkpoint by real ranks: saved by four, loaded by two and by one.

Run by ``-m frameworks``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = [pytest.mark.frameworks(environment="torch"), pytest.mark.filterwarnings("ignore")]

PROGRAM = Path(__file__).with_name("dcp_rank.py")
ROWS, COLUMNS, REPLICATED = 370 * 300 * 4, 4096 * 300 * 4, 300 * 300 * 4
"""Bytes of tensors of which each of two loaders needs half."""
OTHERS = 370 * 300 * 8 + 9 * 100 * 101 * 2 + 80 * 90 + 100 * 400 * 4
"""Of those that each reads whole, at most: some are compressed."""


def ranks(world: int, place: Any, tmp_path: Path, mode: str, **more: bool) -> list[Any]:
    """Run so many ranks, or one without a group for 0; return what each tells, or its error."""
    meeting = tmp_path / f"meeting-{mode}-{world}"
    task = {"world": world, "url": place[0], "options": place[1], "mode": mode}
    task |= {"meeting": str(meeting), "fails": False, "later": False, **more}
    programs = [
        subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, str(PROGRAM), json.dumps({**task, "rank": rank})],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(max(world, 1))
    ]
    found = []
    for program in programs:
        out, errors = program.communicate(timeout=300)
        found.append(json.loads(out) if program.returncode == 0 else errors[-3000:])
    return found


@pytest.fixture(scope="module")
def saved(minio: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A place where four ranks have saved."""
    pytest.importorskip("torch")
    with minio.bucket() as bucket:
        place = minio.url(bucket, "model"), minio.options
        found = ranks(4, place, tmp_path_factory.mktemp("save"), "save")
        assert found == [1, None, None, None], found
        yield place


@pytest.mark.parametrize("world", [2, 1])
def test_four_ranks_save_what_others_load(saved: Any, tmp_path: Path, world: int) -> None:
    """In another sharding, equal; each reads the chunks of its rows, and no others."""
    found = ranks(world, saved, tmp_path, "load")
    assert all(isinstance(one, int) for one in found), found
    needed = (ROWS + COLUMNS + REPLICATED) // world + OTHERS
    assert all(one <= 1.02 * needed + 100_000 for one in found), (found, needed)


def test_what_ranks_saved_is_one_checkpoint(saved: Any) -> None:
    """Whole tensors have their own names, and the pieces of others are tensors like any other."""
    torch: Any = pytest.importorskip("torch")
    import torch.distributed.checkpoint as dcp  # noqa: PLC0415 - where the library is

    from embzarr.interop.torch_distributed import StorageReader  # noqa: PLC0415 - the same

    checkpoint = embzarr.open(saved[0], storage_options=saved[1])
    assert (checkpoint.step, checkpoint.commit, len(checkpoint)) == (5, 1, 0)
    assert checkpoint.verify().ok
    assert checkpoint.tensors["replicated"].shape == (300, 300)
    assert checkpoint.model["values"]["values.lr"] == {"value": 0.1}
    assert len(checkpoint._commit.manifest.base.objects) < 60

    whole = {"rows": torch.zeros(370, 300)}
    dcp.load(whole, storage_reader=StorageReader(checkpoint), no_dist=True)
    found = np.concatenate(
        [checkpoint.tensors[f"rows[{at}:{at + 93}, 0:300]"][:] for at in (0, 93)]
    )
    assert np.array_equal(found, whole["rows"][:186].numpy())


def test_a_save_in_the_background_is_as_it_was_at_the_call(place: Any, tmp_path: Path) -> None:
    """`async_save` copies, and the upload goes on beside training."""
    pytest.importorskip("torch")
    found = ranks(2, place, tmp_path, "save", later=True)
    assert found == [1, None], found
    (told,) = ranks(0, place, tmp_path, "load")
    assert isinstance(told, int), told


def test_where_one_rank_fails_nothing_is_committed(place: Any, tmp_path: Path) -> None:
    """All ranks are told, and nothing is visible; the next save works."""
    pytest.importorskip("torch")
    found = ranks(2, place, tmp_path, "save", fails=True)
    assert all("CheckpointException" in str(one) for one in found), found
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(place[0], storage_options=place[1])
    assert ranks(1, place, tmp_path, "save") == [1]


def saved_alone(tmp_path: Path, **held: Any) -> embzarr.Checkpoint:
    """Save a state dict by one process."""
    import torch.distributed.checkpoint as dcp  # noqa: PLC0415 - where the library is

    from embzarr.interop.torch_distributed import StorageWriter  # noqa: PLC0415 - the same

    writer = StorageWriter(tmp_path / "run")
    dcp.save(held, storage_writer=writer, no_dist=True)
    assert writer.checkpoint is not None
    return writer.checkpoint


def test_no_pickle_is_stored(tmp_path: Path) -> None:
    """What is neither a tensor nor JSON is refused, and a new step follows the old."""
    torch: Any = pytest.importorskip("torch")
    from torch.distributed.checkpoint.api import CheckpointException  # noqa: PLC0415 - the same

    first = saved_alone(tmp_path, w=torch.ones(3), lr=0.5)
    with pytest.raises(
        CheckpointException, match="lr: expected a number, a text or None, found slice"
    ):
        saved_alone(tmp_path, w=torch.ones(3), lr=slice(3))
    assert saved_alone(tmp_path, w=torch.ones(3)).step == first.step + 1
    data = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"PK\x03\x04" not in data
    assert b"\x80\x02" not in data


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"tensors": {"w": {"dtype": "float32", "size": [9], "pieces": [[[0], [9]]]}}},
        {"tensors": {"w": {"dtype": "load", "size": [3], "pieces": [[[0], [3]]]}}},
        {"tensors": {"w": {"dtype": "float64", "size": [3], "pieces": [[[0], [3]]]}}},
        {"tensors": {"w": {"dtype": "float32", "size": [3], "pieces": [[[-3], [3]]]}}},
        {"tensors": {"v": {"dtype": "float32", "size": [3], "pieces": [[[0], [3]]]}}},
        {"tensors": {"w": {"dtype": "float32", "size": [3], "pieces": []}}},
        {"tensors": {"w": {"dtype": "float32", "size": [9], "pieces": [[[0], [3]]]}}},
        {"tensors": {"w": {"dtype": "float32", "size": [6], "pieces": [[[0], [3]]] * 2}}},
        {"tensors": {"w": {"dtype": "float32", "size": [2**50], "pieces": []}}},
        {"tensors": {"v": {"dtype": "float32", "size": [6], "pieces": [[[0], [3]]]}}},
        {"tensors": {}, "paths": {"w": ["w", 10**12]}},
        {"tensors": {}, "values": {"x": 3}, "paths": {}},
        {"tensors": [], "values": {}, "paths": {}},
    ],
    ids=str,
)
def test_no_record_is_believed(record: Any, tmp_path: Path) -> None:
    """What a stranger wrote is refused as damaged."""
    pytest.importorskip("torch")
    from embzarr.interop.torch_distributed import StorageReader  # noqa: PLC0415 - the same

    model = {"framework": "torch_distributed", "values": {}, "paths": {}, **record}
    tensors = {"w": np.ones(3, "f4"), "w[0:3]": np.ones(3, "f4"), "v[0:3]": np.ones(3, "f4")}
    saved = embzarr.save(tmp_path / "m", tensors=tensors, model=model)
    with pytest.raises(embzarr.DamagedError) as caught:
        StorageReader(saved).read_metadata()
    assert caught.value.code == "model-invalid"


def test_it_is_told_whose_a_model_is(tmp_path: Path) -> None:
    """A state that one process saved by `torch.save` is not a distributed one, nor the reverse."""
    torch: Any = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save  # noqa: PLC0415 - where the library is
    from embzarr.interop.torch_distributed import StorageReader  # noqa: PLC0415 - the same

    saved = save(tmp_path / "one", {"w": torch.ones(2)})
    with pytest.raises(embzarr.UnsupportedError, match=r"embzarr\.interop\.torch reads it"):
        StorageReader(saved).read_metadata()
    with pytest.raises(embzarr.UnsupportedError, match=r"interop\.torch_distributed reads it"):
        load(saved_alone(tmp_path, w=torch.ones(2)))
