"""What changed between two steps, as ``embzarr diff`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import embzarr_compare
from embzarr_view._shown import document, number, shown

if TYPE_CHECKING:
    from embzarr_view._jobs import Job
    from embzarr_view._opened import Opened

_BATCH_BYTES: Final = 4 * 2**20
_NAMED: Final = 50
"""Words of each kind."""
_MOST: Final = 200
"""Tensors, files and members of metadata."""


def compared(
    opened: Opened, before: int, after: int, *, stop: int | None, job: Job
) -> dict[str, Any]:
    """Compare two commits, and return what came, went and moved.

    Args:
        opened: the run.
        before: number of the first commit.
        after: of the second.
        stop: compare so many first rows, by default all.
        job: is told how far it is.

    Raises:
        embzarr.EmbzarrError: one of them cannot be read.
    """
    opened.make_room()
    found = embzarr_compare.compare(
        opened.passing(before),
        opened.passing(after),
        count=_NAMED,
        stop=stop,
        batch_bytes=_BATCH_BYTES,
        advance=lambda what, done, total: job.advance(done, total, what),
    )
    words, looked_at = found["words"], found["from"]["rows"]
    return {
        "from": {name: found["from"][name] for name in ("step", "commit", "rows", "dim")},
        "to": {name: found["to"][name] for name in ("step", "commit", "rows", "dim")},
        "looked_at": looked_at if stop is None else min(stop, looked_at),
        "common": words["common"],
        "added": words["added"],
        "lost": words["lost"],
        "first_added": [shown(word) for word in words["first_added"]],
        "first_lost": [shown(word) for word in words["first_lost"]],
        "changed": found["rows_changed"],
        "cosine": found["cosine"],
        "histogram": found["histogram"],
        "moved": [
            {"word": shown(one["word"]), "cosine": number(one["cosine"])} for one in found["moved"]
        ],
        "tensors": _members(found["tensors"]),
        "files": _members(found["files"]),
        "metadata": [
            {"name": shown(name), **{side: document(pair[side])[:_MOST] for side in pair}}
            for name, pair in list(found["metadata"].items())[:_MOST]
        ],
    }


def _members(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "added": [shown(name) for name in found["added"][:_MOST]],
        "lost": [shown(name) for name in found["lost"][:_MOST]],
        "same": found["same"],
        "changed": [
            {"name": shown(one["name"]), "relative": one.get("relative")}
            for one in found["changed"][:_MOST]
        ],
    }
