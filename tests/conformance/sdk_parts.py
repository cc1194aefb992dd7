"""Plans of steps in parts and receipts: the operations of ``fixtures/parts.json`` in the SDK."""

from __future__ import annotations

import json
from typing import Any

from conformance.json_patch import patched
from embzarr import StepPlan
from embzarr._parts import receipts


def read_plan(given: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the ranges and the identity of a plan."""
    plan = StepPlan.from_json(json.dumps(patched(document["plan"], given["patch"])))
    parts = range(plan.parts)
    tensors = {
        name: [list(plan.rows_of(part, tensor=name)) for part in parts] for name in plan.tensors
    }
    return {
        "ranges": [list(plan.rows_of(part)) for part in parts],
        "identity": plan.identity,
        **({"tensors": tensors} if tensors else {}),
    }


def read_receipt(given: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the rows, the objects and the number of chunks of a receipt."""
    text = given.get("text")
    if text is None:
        text = json.dumps(patched(document["receipt"], given["patch"]))
    plan = StepPlan.from_json(json.dumps(patched(document["plan"], given.get("plan", []))))
    part = given.get("part", 0)
    receipt = receipts.parse(text.encode(), plan, part)
    places = [*receipt.places.values(), *(array.index for array in receipt.arrays.values())]
    names = {"tensors": sorted(receipt.tensors), "files": sorted(receipt.files)}
    return {
        "rows": list(plan.rows_of(part)),
        "objects": sorted(receipt.objects),
        "chunks": sum(len(one.index) for one in places),
        **{kind: found for kind, found in names.items() if found},
    }
