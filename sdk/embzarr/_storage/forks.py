"""What a forked child does about its parent's threads, locks and connections: it has none of them.

A fork copies memory and the one thread that forks. A lock that another thread held stays locked for
ever, and a connection is shared with the parent: to close it here would end it there. What holds
such things is an `Inherited`, and is told once, in the child, before anything else runs.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Inherited(Protocol):
    """Something whose copy in a forked child must not be used as it is."""

    def forget_parent(self) -> None:
        """Let go of what belongs to the parent; called in the child, whose only thread it is."""
        ...


_inherited: weakref.WeakSet[Inherited] = weakref.WeakSet()


def tell_in_child(thing: Inherited) -> None:
    """Have `forget_parent` called in every process that is forked as long as `thing` lives."""
    _inherited.add(thing)


class Process:
    """The process in which it was made; false in one that was forked since."""

    __slots__ = ("__weakref__", "_is_here")

    def __init__(self) -> None:
        """Take note of this process."""
        self._is_here = True
        tell_in_child(self)

    def __bool__(self) -> bool:
        """Tell whether this still is that process."""
        return self._is_here

    def forget_parent(self) -> None:
        """Take note of another process."""
        self._is_here = False


class Lock:
    """A lock that nobody holds in a forked child, whoever held it in the parent.

    What it guards must be right, if perhaps not complete, between any two steps of its holder. It
    pickles as one that is free.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        """Begin free."""
        self._lock = threading.Lock()
        tell_in_child(self)

    def __enter__(self) -> Self:
        """Take it."""
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        try:
            self._lock.release()
        except RuntimeError:
            if self._lock.locked():
                raise
            # The very thread that held it has forked, and this is the child.

    def __reduce__(self) -> tuple[type[Lock], tuple[()]]:
        """Pickle and copy as a free one."""
        return Lock, ()

    def forget_parent(self) -> None:
        """Be free."""
        self._lock = threading.Lock()


class cached_property(Generic[T]):  # noqa: N801 - the name that every reader knows
    """As `functools` has it from Python 3.12 on: without a lock.

    Before, one lock for all instances is held while a value is computed, perhaps from a store; a
    fork at that moment would leave it taken.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        """Compute the value by a method, when it is first asked for."""
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        """Take note of where the value is kept."""
        self._name = name

    @overload
    def __get__(self, instance: None, _: type) -> Self: ...
    @overload
    def __get__(self, instance: object, _: type) -> T: ...
    def __get__(self, instance: object | None, _: type) -> Self | T:
        """Compute the value and keep it; threads that come together each do so."""
        if instance is None:
            return self
        found = self._compute(instance)
        return vars(instance).setdefault(self._name, found)  # type: ignore[no-any-return]  # a T


def is_forked() -> bool:
    """Tell whether this process was forked since embzarr was imported."""
    return not _first


def keep_for_ever(thing: object) -> None:
    """Let nothing end the life of `thing`, not even the interpreter's own end.

    To drop a client of the parent would take its connections out of the parent's event loop, which
    is shared by a fork as an open file is.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


_first = Process()


def _in_child() -> None:
    for thing in list(_inherited):
        thing.forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
