"""Taking back what a write has stored, where no manifest names it and none ever will."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from embzarr._storage import interrupts
from embzarr.errors import EmbzarrError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from embzarr._storage import Store


@contextmanager
def withdrawn_on_error(
    store: Store, path: str, names: Callable[[], Collection[str]]
) -> Iterator[None]:
    """Remove what a write has stored if the block fails; see `withdraw`.

    Args:
        store: where it lies.
        path: the layer's folder.
        names: ends the write, and returns the objects below the folder that it may have stored.
    """
    try:
        yield
    except BaseException as exc:
        withdraw(store, path, names(), exc)
        raise


def withdraw(store: Store, path: str, names: Collection[str], cause: BaseException) -> None:
    """Remove objects of a write that failed; what cannot be removed is told in a note of its error.

    The error of the write stays the one that is raised: a store that refused it is likely to
    refuse a removal too, and is asked no further once it has.

    Args:
        store: where they lie.
        path: the layer's folder.
        names: the objects below it; some may not be there.
        cause: why the write failed.
    """
    left = sorted(names)
    with interrupts.unstopped():
        try:
            while left:
                store.delete(f"{path}/{left[-1]}")
                left.pop()
        except EmbzarrError:
            leave(path, len(left), cause)


def leave(path: str, count: int, cause: BaseException) -> None:
    """Tell in a note of an error that a write left objects behind."""
    if count:
        cause.add_note(
            f"up to {count} objects of this write stay below {path}; a later garbage collection "
            "removes what no commit names"
        )
