"""Where a writer writes, and how it gets in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr._format import arguments
from embzarr._history import probe
from embzarr._storage import CountingStore, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._storage import Store


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """A store to write to; no repr, since options may hold secrets."""

    url: object
    options: Mapping[str, Any] | None
    single_writer: bool
    """Whether nobody else writes there, for a store that cannot exclude others."""

    def __post_init__(self) -> None:
        """Refuse a flag that is none.

        Raises:
            InvalidInputError: naming it.
        """
        arguments.check_flags(single_writer=self.single_writer)

    def open(self) -> CountingStore:
        """Open the store; it may be one that cannot be written to."""
        store = open_store(self.url, storage_options=self.options, single_writer=self.single_writer)
        return CountingStore(store)

    def require_sound(self, store: Store) -> None:
        """Refuse a store that would lose commits.

        Raises:
            UnsupportedError: codes ``create-not-exclusive`` and ``store-unsound``.
        """
        probe.require_sound(store, single_writer=self.single_writer)
