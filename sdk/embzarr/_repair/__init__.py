"""Restoring what is damaged, marking it, or writing it again."""

from embzarr._repair.repairing import repair
from embzarr._repair.report import RepairAction, RepairReport

__all__ = [
    "RepairAction",
    "RepairReport",
    "repair",
]
