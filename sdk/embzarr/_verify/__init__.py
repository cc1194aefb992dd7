"""Whether what is stored is as it was written."""

from embzarr._verify import losses, shards, verifying
from embzarr._verify.report import Findings, Problem, VerifyReport
from embzarr._verify.shards import ShardPlace, Shards

__all__ = [
    "Findings",
    "Problem",
    "ShardPlace",
    "Shards",
    "VerifyReport",
    "losses",
    "shards",
    "verifying",
]
