"""Vocabularies and lookups that contradict themselves, their digests right."""

from __future__ import annotations

import numpy as np

from embzarr_tools.fixtures._plain import Objects
from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_store
from faults.hostile.register import LAYER, Cases, changed, hostile


@hostile("vocabularies that contradict themselves")
def vocabularies() -> Cases:
    """Offsets that fall or leave the text, and text that is no UTF-8."""
    for at in (0, 1, 9, 10):
        for value in (2**63, 2**64 - 1, 10**6, 25):
            yield f"offset {at} is {value}", _offset(at, value)
    for name, text in {
        "not UTF-8": b"\xff\xfe",
        "surrogate": b"\xed\xa0\x80",
        "overlong": b"\xc0\xaf",
        "cut": b"\xe7\x8c",
    }.items():
        store = plain_store()
        data = store.arrays["words/data"].data.copy()
        data[: len(text)] = np.frombuffer(text, "u1")
        store.arrays["words/data"].data = data
        yield f"text {name}", commit(store)


def _offset(at: int, value: int) -> Objects:
    store = plain_store()
    offsets = store.arrays["words/offsets"].data.copy()
    offsets[at] = value
    store.arrays["words/offsets"].data = offsets
    return commit(store)


@hostile("lookups that lie")
def lookups() -> Cases:
    """Counts, rows, ends and texts of a block; fences."""
    for block in (0, 2):
        for at, width, value in (
            (0, 4, 0), (0, 4, 10), (0, 4, 2**31), (0, 4, 2**32 - 1), (8, 8, 10), (8, 8, 2**63),
            (8, 8, 2**64 - 1), (8, 8, 7), (0, 4, 1), (0, 4, 2),
        ):  # fmt: skip
            yield (
                f"block {block} byte {at} is {value}",
                _block(block, at, value.to_bytes(width, "little")),
            )
        for at in range(
            8, 56 if block == 0 else 44, 8
        ):  # up to the padding, which no reader looks at
            yield f"block {block} byte {at} all ones", _block(block, at, b"\xff" * 8)
    for fences in (
        [],
        [""],
        ["", "o", "z", "zz"],
        ["", "z", "o"],
        ["a", "o", "z"],
        ["", "o", "o"],
        ["", "o", "z" * 2**21],
        ["", "o", "a"],
        ["", "0", "1"],
    ):
        yield f"fences {str(fences)[:30]}", changed((*LAYER, "fences"), fences)
    yield "5,000 fences", changed((*LAYER, "fences"), [""] + [f"{n:04}" for n in range(4999)])


def _block(block: int, at: int, value: bytes) -> Objects:
    store = plain_store()
    blocks = store.arrays["lookup/blocks"].data.copy()
    blocks[block, at : at + len(value)] = np.frombuffer(value, "u1")
    store.arrays["lookup/blocks"].data = blocks
    return commit(store)
