"""Formats that are a folder: by which of its files it is known, and where its words are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from embzarr.convert._datasets import format_of
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a folder is."""

    file: Path
    """The file that its reader begins with, or the folder of a table of several files."""
    format: str
    vocabulary: Path | None = None


_KINDS: Final = (
    ("spacy", "vocab/vectors", None),
    ("spacy", "vectors", None),
    ("safetensors", "model.safetensors", "tokenizer.json"),
    ("safetensors", "0_StaticEmbedding/model.safetensors", "0_StaticEmbedding/tokenizer.json"),
    ("staticvectors", "model.safetensors", "vocab.json"),
    ("magnitude", "model.sqlite", None),
    ("lmdb", "data.mdb", None),
    ("lance", "_versions/*.manifest", None),
    ("zarr", "zarr.json", None),
    ("zarr", ".zarray", None),
    ("zarr", ".zgroup", None),
)
"""Format, the file that tells it, and that of its words, looked through in this order."""


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
        if not files or (words is not None and not (folder / words).is_file()):
            continue
        yield Found(
            file=files[-1], format=form, vocabulary=None if words is None else folder / words
        )


def _table_of_several(folder: Path) -> Found | None:
    form = format_of(folder)
    return None if form is None else Found(file=folder, format=form)
