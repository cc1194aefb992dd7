"""What a save takes beside words and vectors: tensors, files, and a record of the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from embzarr._format import from_words
from embzarr._writing.given import checks, given_files, tensor_rows
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from embzarr._format import Change, WordTable
    from embzarr._writing.given.given_files import GivenFile, Source
    from embzarr._writing.given.tensor_rows import GivenTensor
    from embzarr._writing.snapshot import Copy, Snapshots


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extras:
    """A caller's tensors, files and model record, each of which can be saved."""

    tensors: Mapping[str, GivenTensor]
    files: Mapping[str, GivenFile]
    model: dict[str, Any] | None

    @classmethod
    def of(
        cls,
        tensors: Mapping[str, ArrayLike] | None,
        files: Mapping[str, Source] | None,
        model: Mapping[str, Any] | None,
    ) -> Self:
        """Return what a caller passed.

        Raises:
            InvalidInputError: something of it cannot be saved.
        """
        return cls(
            tensors=tensor_rows.given(tensors),
            files=given_files.given(files),
            model=checks.model_of(model),
        )

    @classmethod
    def of_any(
        cls,
        tensors: Mapping[str, ArrayLike] | None,
        files: Mapping[str, Source] | None,
        model: Mapping[str, Any] | None,
    ) -> Self | None:
        """Return what a caller passed, as `of`; None where that is nothing at all."""
        is_nothing = tensors is None and files is None and model is None
        return None if is_nothing else cls.of(tensors, files, model)

    @property
    def names(self) -> set[tuple[str, str]]:
        """Kind and name of all tensors and files."""
        held = {"tensor": self.tensors, "file": self.files}
        return {(kind, name) for kind, names in held.items() for name in names}

    @property
    def nbytes(self) -> int:
        """Bytes of all of it, before compression; open files left out."""
        tensors = sum(tensor.array.nbytes for tensor in self.tensors.values())
        return tensors + sum(file.size or 0 for file in self.files.values())

    def over(self, others: Self) -> Self:
        """Return these, and of others what has another name."""
        return replace(
            self,
            tensors={**others.tensors, **self.tensors},
            files={**others.files, **self.files},
            model=others.model if self.model is None else self.model,
        )

    def copied(self, snapshots: Snapshots) -> tuple[Self, Copy]:
        """Return copies, which stay as they are now, and the memory of tensors among them.

        Raises:
            InvalidInputError: a file that cannot be read.
        """
        files = {name: file.held() for name, file in self.files.items()}
        copy = snapshots.packed({name: one.array for name, one in self.tensors.items()})
        tensors = {n: replace(one, array=copy.columns[n]) for n, one in self.tensors.items()}
        return replace(self, tensors=tensors, files=files), copy

    def require_something(self, columns: Mapping[str, object]) -> None:
        """Refuse a save without words that has nothing else, or columns of no words.

        Raises:
            InvalidInputError: code ``input-argument``.
        """
        if columns:
            raise InvalidInputError(
                "input-argument", f"columns {sorted(columns)} without words and vectors"
            )
        if not self.tensors and not self.files:
            raise InvalidInputError(
                "input-argument", "expected words and vectors, or tensors, or files; found none"
            )


NO_EXTRAS = Extras(tensors={}, files={}, model=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upon:
    """What is laid upon a commit: rows that changed, words that were appended, and extras."""

    changes: Mapping[str, Change]
    """By column, for rows of the commit and of `words`."""
    words: WordTable
    """Appended after those of the commit."""
    extras: Extras = NO_EXTRAS
    """Tensors and files in place of those of the commit, or beside them."""

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each column."""
        return {name: len(change.rows) for name, change in self.changes.items()}


NOTHING = Upon(changes={}, words=from_words([]))
