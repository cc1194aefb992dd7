"""Where vectors are from: the file, that of its words, and whatever else was read with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from embzarr.convert._provenance import Provenance
from embzarr.convert._source import MOST_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr.convert._source import Source
    from embzarr.convert._stream import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The files of an import."""

    source: Provenance
    vocabulary: Provenance | None
    files: tuple[Provenance, ...]
    """Each of several, the first one included."""
    files_left_out: int
    """Those beyond the most that are told of."""

    def to_json(self) -> dict[str, Any]:
        """Return what the checkpoint's metadata say of them."""
        further = {
            "vocabulary": self.vocabulary and self.vocabulary.to_json(),
            "files": [file.to_json() for file in self.files],
            "files_left_out": self.files_left_out,
        }
        found = {name: value for name, value in further.items() if value}
        return {"source": self.source.to_json(), **found}


def origin_of(
    file: Source, vocabulary: Source | None, stream: Stream, *, is_limited: bool
) -> Origin:
    """Return name, size and digest of all files of an import.

    Args:
        file: that was imported.
        vocabulary: that of its words, where there was one.
        stream: of the file, behind its last row.
        is_limited: whether rows are left behind; what was not read whole then has no digest.
    """
    source = _of_source(file, stream, is_limited=is_limited)
    words = None if vocabulary is None else _of(vocabulary, vocabulary.base_name)
    every = _every(file, source, is_limited=is_limited)
    files = tuple(islice(every, MOST_FILES))
    return Origin(
        source=source,
        vocabulary=words,
        files=files,
        files_left_out=file.others_left_out + sum(1 for _ in every),
    )


def _of_source(file: Source, stream: Stream, *, is_limited: bool) -> Provenance:
    if is_limited:
        size = stream.stored_bytes if stream.is_in_order else file.size()
        return Provenance(name=file.base_name, size=size, sha256=None)
    size, sha256 = file.fingerprint(stream)
    return Provenance(name=file.base_name, size=size, sha256=sha256)


def _every(file: Source, source: Provenance, *, is_limited: bool) -> Iterator[Provenance]:
    """Yield each of several files; nothing of a single one that was given by its own name."""
    others = file.others()
    if file.folder is None and not others:
        return iter(())
    first = [replace(source, name=file.own_name)]
    if file.parts is not None:  # of which a limit leaves some
        first = [Provenance(name=n, size=size, sha256=sha256) for n, size, sha256 in file.parts]
    further = (_of(other, name, is_limited=is_limited) for name, other in others.items())
    return chain(first, further)


def _of(file: Source, name: str, *, is_limited: bool = False) -> Provenance:
    if is_limited and not file.is_digested:
        return Provenance(name=name, size=file.size(), sha256=None)
    size, sha256 = file.fingerprint()
    return Provenance(name=name, size=size, sha256=sha256)
