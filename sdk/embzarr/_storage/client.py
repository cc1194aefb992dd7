"""Clients of libraries, which belong to the process that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar

from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Client(Generic[T]):
    """What a library opened, and how: made when it is first used, in each process anew.

    It pickles as how it is made, without what was made. Nothing is made, and so nothing fails, when
    it is unpickled: pools of processes lose a task without a word where that raises an `OSError`.
    """

    def __init__(
        self,
        make: Callable[[], T],
        abandon: Callable[[T], None] = forks.keep_for_ever,
        *,
        made: T | None = None,
    ) -> None:
        """Make nothing yet.

        Args:
            make: makes it; can be pickled if the client is to be.
            abandon: keeps what the parent made from ever being closed by a forked child.
            made: what was made already, by this process.
        """
        self._make = make
        self._abandon = abandon
        self._lock = forks.Lock()
        self._made: list[T] = [] if made is None else [made]
        forks.tell_in_child(self)

    def __call__(self) -> T:
        """Return it, for all threads the same.

        Raises:
            Exception: what making it raised; the next call tries again.
        """
        if self._made:
            return self._made[0]
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def __reduce__(self) -> tuple[type[Self], tuple[object, object]]:
        """Pickle how it is made."""
        return type(self), (self._make, self._abandon)

    def __deepcopy__(self, _: object) -> Self:
        """Return itself: in one process one client is enough."""
        return self

    def forget_parent(self) -> None:
        """Leave the parent's alone, so that the next use makes one for this process."""
        for made in self._made:
            self._abandon(made)
        self._made = []
