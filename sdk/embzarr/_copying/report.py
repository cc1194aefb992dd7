"""What a copy did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What `embzarr.copy` did."""

    commits: tuple[int, ...]
    """Numbers of the commits that were made at the destination, in their order."""
    present: tuple[int, ...]
    """Numbers there of checkpoints that were asked for and had been copied before."""
    mirrored: bool
    """Whether the destination is the same store again: its identity, numbers and history."""
    objects: int
    """Objects that were copied."""
    bytes: int
    """Bytes of those."""
    objects_present: int
    """Objects that were there."""
    bytes_present: int
    """Bytes of those."""
    tags: tuple[str, ...]
    """Names that commits at the destination got."""
    tags_kept: tuple[str, ...]
    """Names that mean something else there, and were left alone."""
