"""Where a run in blocks keeps what: the checkpoints, the words, and the state between rounds."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import embzarr
from embzarr_trainer import refused

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Places:
    """Addresses, which every task is told; no repr, since they and options may hold secrets.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, an address that is none.
    """

    url: str
    """Where checkpoints go."""
    state: str
    """A folder beside it, which no reader needs once training is done."""
    storage_options: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        """Check what is no text."""
        for name in ("url", "state"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise refused(name, "an address", getattr(self, name))

    @property
    def words(self) -> str:
        """The run that holds the vocabulary."""
        return f"{self.state}/words"

    @property
    def rows(self) -> str:
        """The run whose steps are the matrices after each round."""
        return f"{self.state}/rows"

    def run(self, url: str) -> embzarr.Run:
        """Return the run at one of these addresses."""
        return embzarr.Run(url, storage_options=self.storage_options)

    def open(self, url: str, *, commit: int | None = None) -> embzarr.Checkpoint:
        """Open a commit, by default the newest, at one of these addresses."""
        return embzarr.open(url, commit=commit, storage_options=self.storage_options)


def places_of(
    url: object, state: object | None, storage_options: Mapping[str, Any] | None
) -> Places:
    """Return the places of a run; its state lies beside its checkpoints unless said otherwise."""
    home = os.fspath(url) if isinstance(url, str | os.PathLike) else url
    if not isinstance(home, str) or not home.strip("/"):
        raise refused("url", "an address", url)
    beside = f"{home.rstrip('/')}.state" if state is None else state
    kept = os.fspath(beside) if isinstance(beside, str | os.PathLike) else beside
    told = kept.rstrip("/") if isinstance(kept, str) else kept
    return Places(url=home, state=told, storage_options=storage_options)  # type: ignore[arg-type]
