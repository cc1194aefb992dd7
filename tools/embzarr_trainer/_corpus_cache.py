"""Encoded corpora kept on disk, so that the same text is not counted and encoded again.

A corpus has a folder named by the SHA-256 of its text and of all that decides how text becomes word
ids. It is made aside and renamed, so that any number of processes may share the cache, and what is
found there is checked against its digests: what is damaged is read from the text again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import tempfile
import unicodedata
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_trainer._corpus import Corpus, read_corpus
from embzarr_trainer._options import OF_CORPUS
from embzarr_trainer._sources import digest_of, find_sources
from embzarr_trainer._tokenizers import JIEBA

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from embzarr_trainer._options import TrainOptions
    from embzarr_trainer._sources import CorpusPaths

_ARRAYS: Final = ("ids", "starts", "counts")
_WORDS: Final = "words.json"
_INDEX: Final = "corpus.json"
_THERE: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY})
"""Another process was quicker."""


def read_cached(
    folder: str | os.PathLike[str],
    paths: CorpusPaths,
    *,
    options: TrainOptions,
    split: Callable[[str], list[str]],
) -> Corpus:
    """Return what ``read_corpus`` returns, from a cache if it is there, and else keep it there.

    Args:
        folder: of the cache; made where it is missing.
        paths: the text, which is read for its digest in any case.
        options: the tokenizer must be one that has a name.
        split: from text to its words and line ends.

    Raises:
        embzarr.StoreError: ``store-failed``, the cache cannot be written to.
        embzarr.EmbzarrError: as ``read_corpus``.
    """
    place = Path(folder)
    found = _load(place / _name(digest_of(find_sources(paths)), options))
    if found is not None:
        return found
    corpus = read_corpus(paths, options=options, split=split)
    try:
        place.mkdir(parents=True, exist_ok=True)
        _keep(place / _name(corpus.digest, options), corpus)
    except OSError as exc:
        raise embzarr.StoreError("store-failed", f"corpus cache {place}: {exc}") from exc
    return corpus


def _name(digest: str, options: TrainOptions) -> str:
    """Digest the text's digest and all that its words and their ids depend on."""
    settings = options.to_json()
    told: dict[str, Any] = {name: settings[name] for name in sorted(OF_CORPUS)}
    told |= {
        "sha256": digest,
        "embzarr": embzarr.__version__,
        "unicode": unicodedata.unidata_version,
        "jieba": version(JIEBA) if options.tokenizer == JIEBA else None,
    }
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _keep(target: Path, corpus: Corpus) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as aside:
        new = Path(aside) / "corpus"
        new.mkdir()
        for name in _ARRAYS:
            np.save(new / f"{name}.npy", getattr(corpus, name))
        (new / _WORDS).write_text(json.dumps(corpus.words), encoding="utf-8")
        index = {
            "raw_words": corpus.raw_words,
            "invalid": corpus.invalid,
            "digest": corpus.digest,
            "files": {file.name: _sha256(file) for file in new.iterdir()},
        }
        (new / _INDEX).write_text(json.dumps(index), encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            target.rename(Path(aside) / "old")  # it was damaged, or is another process's: the same
        try:
            new.rename(target)
        except OSError as exc:
            if exc.errno not in _THERE:
                raise


def _load(folder: Path) -> Corpus | None:
    """Return a corpus that is there, whole; else None."""
    try:
        index = json.loads((folder / _INDEX).read_text("utf-8"))
        if any(_sha256(folder / name) != digest for name, digest in index["files"].items()):
            return None
        # Changes of a copy-on-write map stay in memory: what is compiled takes no read-only array.
        ids, starts, counts = (np.load(folder / f"{name}.npy", mmap_mode="c") for name in _ARRAYS)
        return Corpus(
            words=json.loads((folder / _WORDS).read_text("utf-8")),
            counts=np.array(counts),
            ids=ids.view(np.ndarray),
            starts=np.array(starts),
            raw_words=index["raw_words"],
            invalid=index["invalid"],
            digest=index["digest"],
        )
    except (OSError, ValueError, KeyError):
        return None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
