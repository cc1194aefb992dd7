"""Checkpoints from one store to another."""

from embzarr._copying.copying import copy
from embzarr._copying.report import CopyReport

__all__ = ["CopyReport", "copy"]
