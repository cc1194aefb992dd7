"""What became of tensors and files from one checkpoint to another."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    import embzarr

_FLOATING = "fc"


def tensor_changes(
    before: "embzarr.Checkpoint",
    after: "embzarr.Checkpoint",
    advance: "Callable[[int, int], None]",
) -> dict[str, Any]:
    """Return names that came and went, and of those that both have how far they moved.

    Args:
        before: the first checkpoint.
        after: the second.
        advance: called with the tensors that were compared, and all of them.
    """
    common = [name for name in before.tensors if name in after.tensors]
    changed = []
    for done, name in enumerate(common, 1):
        one = _change(before.tensors[name], after.tensors[name])
        changed += [] if one is None else [{"name": name, **one}]
        advance(done, len(common))
    return {
        **_names(before.tensors, after.tensors),
        "same": len(common) - len(changed),
        "changed": changed,
    }


def file_changes(before: "embzarr.Checkpoint", after: "embzarr.Checkpoint") -> dict[str, Any]:
    """Return names that came and went, and those whose bytes changed, by their digests."""
    common = [name for name in before.files if name in after.files]
    changed = [
        {"name": name, "from": before.files[name].size, "to": after.files[name].size}
        for name in common
        if before.files[name].sha256 != after.files[name].sha256
    ]
    return {
        **_names(before.files, after.files),
        "same": len(common) - len(changed),
        "changed": changed,
    }


def _names(before: "Mapping[str, object]", after: "Mapping[str, object]") -> dict[str, Any]:
    return {
        "added": sorted(after.keys() - before.keys()),
        "lost": sorted(before.keys() - after.keys()),
    }


def _change(before: "embzarr.Tensor", after: "embzarr.Tensor") -> dict[str, Any] | None:
    """Return shapes and types, and how far numbers moved where both are alike; None where not."""
    sides = {
        side: {"shape": list(one.shape), "dtype": one.type}
        for side, one in (("from", before), ("to", after))
    }
    if sides["from"] != sides["to"]:
        return {**sides, "numbers": None, "max_abs": None, "relative": None}
    old, new = before.load(raw=True), after.load(raw=True)
    if old.tobytes() == new.tobytes():
        return None
    return {**sides, **_moved(old, new)}


def _moved(old: "NDArray[Any]", new: "NDArray[Any]") -> dict[str, Any]:
    """Return how many numbers changed, by how much at most, and all of them relative to the old."""
    import numpy as np  # noqa: PLC0415 - numpy takes a while

    differ = old != new
    found: dict[str, Any] = {"numbers": int(np.count_nonzero(differ))}
    if old.dtype.kind not in _FLOATING and old.dtype.name != "bfloat16":
        return {**found, "max_abs": None, "relative": None}
    wide = np.complex128 if old.dtype.kind == "c" else np.float64
    with np.errstate(invalid="ignore", over="ignore"):
        first = old.astype(wide)
        apart, length = np.abs(new.astype(wide) - first), np.linalg.norm(first)
        most, norm = np.nanmax(apart, initial=0), np.linalg.norm(apart)
    figures = {"max_abs": float(most), "relative": float(norm / length) if length else None}
    finite = {name: _finite(value) for name, value in figures.items()}
    return {**found, **finite}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
