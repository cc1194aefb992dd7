"""What the callbacks of trainers share: a run, saves of it in the background, and their names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from embzarr._format import arguments, keys
from embzarr._run import Run
from embzarr._writing import unsaved
from embzarr.errors import EmbzarrError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from embzarr._checkpoint import Checkpoint


class Saves:
    """The saves of one training."""

    def __init__(self, to: object, storage_options: Mapping[str, Any] | None) -> None:
        """Save to a run, or to the place of one.

        Args:
            to: a `Run`, or where one is.
            storage_options: credentials and endpoint, of a place.
        """
        self.run = to if isinstance(to, Run) else Run(to, storage_options=storage_options)
        self._failure: tuple[unsaved.Promise, EmbzarrError] | None = None
        self._last: Future[Checkpoint] | None = None

    def named(self, saving: Future[Checkpoint], name: str) -> None:
        """Give a save a tag once it is committed, or have the end of the process tell that not.

        Raises:
            EmbzarrError: an earlier save could not be given its tag.
        """
        keys.tag_key(name)
        self._check()
        self._last = saving
        patience = cast("Any", saving).promise.patience
        promise = unsaved.Promise(what=f"tag {name!r} of {self.run.url}", patience=patience)
        unsaved.note(promise)
        saving.add_done_callback(partial(self._tag, name, promise))

    def settle(self) -> None:
        """Wait until all is saved, and named.

        Raises:
            EmbzarrError: what the last save ended with.
        """
        self.run.wait()
        if self._last is not None:
            cast("Any", self._last).settle()
        self._check()

    def close(self) -> None:
        """Wait until all is saved, and named, and let memory go.

        Raises:
            EmbzarrError: what the last save ended with.
        """
        self.run.close()
        self._check()

    def _tag(self, name: str, promise: unsaved.Promise, saving: Future[Checkpoint]) -> None:
        try:
            if cast("Any", saving).failure is None:  # else whoever waits for it is told
                self.run.tag(name, commit=saving.result().commit)
        except EmbzarrError as exc:
            promise.failure, self._failure = str(exc), (promise, exc)
        finally:
            promise.decided.set()
            promise.ended.set()

    def _check(self) -> None:
        found, self._failure = self._failure, None
        if found is not None:
            promise, failure = found
            promise.is_told = True
            raise failure


def is_due(count: int, every: int) -> bool:
    """Tell whether to save after `count` steps of which every so many are saved."""
    return count % every == 0


def every_of(every: object, *, what: str = "every") -> int:
    """Return after how many steps to save.

    Raises:
        InvalidInputError: it is no whole number from 1 on.
    """
    return arguments.whole(what, every, least=1)
