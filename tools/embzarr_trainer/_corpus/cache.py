"""Encoded corpora kept on disk, so that the same text is not counted and encoded again.

A corpus has a folder named by the SHA-256 of its text and of all that decides how text becomes word
ids. It is made aside and renamed, so that any number of processes may share the cache. What is
found there is checked: its size before it is read, its digests and every number after. What does
not check is made from the text anew, and what does is a copy, so that nothing that becomes of the
cache later reaches this process.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

import embzarr
from embzarr_trainer._buffers import MAX_SENTENCE
from embzarr_trainer._corpus.reading import Corpus, count_ids, digest_of_cut, read_corpus
from embzarr_trainer._corpus.sources import find_sources, fingerprint_of
from embzarr_trainer._corpus.spool import Spool
from embzarr_trainer._corpus.tokenizers import state_of
from embzarr_trainer._options import OF_CORPUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import numpy.typing as npt

    from embzarr_trainer._corpus.sources import CorpusPaths, Fingerprint
    from embzarr_trainer._options import TrainOptions

_DTYPES: Final = {"ids": "<i4", "starts": "<i8", "counts": "<i8"}
_WORDS: Final = "words.json"
_INDEX: Final = "corpus.json"
_THERE: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY})
"""Another process was quicker."""

_BLOCK_BYTES: Final = 1 << 20
_MOST_INDEX_BYTES: Final = 4096
_MOST_PER_BYTE: Final = 16
"""Bytes that a byte of text can become: at most one word, an int64 or a text in JSON."""
_OPEN: Final = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
"""A link is not followed, and a pipe is not waited for."""


class _UnfitError(Exception):
    """What is in the cache cannot be used."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    sha256: str


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    """Of the folder."""
    raw_words: int
    invalid: int
    files: dict[str, _File]


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

    Returns:
        The corpus. However it was got, its ids take 4 bytes a word in the folder for temporary
        files.

    Raises:
        embzarr.StoreError: ``store-failed``, the cache cannot be written to.
        embzarr.EmbzarrError: as ``read_corpus``.
    """
    place = Path(folder)
    text = fingerprint_of(find_sources(paths))
    state = state_of(options.tokenizer)
    found = _load(place / _name(text.sha256, options, state), text)
    if found is not None:
        return found
    corpus = read_corpus(paths, options=options, split=split)
    if state_of(options.tokenizer) != state:  # nobody knows which word was cut by which
        return corpus
    try:
        place.mkdir(parents=True, exist_ok=True)
        _keep(place / _name(corpus.digest, options, state), corpus)
    except OSError as exc:
        raise embzarr.StoreError("store-failed", f"corpus cache {place}: {exc}") from exc
    return corpus


def _name(digest: str, options: TrainOptions, state: str) -> str:
    """Digest the text's digest and all that its words and their ids depend on."""
    settings = options.to_json()
    told: dict[str, Any] = {name: settings[name] for name in sorted(OF_CORPUS)}
    told |= {
        "sha256": digest,
        "embzarr": embzarr.__version__,
        "unicode": unicodedata.unidata_version,
        "tokenizer": [options.tokenizer, state],
    }
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _keep(target: Path, corpus: Corpus) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as aside:
        new = Path(aside) / "corpus"
        new.mkdir()
        for name, dtype in _DTYPES.items():
            (new / name).write_bytes(getattr(corpus, name).astype(dtype, copy=False).data)
        (new / _WORDS).write_bytes(msgspec.json.encode(corpus.words))
        index = _Index(
            name=target.name,
            raw_words=corpus.raw_words,
            invalid=corpus.invalid,
            files={file.name: _described(file) for file in new.iterdir()},
        )
        (new / _INDEX).write_bytes(msgspec.json.encode(index))
        with contextlib.suppress(FileNotFoundError):
            target.rename(Path(aside) / "old")  # it does not check, or is another's: the same
        try:
            new.rename(target)
        except OSError as exc:
            if exc.errno not in _THERE:
                raise


def _described(file: Path) -> _File:
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return _File(size=file.stat().st_size, sha256=sha256)


def _load(folder: Path, text: Fingerprint) -> Corpus | None:
    """Return a copy of a corpus that is there, whole and sound; else None."""
    try:
        _require(stat.S_ISDIR(folder.lstat().st_mode))
        index = _index_of(folder)
        _require(index.name == folder.name)
        _require(0 <= index.invalid <= text.size and 0 <= index.raw_words <= text.size)
        words = _words_of(folder, index, text)
        ids, starts = _ids(folder, index, text), _array(folder, "starts", index, text)
        corpus = Corpus(
            words=words,
            counts=_array(folder, "counts", index, text),
            ids=ids,
            starts=starts,
            raw_words=index.raw_words,
            invalid=index.invalid,
            digest=text.sha256,
            cut=digest_of_cut(words, ids, starts),
        )
        _check(corpus)
    except (OSError, ValueError, RecursionError, _UnfitError):
        return None
    return corpus


def _check(corpus: Corpus) -> None:
    """Refuse numbers that contradict each other."""
    words, ids, starts = len(corpus.words), corpus.ids, corpus.starts
    _require(1 <= words == len(set(corpus.words)) == len(corpus.counts))
    _require(len(starts) >= 1 and starts[0] == 0 and starts[-1] == len(ids) <= corpus.raw_words)
    _require(starts.min() >= 0 and starts.max() <= len(ids))  # differences cannot wrap around
    lengths = np.diff(starts)
    _require(lengths.min(initial=1) >= 1 and lengths.max(initial=1) <= MAX_SENTENCE)
    _require(ids.view(np.uint32).max(initial=0) < words)
    _require(corpus.counts.min() >= 1 and np.array_equal(count_ids(ids, words), corpus.counts))


def _index_of(folder: Path) -> _Index:
    with _opened(folder / _INDEX) as stream:
        return msgspec.json.decode(stream.read(_MOST_INDEX_BYTES), type=_Index)


def _words_of(folder: Path, index: _Index, text: Fingerprint) -> list[str]:
    return msgspec.json.decode(b"".join(_blocks(folder, _WORDS, index, text)), type=list[str])


def _array(folder: Path, name: str, index: _Index, text: Fingerprint) -> npt.NDArray[np.int64]:
    data = bytearray().join(_blocks(folder, name, index, text))
    return np.frombuffer(data, _DTYPES[name])


def _ids(folder: Path, index: _Index, text: Fingerprint) -> npt.NDArray[np.int32]:
    """Return ids in a file of our own: nobody can cut it short under the map."""
    with contextlib.closing(Spool()) as spool:
        for block in _blocks(folder, "ids", index, text):
            spool.write(block)
        return spool.map_ids()


def _blocks(folder: Path, name: str, index: _Index, text: Fingerprint) -> Iterator[bytes]:
    """Yield the bytes of a file that has the size and, as is known at the end, the digest told."""
    told = index.files.get(name)
    if told is None:
        raise _UnfitError
    sha256 = hashlib.sha256()
    with _opened(folder / name) as stream:
        _require(os.fstat(stream.fileno()).st_size == told.size <= _MOST_PER_BYTE * text.size)
        for first in range(0, told.size, _BLOCK_BYTES):
            block = stream.read(min(_BLOCK_BYTES, told.size - first))
            sha256.update(block)
            yield block
    _require(sha256.hexdigest() == told.sha256)


def _opened(path: Path) -> BinaryIO:
    stream = os.fdopen(os.open(path, os.O_RDONLY | _OPEN), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise _UnfitError
    return stream


def _require(holds: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise _UnfitError
