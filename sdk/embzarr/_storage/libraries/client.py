"""Clients of libraries, which belong to the process that made them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from embzarr._storage import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

_MOST_SHARED = 32
"""Clients that are kept for the next who opens the same place, with their connections."""


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


_lock = forks.Lock()
_shared: OrderedDict[Hashable, Client[Any]] = OrderedDict()
"""By all that they are made of, those used last at the end."""


def shared(key: Hashable, make: Callable[[], T]) -> Client[T]:
    """Return the client that this process has for one place and one who asks.

    To make one takes milliseconds, most of them for the certificates of the system, and a new one
    has no connection yet. What nobody uses is dropped once others were asked for since.

    Args:
        key: all that decides what `make` makes; see `frozen`.
        make: makes it, as any other that is made of the same would be.
    """
    with _lock:
        client = _shared.pop(key, None) or Client(make)
        _shared[key] = client
        while len(_shared) > _MOST_SHARED:
            _shared.popitem(last=False)
    return client


def frozen(value: object) -> Hashable:
    """Return what is equal for equal values of the same types, and has a hash.

    Args:
        value: mappings, lists, and what has a hash.
    """
    if isinstance(value, Mapping):
        return frozenset((name, frozen(part)) for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen, value))
    return type(value), value
