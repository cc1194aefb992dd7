"""Resident memory of this process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


def begin() -> int | None:
    """Forget the peak so far, and return the bytes in memory now; None where that is unknown."""
    try:
        _CLEAR.write_text(_FORGET_PEAK, encoding="ascii")
        return _field("VmRSS")
    except OSError:
        return None


def peak_above(start: int | None) -> int | None:
    """Return by how many bytes memory was once above `start`, of `begin`."""
    return None if start is None else max(_field("VmHWM") - start, 0)


def _field(name: str) -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024
