"""The formats that can be written: one file each, and one row here."""

from __future__ import annotations

from embzarr.convert._writers import (
    arrow,
    finalfusion,
    gensim_kv,
    glove,
    jsonl,
    npy,
    npz,
    parquet,
    safetensors,
    tsv,
    word2vec_binary,
    word2vec_text,
)
from embzarr.convert._writers._format import Format
from embzarr.errors import InvalidInputError

__all__ = ["ENDINGS", "EXPORT_FORMATS", "Format", "format_of"]

_FORMATS = (
    word2vec_binary.FORMAT,
    word2vec_text.FORMAT,
    glove.FORMAT,
    safetensors.FORMAT,
    npy.FORMAT,
    npz.FORMAT,
    parquet.FORMAT,
    arrow.FORMAT,
    finalfusion.FORMAT,
    gensim_kv.FORMAT,
    tsv.FORMAT,
    jsonl.FORMAT,
)
EXPORT_FORMATS = {one.name: one.what for one in _FORMATS}
"""Names of the formats that can be written, and what each is."""
ENDINGS = tuple(one.endings[0] for one in _FORMATS if one.endings)
"""How the name of a file of each ends."""


_PACKED = (".gz", ".bz2", ".xz", ".zst")


def format_of(target: str, name: str | None) -> Format:
    """Return the format of a name, or else of the ending of the target.

    Raises:
        InvalidInputError: no such name, an ending that tells no format, or one that tells of a
            packed file.
    """
    if target.lower().endswith(_PACKED):
        raise InvalidInputError(
            "input-argument",
            f"{target!r} would not be packed, as its ending says: export to a file that a packer"
            " has open, such as gzip.open(...), or from a shell to -, and pipe that into one",
        )
    if name is not None:
        for one in _FORMATS:
            if one.name == name:
                return one
        raise InvalidInputError(
            "input-argument", f"format: expected one of {', '.join(EXPORT_FORMATS)}, found {name!r}"
        )
    for one in _FORMATS:
        if target.lower().endswith(one.endings):
            return one
    told = ", ".join(" ".join((one.name, "/".join(one.endings))).rstrip() for one in _FORMATS)
    raise InvalidInputError(
        "input-argument",
        f"the ending of {target!r} does not tell the format, so that format= must: {told}",
    )
