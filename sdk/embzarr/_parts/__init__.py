"""One step written by many processes."""

from embzarr._parts.begin import plan_step
from embzarr._parts.gather import discard, gather, gather_delta
from embzarr._parts.plan import StepPlan
from embzarr._parts.publish import missing_parts, publish
from embzarr._parts.shares import Share, ShareWriter, plan_shares
from embzarr._parts.write import PartWriter, write_part

__all__ = [
    "PartWriter",
    "Share",
    "ShareWriter",
    "StepPlan",
    "discard",
    "gather",
    "gather_delta",
    "missing_parts",
    "plan_shares",
    "plan_step",
    "publish",
    "write_part",
]
