"""The state dict that all store, made here; processes share it on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

State: TypeAlias = "dict[str, NDArray[Any]]"

LAYERS = 24
CHANGED = 11
"""The layer that a step changes."""
_PARTS = 12
"""Matrices of a layer's weights are so many squares, as in a transformer."""
_EMBEDDING_SHARE = 0.1
ONE_TENSOR = "head.weight"
"""A tensor of 4 MB."""
_HEAD = (1000, 1000)
_ITEM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """Where the numbers of a state dict lie, and what they are."""

    path: Path
    """A ``.npy`` file of float32, end to end."""
    shapes: dict[str, tuple[int, ...]]

    def open(self, *, in_memory: bool = False) -> State:
        """Return the tensors by name, mapped from the file or read from it."""
        numbers = np.load(self.path, mmap_mode=None if in_memory else "r")
        state, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + int(np.prod(shape))
            state[name] = numbers[start:stop].reshape(shape)
            start = stop
        return state


def make(folder: Path, *, megabytes: int, seed: int) -> StateFile:
    """Write normally distributed float32 numbers, about so many MB of them, to `folder`."""
    shapes = _shapes(megabytes)
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    file = StateFile(path=folder / "state.npy", shapes=shapes)
    numbers = np.lib.format.open_memmap(file.path, mode="w+", dtype=np.float32, shape=(total,))
    chance = np.random.default_rng(seed)
    for start in range(0, total, 1 << 20):
        part = numbers[start : start + (1 << 20)]
        part[...] = chance.standard_normal(part.shape, dtype=np.float32)
    numbers.flush()
    return file


def _shapes(megabytes: int) -> dict[str, tuple[int, ...]]:
    """Return about 300 tensors: an embedding, 24 layers of matrices and vectors, and a head."""
    total = megabytes * 1_000_000 // _ITEM
    inner = total * (1 - _EMBEDDING_SHARE) - np.prod(_HEAD)
    width = max(int((inner / LAYERS / _PARTS) ** 0.5) // 8 * 8, 64)
    shapes: dict[str, tuple[int, ...]] = {
        "embedding.weight": (max(int(total * _EMBEDDING_SHARE) // width, 1), width)
    }
    for layer in range(LAYERS):
        for name, shape in {
            "attention.query": (width, width),
            "attention.key": (width, width),
            "attention.value": (width, width),
            "attention.out": (width, width),
            "mlp.up": (4 * width, width),
            "mlp.down": (width, 4 * width),
        }.items():
            shapes[f"layers.{layer}.{name}.weight"] = shape
            shapes[f"layers.{layer}.{name}.bias"] = shape[:1]
    return shapes | {"norm.weight": (width,), "norm.bias": (width,), ONE_TENSOR: _HEAD}


def changed(state: State) -> State:
    """Return the state after a step that trained one layer."""
    prefix = f"layers.{CHANGED}."
    return {name: one + 1 if name.startswith(prefix) else one for name, one in state.items()}


def many() -> State:
    """Return a thousand tensors of a kilobyte."""
    numbers = np.random.default_rng(1).standard_normal((1000, 256), dtype=np.float32)
    return {f"layer.{at}.bias": row for at, row in enumerate(numbers)}


def one() -> State:
    """Return one tensor of a megabyte."""
    return {"weight": np.random.default_rng(2).standard_normal((1000, 250), dtype=np.float32)}
