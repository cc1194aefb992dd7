"""Puts damaged commits in quarantine, and releases those that are sound again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import keys, spec
from embzarr._history import Fault, Quarantine, committing, quarantine
from embzarr._repair.heads import WRITER
from embzarr.errors import ConflictError, DamagedError, NotFoundError

if TYPE_CHECKING:
    from embzarr._repair.store import RepairStore
    from embzarr._verify import Problem


def release(store: RepairStore, number: int) -> None:
    """Take the mark away from a sound commit, if it has one."""
    if quarantine.is_marked(store, number):
        store.remove("release", keys.quarantine_key(number), f"commit {number} is sound")


def mark(store: RepairStore, number: int, sha256: str, problems: list[Problem]) -> None:
    """Mark a damaged commit, unless it has been marked before.

    Args:
        store: where.
        number: the commit.
        sha256: of the bytes that stand at its key.
        problems: what is wrong with it.
    """
    key = keys.quarantine_key(number)
    try:
        quarantine.parse(store.get(key), what=key)
    except NotFoundError:
        is_new = True
    except DamagedError:
        is_new = False
    else:
        return
    record = Quarantine(
        format="embzarr",
        version=1,
        commit=number,
        sha256=sha256,
        created=committing.now(),
        writer=WRITER,
        faults=[Fault(code=p.code, key=p.key) for p in problems[: spec.MAX_FAULTS]],
    )
    data, message = quarantine.encode(record), f"commit {number}: {len(problems)} damaged"
    if not is_new:
        store.write("quarantine", key, data, message)
        return
    try:
        store.create("quarantine", key, data, message)
    except ConflictError:
        return  # another repair was first
