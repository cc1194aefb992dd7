"""What is wrong with a file: an error, or counted and passed over, as the caller has chosen."""

from __future__ import annotations

from typing import Final, Literal

from embzarr.errors import InvalidInputError

OnError = Literal["stop", "skip", "replace"]

MOST_SHOWN: Final = 10
"""Problems and duplicate words that a result and the metadata list."""
_SKIP: Final = "on_error='skip' leaves out what is damaged, and counts it"
_REPLACE: Final = (
    "on_error='replace' keeps such rows: what is no UTF-8 becomes U+FFFD, what is not finite 0"
)


class Damage:
    """Counts what is wrong with one file, or stops at the first of it."""

    def __init__(self, name: str, on_error: OnError) -> None:
        """Find nothing wrong yet.

        Args:
            name: of the file, as messages call it.
            on_error: ``stop``, ``skip`` or ``replace``.
        """
        self.name = name
        self.on_error = on_error
        self.skipped = 0
        self.lost = 0
        """Of the skipped rows, those that no reader could make a row of."""
        self.replaced = 0
        self.problems: list[str] = []

    def error(self, problem: str, *, code: str = "input-file") -> InvalidInputError:
        """Return the error of something that no choice of the caller passes over."""
        return InvalidInputError(code, f"{self.name}: {problem}")

    def note(self, problem: str) -> None:
        """Take note of something wrong that costs no row.

        Raises:
            InvalidInputError: code ``input-file``, where the caller has not chosen to go on.
        """
        self._pass_over(problem, "input-file")

    def lose(self, problem: str) -> None:
        """Leave out what is no row.

        Raises:
            InvalidInputError: code ``input-file``, where the caller has not chosen to go on.
        """
        self._pass_over(problem, "input-file")
        self.skipped += 1
        self.lost += 1

    def replace(self, problem: str, *, code: str) -> bool:
        """Tell whether a part of a row is to be replaced; else the row is left out.

        Raises:
            InvalidInputError: where the caller has not chosen to go on.
        """
        self._pass_over(problem, code, _REPLACE)
        if self.on_error != "replace":
            self.skipped += 1
            return False
        self.replaced += 1
        return True

    def _pass_over(self, problem: str, code: str, *choices: str) -> None:
        if self.on_error == "stop":
            raise _noted(self.error(problem, code=code), *choices)
        if len(self.problems) < MOST_SHOWN:
            self.problems.append(problem)


def _noted(error: InvalidInputError, *choices: str) -> InvalidInputError:
    """Add what goes on all the same; here, since a frame that names what it raises is a cycle.

    What the frames below hold, open files among it, would wait for a garbage collection.
    """
    for choice in (_SKIP, *choices):
        error.add_note(choice)
    return error
