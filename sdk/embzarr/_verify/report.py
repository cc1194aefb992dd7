"""What a verification finds, gathered from many threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr._redact import html_facts, html_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_MOST_SHOWN = 20
"""Problems in a notebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it was written."""

    code: str
    """From the specification's section "Error codes"."""
    key: str
    """The object, from the root."""
    message: str
    chunk: int | None = None
    """Number of the chunk in its array."""
    rows: tuple[int, int] | None = None
    """First and past-the-last row of a column that is damaged there; of a delta's column, those
    between which its rows lie, all of which `Checkpoint.lost_rows` tells."""
    words: tuple[str, ...] = ()
    """The first few words of those rows, where they can be told."""
    column: str | None = None
    """The column."""
    places: tuple[int, int] | None = None
    """The rows as the layer's own array numbers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was read, and what was wrong with it."""

    commit: int
    step: int
    quick: bool
    """Whether only sizes were asked for, and no bytes were read."""
    objects: int
    chunks: int
    bytes: int
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """What is wrong beside the commit and costs its readers time alone: ``latest.json``."""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems

    def _repr_html_(self) -> str:
        """Return small tables for notebooks: what was read, and the first problems."""
        facts = {
            "step": str(self.step),
            "commit": self.commit,
            "objects": self.objects,
            "chunks": None if self.quick else self.chunks,
            "bytes": self.bytes,
            "problems": len(self.problems),
            "warnings": len(self.warnings) or None,
        }
        told = "Sound" if self.ok else "Damaged"
        html = html_facts(f"{told}: sizes alone" if self.quick else told, facts)
        if not self.problems:
            return html
        shown = self.problems[:_MOST_SHOWN]
        names = ("code", "object", "chunk", "rows", "words", "message")
        rows = [
            (p.code, p.key, p.chunk, _span(p.rows), ", ".join(p.words), p.message) for p in shown
        ]
        return html + html_table(f"{len(shown)} of {len(self.problems)} problems", names, rows)


def _span(rows: tuple[int, int] | None) -> str | None:
    return None if rows is None else f"{rows[0]}:{rows[1]}"


class Findings:
    """What the threads of a verification share: their progress, and what they found."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        """Begin with nothing of `total` bytes done."""
        self._lock = threading.Lock()
        self._total = total
        self._progress = progress
        self._problems: list[Problem] = []
        self.done = 0
        self.chunks = 0

    def advance(self, size: int, chunks: int = 0) -> None:
        """Note that bytes and chunks were looked at."""
        with self._lock:
            self.done += size
            self.chunks += chunks
            if self._progress:
                self._progress(self.done, self._total)

    def report(
        self,
        code: str,
        key: str,
        message: str,
        *,
        chunk: int | None = None,
        lost: tuple[str, int, int] | None = None,
    ) -> None:
        """Note a problem; see `Problem`. `lost` is a column, and places of its array."""
        column, *places = lost or (None,)
        self.add(
            [
                Problem(
                    code=code,
                    key=key,
                    message=message,
                    chunk=chunk,
                    column=column,
                    places=(places[0], places[1]) if places else None,
                )
            ]
        )

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems."""
        with self._lock:
            self._problems.extend(problems)

    def problems(self) -> list[Problem]:
        """Return what was found so far, by object and chunk."""
        with self._lock:
            return sorted(self._problems, key=lambda p: (p.key, p.chunk or 0))
