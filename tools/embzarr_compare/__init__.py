"""What changed from one checkpoint to another, for whoever shows it.

    import embzarr, embzarr_compare

    run = embzarr.Run(url)
    found = embzarr_compare.compare(run.open(step=100), run.open(step=200), count=10)
    found["rows_changed"], found["moved"]

All vectors are read once, in batches, and rows are matched by word.
"""

from embzarr_compare._changes import PERCENTILES, Changes, Comparison, differences
from embzarr_compare._compare import Advance, compare

__all__ = ["PERCENTILES", "Advance", "Changes", "Comparison", "compare", "differences"]
