"""Writes vectors of a checkpoint as a file of another format, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from embzarr._checkpoint import Checkpoint
from embzarr._open import open_checkpoint
from embzarr.convert._rows import Part, chosen
from embzarr.convert._targets import is_open, staged, streamed, target_of
from embzarr.convert._writers import format_of
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from numpy.typing import DTypeLike

    from embzarr.convert._rows import Rows
    from embzarr.convert._targets import Sink
    from embzarr.convert._writers import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """One file that was written."""

    name: str
    """Without its folder."""
    bytes: int
    sha256: str
    """In hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What `export_vectors` wrote."""

    format: str
    """Its name in `EXPORT_FORMATS`."""
    rows: int
    dim: int
    dtype: str
    """Of the numbers in the file."""
    files: tuple[ExportedFile, ...]
    """The target first, then the file of words beside it where the format has one."""

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """SHA-256 of the target, in hexadecimal digits."""
        return self.files[0].sha256


def export_vectors(
    checkpoint: Checkpoint | str | os.PathLike[str],
    target: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002 - as polars and pyarrow name it
    dtype: DTypeLike | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    target_options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **part: Unpack[Part],
) -> Exported:
    r"""Write a checkpoint, or a part of it, as a file that another library reads.

    It streams in bounded memory, but for gensim's ``.kv``, whose library takes the whole matrix.
    The file gets its name when it is whole: after an error, an interrupt or on a full disk nothing
    new stands there. On the way to a URL the file lies in this machine's temporary folder, which
    must have room for it. Words that the format cannot hold are refused before anything is written.

    Args:
        checkpoint: one that is open, or the place of a run, whose newest is taken.
        target: a path; any URL that `embzarr.open` or fsspec knows; or a binary file that is open
            for writing, to which a format of one file is written from its beginning to its end:
            what was written before an error stays in it.
        format: a name of `EXPORT_FORMATS`; by default what the ending of `target` says.
        dtype: type of the numbers; by default as they are stored where the format has that type,
            else the next wider one that it has, which changes no number.
        overwrite: replace a file that is there.
        storage_options: of `checkpoint`, where it is a place.
        target_options: of `target`, where it is a URL.
        progress: called with the rows done and the rows in all.
        **part: which rows, by one of ``words``, in that order, with ``missing`` as `load` takes it;
            ``prefix``; ``between``, two words as `load_range` takes them; ``rows``, a range; or
            ``part``, the number of a worker and how many there are, with ``by`` as `load_part`
            takes it. By default all, in row order.

    Raises:
        InvalidInputError: ``input-word`` names a word that the format cannot hold, and its row;
            ``input-duplicate-word`` one that is asked for twice; ``input-dtype`` a type that the
            format has not; ``input-nonfinite`` a NaN for a format that has none.
        ConflictError: ``object-exists``: something has the target's name.
        UnsupportedError: ``feature-unsupported``: a package that this format needs is not there.

    Example:
        >>> export_vectors(checkpoint, f"{folder}/mine.vec", words=["king"]).rows
        1
        >>> Path(folder, "mine.vec").read_text()
        '1 4\nking 1 0 0 0\n'
    """
    kind, names, destination = _destination(target, format, target_options, overwrite)
    kind.needs()
    opened = _opened(checkpoint, storage_options)
    rows = chosen(opened, part, dtype=kind.dtype_for(opened.dtype, dtype), progress=progress)
    with destination as sinks:
        _check_words(kind, rows)
        kind.write(rows, *sinks)
    return Exported(
        format=kind.name,
        rows=rows.count,
        dim=rows.dim,
        dtype=rows.dtype.name,
        files=tuple(
            ExportedFile(name=name, bytes=sink.size, sha256=sink.sha256)
            for name, sink in zip(names, sinks, strict=True)
        ),
    )


def _destination(
    target: Any,  # noqa: ANN401 - whatever a caller gives
    form: str | None,
    options: Mapping[str, Any] | None,
    overwrite: bool,  # noqa: FBT001 - as it was given
) -> tuple[Format, list[str], AbstractContextManager[list[Sink]]]:
    """Return the format, the names of its files, and what opens them.

    Raises:
        InvalidInputError: no such format, or no place for its files.
    """
    if not is_open(target):
        place = target_of(target, options)
        kind = format_of(place.name, form)
        names = kind.files(place.name)
        return kind, names, staged(place, names, overwrite=overwrite)
    if options:
        raise InvalidInputError("input-argument", "target_options go with a URL, not with a file")
    name = str(getattr(target, "name", "the open file"))
    kind = format_of(name, form)
    if kind.words_beside is not None:
        message = f"{kind.name} has its words in a file beside it, and {name} is one file"
        raise InvalidInputError("input-argument", message)
    return kind, [name], streamed(target, name)


def _opened(checkpoint: object, options: Mapping[str, Any] | None) -> Checkpoint:
    if not isinstance(checkpoint, Checkpoint):
        return open_checkpoint(checkpoint, storage_options=options)
    if options:
        raise InvalidInputError(
            "input-argument", "storage_options go with a place, not with an open checkpoint"
        )
    return checkpoint


_SHOWN = 40


def _check_words(kind: Format, rows: Rows) -> None:
    """Refuse a word that the format cannot hold, before a byte is written."""
    rule = kind.words
    if rule is None:
        return
    for place, word in enumerate(rows.words()):
        why = rule.refuses(word, place)
        if why is not None:
            shown = repr(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…")
            raise InvalidInputError(
                "input-word",
                f"{kind.name} cannot hold the word {shown} of row {rows.row(place)}: {why}",
            )
