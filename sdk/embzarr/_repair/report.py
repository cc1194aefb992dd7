"""What a repair did, or would do, and what stays lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from embzarr._verify import Problem

Kind: TypeAlias = Literal[
    "restore", "keep", "quarantine", "release", "rewrite", "close", "commit", "remove"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairAction:
    """One write to the store."""

    kind: Kind
    """``restore``: an object gets the bytes that it should have. ``keep``: bytes that lie in the
    wrong place are copied before that place gets its own. ``quarantine``: a commit is marked as
    damaged. ``release``: the mark is taken away. ``rewrite``: what a damaged object should hold is
    written in other bytes below another folder, beside copies of the rest of its layer. ``close``:
    the number of a commit that is lost is taken, so that nobody takes it for free. ``commit``:
    a sound commit becomes the newest, or a damaged one with what was written anew. ``remove``: a
    copy that was kept is needed no more."""
    key: str
    """The object that is written, from the root."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What was done, or in a dry run would be done, in order; and what stays lost."""

    dry_run: bool
    commits: int
    """How many commits were looked at."""
    head: int | None
    """Number of the newest commit, after the repair; None for a store without a sound one."""
    actions: tuple[RepairAction, ...]
    lost: tuple[Problem, ...]
    """What is damaged and could not be restored, with rows and words where those are lost."""
    skipped: tuple[Problem, ...] = ()
    """What of the source could not be read, such as a link that leaves it: taken as not there."""

    @property
    def ok(self) -> bool:
        """Whether nothing is lost."""
        return not self.lost
