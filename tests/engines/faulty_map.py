"""The example's map, of which one attempt crashes with half a part written, and another hangs."""

import os
import sys
import time
from typing import Any

import numpy as np

sys.path.insert(0, ".")

import unit_map

import embzarr

FIRST = os.environ[unit_map.ATTEMPT].endswith("_0")
HANGS_FOR = 400.0
WRITE = unit_map.write


def write(source: str, target: str, plan: embzarr.StepPlan, part: int) -> None:
    """Fail as the test wants it, in the first attempt."""
    if FIRST and part == int(os.environ["CRASH"]):
        start, stop = plan.rows_of(part)
        halfway: Any = embzarr.write_part(target, plan, part)
        with halfway as writer:
            writer.append(np.ones(((stop - start) // 2, plan.columns[0].row_shape[0]), np.float32))
            os._exit(3)
    if FIRST and part == int(os.environ["HANG"]):
        time.sleep(HANGS_FOR)
    WRITE(source, target, plan, part)


unit_map.write = write
unit_map.main()
