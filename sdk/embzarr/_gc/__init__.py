"""Retention and garbage collection."""

from embzarr._gc import collect
from embzarr._gc.collect import GcReport
from embzarr._gc.retention import Policy

__all__ = [
    "GcReport",
    "Policy",
    "collect",
]
