"""One rank of a distributed save or load; a program that is told what to do by its argument.

All ranks know the truth: what a tensor holds is told by its name and shape.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from embzarr.interop.torch_distributed import StorageReader, StorageWriter

SHAPES: dict[str, tuple[tuple[int, ...], str, Any, Any]] = {
    "rows": ((370, 300), "float32", Shard(0), Shard(0)),
    "other rows": ((370, 300), "float64", Shard(0), Shard(1)),
    "columns": ((4096, 300), "float32", Shard(1), Shard(0)),
    "deep": ((9, 100, 101), "bfloat16", Shard(2), Shard(1)),
    "replicated": ((300, 300), "float32", Replicate(), Shard(0)),
    "few": ((5,), "int64", Shard(0), Replicate()),
    "eighths": ((80, 90), "float8_e4m3fn", Shard(0), Shard(0)),
}
"""Shape and type of tensors, and how they are placed by whoever saves and by whoever loads."""
PLAIN = {"bias": (7,), "number": (), "none": (0, 4), "matrix": (100, 400)}
VALUES = {
    "step": 7,
    "lr": 0.1,
    "best": float("inf"),
    "name": "n\u00e4me",
    "list": [1, [2, "x"], None],
}


def truth(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """Return what a tensor holds."""
    chance = torch.Generator().manual_seed(sum(name.encode()))
    if dtype == "float32":
        return torch.randn(shape, generator=chance)  # which no compression makes smaller
    return torch.randint(-8, 8, shape, generator=chance).to(getattr(torch, dtype))


def share(whole: Any, mesh: Any, placement: Any) -> Any:
    """Return a rank's share of a tensor, without asking others for it."""
    return distribute_tensor(whole, mesh, [placement], src_data_rank=None)


def state(mesh: Any, side: int, *, filled: bool) -> dict[str, Any]:
    """Return a state dict as one side has it, with the truth in it or without."""
    held: dict[str, Any] = {}
    for name, (shape, dtype, *placements) in SHAPES.items():
        whole = truth(name, shape, dtype)
        placed = whole if mesh is None else share(whole, mesh, placements[side])
        held[name] = placed if filled else torch.zeros_like(placed)
    plain = {name: truth(name, shape) for name, shape in PLAIN.items()}
    held["plain"] = plain if filled else {name: torch.ones_like(one) for name, one in plain.items()}
    held["values"] = dict(VALUES) if filled else dict.fromkeys(VALUES)
    return held


def check(held: dict[str, Any]) -> None:
    """Compare with the truth."""
    for name, (shape, dtype, *_) in SHAPES.items():
        found, whole = held[name], truth(name, shape, dtype)
        if isinstance(found, DTensor):
            whole = share(whole, found.device_mesh, found.placements[0]).to_local()
            found = found.to_local()
        assert torch.equal(found.float(), whole.float()), name
        assert found.dtype == getattr(torch, dtype)
    for name, shape in PLAIN.items():
        assert torch.equal(held["plain"][name], truth(name, shape)), name
    assert held["values"] == VALUES


def main(task: dict[str, Any]) -> None:
    """Save or load, and tell what was read."""
    world, rank = task["world"], task["rank"]
    mesh = None
    if world:
        dist.init_process_group(
            "gloo", init_method=f"file://{task['meeting']}", rank=rank, world_size=world
        )
        mesh = init_device_mesh("cpu", (world,))
    options = {"storage_options": task["options"]}
    if task["mode"] == "save":
        writer = StorageWriter(task["url"], step=5, **options)
        held = state(mesh, 0, filled=True)
        if task["fails"] and rank == world - 1:
            writer._compression = "no such thing"
        if task["later"]:
            saving = dcp.async_save(held, storage_writer=writer)
            for one in held.values():
                if isinstance(one, torch.Tensor):
                    one.zero_()
            saving.result()
        else:
            dcp.save(held, storage_writer=writer)
        told: Any = writer.checkpoint.commit if writer.checkpoint is not None else None
    else:
        reader = StorageReader(task["url"], **options)
        held = state(mesh, 1, filled=False)
        dcp.load(held, storage_reader=reader, no_dist=not world)
        checkpoint, _ = reader._opened()
        told = checkpoint.traffic.bytes_read
        check(held)
    if world:
        dist.destroy_process_group()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
