"""Whether a checkpoint is as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from embzarr_view._shown import shown

if TYPE_CHECKING:
    import embzarr
    from embzarr_view._jobs import Job
    from embzarr_view._opened import Opened

_MOST: Final = 500
"""Problems that are listed."""


def verified(opened: Opened, commit: int, *, quick: bool, job: Job) -> dict[str, Any]:
    """Verify a checkpoint, and return its problems with their rows and words.

    Raises:
        embzarr.EmbzarrError: the manifest cannot be read.
    """
    opened.make_room()
    # Opened anew, by number: a copy in latest.json, or a chunk that is kept, would say nothing.
    checkpoint = opened.run.open(commit=commit)
    report = checkpoint.verify(quick=quick, progress=job.advance)
    return {
        "commit": report.commit,
        "step": report.step,
        "quick": report.quick,
        "sound": report.ok,
        "objects": report.objects,
        "chunks": report.chunks,
        "bytes": report.bytes,
        "found": len(report.problems),
        "problems": [_problem(one) for one in report.problems[:_MOST]],
        "warnings": [_problem(one) for one in report.warnings[:_MOST]],
    }


def _problem(problem: embzarr.Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "key": shown(problem.key, 500),
        "chunk": problem.chunk,
        "column": None if problem.column is None else shown(problem.column),
        "rows": None if problem.rows is None else list(problem.rows),
        "words": [shown(word) for word in problem.words],
        "message": shown(problem.message, 500),
    }
