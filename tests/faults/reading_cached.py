"""A program that reads hostile stores through a cache in a folder, as another process would."""

from __future__ import annotations

import json
import sys

import numpy as np

import embzarr
from faults.planting import PLANTED, rows_of


def main() -> None:
    """Read each store, and tell whether it gave what was planted."""
    task = json.load(sys.stdin)
    kept = embzarr.Cache(folder=task["folder"])
    found = [rows_of(url, kept, **options) for url, options in task["stores"]]
    json.dump([bool(np.array_equal(rows, PLANTED)) for rows in found], sys.stdout)


if __name__ == "__main__":
    main()
