"""Formats that are a folder: by which of its files it is known, and where its words are."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from embzarr._storage import interrupts
from embzarr.convert._datasets import format_of
from embzarr.convert._source import Source
from embzarr.errors import InvalidInputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a folder is."""

    file: Path
    """The file that its reader begins with, or the folder of a table of several files."""
    format: str
    vocabulary: str | None = None
    """The name of that of its words, in the same folder."""


_NO_FOLDERS: Final = ("tar://", "http://", "https://")
"""Of archives that are read in order, and of servers that list nothing."""
_LAST_VERSION: Final = 2**64 - 1
_KINDS: Final = (
    ("spacy", "vocab/vectors", None),
    ("spacy", "vectors", None),
    ("safetensors", "model.safetensors", "tokenizer.json"),
    ("safetensors", "0_StaticEmbedding/model.safetensors", "tokenizer.json"),
    ("staticvectors", "model.safetensors", "vocab.json"),
    ("magnitude", "model.sqlite", None),
    ("lmdb", "data.mdb", None),
    ("lance", "_versions/*.manifest", None),
    ("zarr", "zarr.json", None),
    ("zarr", ".zarray", None),
    ("zarr", ".zgroup", None),
)
"""Format, the file that tells it, and that of its words beside it, looked through in this order."""


@contextmanager
def at_hand(source: object, options: Mapping[str, Any] | None) -> Iterator[object]:
    """Give a copy on this machine of a folder whose URL ends in a slash, and all else as it is.

    Raises:
        EmbzarrError: it cannot be read, or there is no room for it.
    """
    url = source if isinstance(source, str) else ""
    if not url.partition("::")[0].endswith("/") or "://" not in url or url.startswith(_NO_FOLDERS):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="embzarr-import-") as place:
        folder = Path(place, PurePosixPath(url.partition("::")[0]).name)
        for name, file in Source(url, options, what="source").below():
            _copy(file, folder, name)
        yield folder


def _copy(file: Source, folder: Path, name: str) -> None:
    if {"..", ""} & {*name.split("/")}:
        raise InvalidInputError("input-file", f"{file.base_name}: {name!r} leaves its folder")
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as copy:
            for piece in file.pieces():
                interrupts.check()
                copy.write(piece)
    except OSError as exc:
        message = f"a temporary copy of {file.base_name}: {exc.strerror}"
        raise StoreError("store-failed", message) from exc


def folder_of(source: object) -> Path | None:
    """Return the folder of this machine that a source is; None for what is none."""
    is_path = isinstance(source, str | Path) and str(source) and "://" not in str(source)
    if isinstance(source, str | Path) and is_path and Path(source).is_dir():
        return Path(source)
    return None


def found_in(folder: Path) -> Found:
    """Return what a folder is.

    Raises:
        InvalidInputError: code ``input-file``: nothing that is read.
    """
    found = next(_matching(folder), None) or _table_of_several(folder)
    if found is None:
        raise InvalidInputError(
            "input-file",
            f"{folder}: a folder of no kind that is read: expected spaCy's vectors, "
            "model.safetensors with tokenizer.json or vocab.json, a store of Lance, LMDB or Zarr, "
            "or files of Parquet or Arrow",
        )
    return found


def _matching(folder: Path) -> Iterator[Found]:
    for form, name, words in _KINDS:
        files = sorted(path for path in folder.glob(name) if path.is_file())
        if not files or (words is not None and not files[0].with_name(words).is_file()):
            continue
        yield Found(file=max(files, key=_version_of), format=form, vocabulary=words)


def _version_of(file: Path) -> int:
    """Return which version a manifest of Lance's is, whose names count up or, of late, down."""
    number = int(file.stem) if file.stem.isdecimal() else 0
    return number if number <= _LAST_VERSION // 2 else _LAST_VERSION - number


def _table_of_several(folder: Path) -> Found | None:
    form = format_of(folder)
    return None if form is None else Found(file=folder, format=form)
