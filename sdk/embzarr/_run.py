"""The history of a run: its commits and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr import _history, _info, _keys, _schema, _tags
from embzarr._checkpoint import Checkpoint
from embzarr._open import find
from embzarr.objects import CountingStore, get_at_most, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._info import CommitInfo


class Run:
    """All commits of one store."""

    def __init__(self, url: object, *, store_options: Mapping[str, Any] | None = None) -> None:
        """Look at the store of a run; nothing is read.

        Args:
            url: where it is; see `embzarr.open`.
            store_options: credentials and endpoint.
        """
        self._store = CountingStore(open_store(url, store_options=store_options))

    def __repr__(self) -> str:
        """Return the place."""
        return f"<embzarr.Run {self._store.url}>"

    @property
    def url(self) -> str:
        """Where the run is, without secrets."""
        return self._store.url

    def numbers(self) -> list[int]:
        """Return the numbers of all commits, newest first, without reading them."""
        return _history.numbers_of(self._store)

    def commits(self) -> list[CommitInfo]:
        """Return all commits, newest first.

        Raises:
            DamagedError: a manifest is damaged.
        """
        return [_info.of_commit(commit) for commit in _history.history(self._store)]

    def open(
        self, *, step: int | None = None, tag: str | None = None, commit: int | None = None
    ) -> Checkpoint:
        """Open the newest commit, or one by step, tag or number; errors as `embzarr.open`."""
        store = CountingStore(self._store)
        return Checkpoint(store, find(store, step=step, tag=tag, commit=commit))

    def tag(self, name: str, *, step: int | None = None, commit: int | None = None) -> None:
        """Give a commit a name, by default the newest; an existing name is moved.

        Args:
            name: up to 128 letters, digits, ``.``, ``_`` and ``-``.
            step: the newest commit of this step.
            commit: its number.

        Raises:
            InvalidInputError: not a name.
            NotFoundError: no such step or commit.
        """
        _keys.tag_key(name)
        target = find(self._store, step=step, tag=None, commit=commit)
        _tags.write_tag(self._store, name, target)

    def tags(self) -> dict[str, int]:
        """Return the commit number of each tag."""
        found: dict[str, int] = {}
        for info in self._store.list(f"{_schema.TAGS}/"):
            name = _keys.tag_name(info.key)
            if name is not None:
                data = get_at_most(self._store, info.key, _schema.MAX_TAG_BYTES)
                found[name] = _tags.parse_tag(data, info.key).commit
        return dict(sorted(found.items()))
