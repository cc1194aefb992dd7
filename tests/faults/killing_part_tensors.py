"""Kills workers and publishers of steps in parts that hold tensors and files, and no table.

As `faults.killing_parts`, whose chances it takes: of a step, one column is a tensor of which each
part writes a range, and of the others each part has whole tensors, large and small ones.
"""

from __future__ import annotations

import json
import sys

import numpy as np

import embzarr
from embzarr import StepPlan
from faults.forking import Voice
from faults.killing_parts import COLUMNS, DIM, PARTS, ROWS, Place, Table, rounds

SHARED = "vectors"
SMALL = 20
"""Rows of a small tensor."""


def tensors_of(table: Table, part: int) -> Table:
    """Return the whole tensors of a part: three large ones and three small ones."""
    large = {f"{name}.{part}": np.tile(table[name] + part, (2, 1)) for name in COLUMNS}
    small = {f"{name}.{part}.small": table[name][:SMALL] - part for name in COLUMNS}
    return large | small


def files_of(table: Table, part: int) -> dict[str, bytes]:
    """Return the file of a part."""
    return {f"{part}.bin": table[SHARED][part].tobytes()}


class TensorPlace(Place):
    """One store of models, and what must stand in it."""

    def plan(self, step: int, voice: Voice) -> str:
        """Plan a step."""
        shared = {SHARED: ("float32", (ROWS, DIM))}
        return embzarr.plan_step(
            self.store(voice), parts=PARTS, step=step, tensors=shared
        ).to_json()

    def write(self, text: str, index: int, table: Table, voice: Voice) -> None:
        """Write a part."""
        plan = StepPlan.from_json(text)
        with embzarr.write_part(self.store(voice), plan, index) as part:
            start, stop = plan.rows_of(index, tensor=SHARED)
            for first in range(start, stop, 50):
                part.append_tensor(SHARED, table[SHARED][first : min(first + 50, stop)])
            for name, tensor in tensors_of(table, index).items():
                part.add(tensors={name: tensor})
            part.add(files=files_of(table, index))

    def publish(self, text: str, voice: Voice) -> int:
        """Publish a step."""
        plan = StepPlan.from_json(text)
        return embzarr.publish(self.store(voice), plan, model={"step": plan.step}).commit

    def wrong_in(self, checkpoint: embzarr.Checkpoint, table: Table) -> list[str]:
        """Return what of a checkpoint is not what was written."""
        tensors = {SHARED: table[SHARED]}
        files: dict[str, bytes] = {}
        for part in range(PARTS):
            tensors |= tensors_of(table, part)
            files |= files_of(table, part)
        found = checkpoint.tensors.load()
        wrong = [*(found.keys() ^ tensors.keys()), *(checkpoint.files.keys() ^ files.keys())]
        if not wrong:
            wrong += [name for name in tensors if not np.array_equal(found[name], tensors[name])]
            wrong += [name for name in files if checkpoint.files[name].read() != files[name]]
        return wrong if checkpoint.model == {"step": checkpoint.step} else [*wrong, "model"]


if __name__ == "__main__":
    task = json.load(sys.stdin)
    url, options, count, seed = (task[name] for name in ("url", "options", "count", "seed"))
    sys.stdout.write(json.dumps(rounds(url, options, count, seed=seed, kind=TensorPlace)))
