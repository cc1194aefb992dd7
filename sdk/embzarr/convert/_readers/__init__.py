"""The formats that are read: a row for each, and what tells them apart.

A new format is one file here, whose reader takes a `Given` and returns a `Table`, and its row.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from embzarr.convert._readers import (
    arrow,
    csv_text,
    fasttext,
    finalfusion,
    floret,
    gensim,
    hdf5,
    jsonl,
    lmdb,
    magnitude,
    numpy,
    safetensors,
    spacy,
    staticvectors,
    text,
    word2vec_binary,
    zarr,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embzarr.convert._blocks import Read
    from embzarr.convert._damage import Damage
    from embzarr.convert._stream import Stream

FORMATS: Final[Mapping[str, Read]] = {
    "word2vec": word2vec_binary.read,
    "word2vec-text": text.read_with_header,
    "glove": text.read_without_header,
    "fasttext": fasttext.read,
    "finalfusion": finalfusion.read,
    "floret": floret.read,
    "gensim": gensim.read,
    "npy": numpy.read,
    "npz": numpy.read_archive,
    "safetensors": safetensors.read,
    "parquet": arrow.read_parquet,
    "arrow": arrow.read_arrow,
    "lance": arrow.read_lance,
    "hdf5": hdf5.read,
    "zarr": zarr.read,
    "lmdb": lmdb.read,
    "magnitude": magnitude.read,
    "spacy": spacy.read,
    "staticvectors": staticvectors.read,
    "tsv": text.read_table,
    "csv": csv_text.read,
    "jsonl": jsonl.read,
}
"""By the names that callers and the metadata use."""

_STRANGERS: Final = (
    (rb"\s*\[", "a JSON array: write an object a line, with a word and its vector"),
    (  # twelve whole numbers, among them one of four losses and one of three kinds of model
        rb"(?:..\0\0){6}[\1-\4]\0{3}[\1-\3]\0{3}.{4}(?:[\0-\x1e]\0{3}){2}..\0\0",
        "an old model of fastText's, without a version: gensim's load_facebook_vectors reads it",
    ),
    (rb"GGUF", "a GGUF model: save its embedding as safetensors or .npy"),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text: write it as UTF-8"),
    (rb"[^\n\0]*\r[^\n\0]+\Z", "lines that end in a carriage return: end them in a line feed"),
)
"""What is known, and not read: how it begins, and what can be done."""


def detect(stream: Stream, damage: Damage) -> str:
    """Return the name of the format that a file has by its beginning.

    Raises:
        InvalidInputError: code ``input-file``: none that is read.
    """
    head = stream.peek()
    if not head:
        raise damage.error("an empty file")
    for mark, kind in _STRANGERS:
        if re.match(mark, head, re.DOTALL):
            raise damage.error(f"{kind}")
    found = next((name for name, fits in _SIGNS if fits(head)), None)
    if found is None:
        raise damage.error(
            f"of no format that is read ({', '.join(FORMATS)}); begins {head[:24]!r}"
        )
    return found


_SIGNS: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("fasttext", lambda head: head.startswith(fasttext.MAGIC)),
    ("finalfusion", lambda head: head.startswith(finalfusion.MAGIC)),
    ("gensim", lambda head: re.match(rb"\x80[\x02-\x05]", head) is not None),
    ("npy", lambda head: head.startswith(numpy.MAGIC)),
    ("npz", lambda head: head.startswith(numpy.ARCHIVE)),
    ("safetensors", safetensors.begins),
    ("parquet", lambda head: head.startswith(arrow.PARQUET)),
    ("arrow", lambda head: head.startswith((arrow.FILE, arrow.STREAM))),
    ("hdf5", lambda head: head.startswith(hdf5.MAGIC)),
    ("magnitude", lambda head: head.startswith(magnitude.MAGIC)),
    ("lmdb", lambda head: re.match(lmdb.MARK, head, re.DOTALL) is not None),
    ("jsonl", jsonl.begins),
    ("floret", floret.begins),
    ("word2vec-text", text.has_header),
    ("word2vec", word2vec_binary.has_header),
    ("tsv", text.is_table),
    ("csv", csv_text.begins),
    ("glove", text.is_rows),
    ("jsonl", jsonl.is_object),  # which then tells what of it is wanted
)
"""Looked through in this order."""
