"""What a peer must be able to do to be measured."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from embzarr_bench._cases import Case
from embzarr_bench._errors import PeerMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr_bench._cases import Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

ONE_WAY = frozenset(case for case in Case if not case.compressed)
"""What a peer can do that stores in one way only."""
BY_WORD = frozenset(case for case in Case if case.by_name)
"""What differs for a peer that finds the rows of words itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What reading gave."""

    vectors: NDArray[Any] | None = None
    words: Sequence[str] | None = None
    """The words of `vectors`, where the answer may be in any order: a range of words by name."""
    check: Callable[[NDArray[Any]], bool] | None = None
    """In place of `vectors`, for stored bytes: whether they hold these vectors."""
    nbytes: int = 0
    """Bytes of the result, where that is not the vectors."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Figures that only the peer knows, such as round trips."""


Reading: TypeAlias = "Callable[[], Answer]"
Saving: TypeAlias = "Callable[[], Mapping[str, int] | None]"


class Peer:
    """A way to store a matrix, in a process that does nothing else.

    `reading` and `saving` return the work that is timed. They may prepare what a user would have
    at hand; the work itself makes its own clients and opens everything from the address.
    """

    name: ClassVar[str]
    settings: ClassVar[str]
    """How it stores and reads, in a few words for the report."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Packages that must be there, by the names under which they are imported."""
    distributions: ClassVar[tuple[str, ...]] = ()
    """The same by the names under which they are installed, whose versions the report gives."""
    cases: ClassVar[frozenset[Case]]

    def __init__(self) -> None:
        """Import the packages.

        Raises:
            PeerMissingError: one is not installed.
        """
        self.library = {name: library(name) for name in self.packages}

    def setup(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Store what is then read. Not timed."""
        self.saving(place, matrix, compressed=compressed)()

    def saving(self, place: Place, matrix: Matrix, *, compressed: bool) -> Saving:
        """Return work that stores words and vectors at `place`, where nothing is yet."""
        return partial(self.save, place, matrix, compressed=compressed)

    def reading(self, place: Place, request: Request) -> Reading:
        """Return work that reads what is asked for from `place`, where `setup` has stored."""
        return partial(self.read, place, request)

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> Mapping[str, int] | None:
        """Store words and vectors."""
        raise NotImplementedError

    def read(self, place: Place, request: Request) -> Answer:
        """Read what is asked for."""
        raise NotImplementedError


def library(name: str) -> Any:  # noqa: ANN401 - a peer's package, which brings types or not
    """Import a peer's package.

    Raises:
        PeerMissingError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise PeerMissingError(f"no package {name!r}: pip install 'embzarr[bench]'") from exc
