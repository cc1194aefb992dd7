"""The trainer beside gensim and fastText: speed, quality, and what checkpoints cost.

Every training runs in a process of its own, the trainers in turns; only figures of one run can be
compared.
"""

from embzarr_bench.training._checkpoints import CheckpointCost, checkpoint_cost
from embzarr_bench.training._compare import PARTS, Comparison, Plan, compare
from embzarr_bench.training._deltas import DeltaCost, delta_cost
from embzarr_bench.training._quality import Quality, quality
from embzarr_bench.training._speed import Speed, speed

__all__ = [
    "PARTS",
    "CheckpointCost",
    "Comparison",
    "DeltaCost",
    "Plan",
    "Quality",
    "Speed",
    "checkpoint_cost",
    "compare",
    "delta_cost",
    "quality",
    "speed",
]
