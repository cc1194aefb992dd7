"""One step written by many processes."""

from embzarr._parts.begin import plan_step
from embzarr._parts.plan import StepPlan
from embzarr._parts.publish import missing_parts, publish
from embzarr._parts.write import PartWriter, write_part

__all__ = [
    "PartWriter",
    "StepPlan",
    "missing_parts",
    "plan_step",
    "publish",
    "write_part",
]
