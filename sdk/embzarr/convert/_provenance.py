"""What came of an import: counts, problems, and where the vectors are from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import embzarr


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The file that vectors came from."""

    name: str
    """Of the file, without its folder."""
    size: int
    """Bytes of it that were read, as they are stored; of `Imported.files`, all of them."""
    sha256: str | None
    """Of those bytes; None where the file was not read whole."""

    def to_json(self) -> dict[str, Any]:
        """Return what the checkpoint's metadata says of the file.

        Example:
            >>> embzarr.convert.Provenance(name="a.txt", size=12, sha256=None).to_json()
            {'name': 'a.txt', 'size': 12, 'sha256': None}
        """
        return {"name": self.name, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What `import_vectors` has done."""

    checkpoint: embzarr.Checkpoint
    """The committed checkpoint."""
    format: str
    """The format that the file was read as."""
    rows_read: int
    """Rows of the file that were read, those included that are left out below."""
    skipped: int
    """Rows left out since they were damaged."""
    replaced: int
    """Rows of which a part was replaced."""
    duplicates: int
    """Rows left out since another row has the same word."""
    duplicate_words: tuple[str, ...]
    """The first few of those words."""
    limit: int | None
    """The most rows to read, where that ended the reading: none behind them was looked at."""
    unwanted: int
    """Rows left out since their words were not asked for, where some were."""
    missing: int
    """Words that were asked for and are not in the file."""
    missing_words: tuple[str, ...]
    """The first few of those, in byte order."""
    problems: tuple[str, ...]
    """The first few things that were wrong with the file, each with its place."""
    source: Provenance
    """The file."""
    vocabulary: Provenance | None
    """The file of its words, where there was one."""
    files: tuple[Provenance, ...]
    """All files that were read of a folder, by their names in it, or of a file and others that
    belong to it; none where one file was read, which is `source`. At most a thousand."""
