"""Files of vectors from strangers: each importer takes any bytes, and raises typed errors alone."""

from __future__ import annotations

import gzip
import io
import re
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import numpy as np

import vector_files
from embzarr.convert._blocks import Given
from embzarr.convert._damage import Damage
from embzarr.convert._readers import FORMATS, detect
from embzarr.convert._selecting import Choice, Selection
from embzarr.convert._source import Source
from embzarr.errors import EmbzarrError
from faults.fuzzing import Fuzzed, changed
from unit.convert.others import WORDS
from unit.convert.test_archives import tar
from unit.convert.test_csv import CSV
from unit.convert.test_finalfusion import chunked, hashed, plain, quantised, vocabulary, with_ngrams
from unit.convert.test_floret import FLORET
from unit.convert.test_lmdb import LMDB
from unit.convert.test_magnitude import magnitude
from unit.convert.test_matrices import npy, npz, safetensors
from unit.convert.test_models import fasttext, fifu
from unit.convert.test_spacy_and_model2vec import spacy_folder, tokenizer
from unit.convert.test_staticvectors import NGRAMS, static
from unit.convert.test_staticvectors import quantised as quantised_static

MOST_SECONDS = 2.0
MOST_BYTES = 64 << 20
_WORDS = ["the", "of", "é", "x y"]
_MATRIX = vector_files.vectors(4, 3)
_CHOICE = Choice(limit=None, words=None, duplicates="first")
_VOCABULARY = b"a\t4\nb\t3\nc\t2\nd\t1\n"

_BINARY = [vector_files.word2vec_binary(_WORDS[:3], _MATRIX[:3], end=end) for end in (b"\n", b"")]
OTHERS = {"gensim", "parquet", "arrow", "lance", "hdf5", "zarr"}
"""Read by other libraries."""
_CUT = b"<<>>"
"""Between the files of a format that has several, where they are fuzzed as one."""
_VOCABS: list[object] = [
    {"a": 0, "b": 1, "c": 2, "d": 3},
    [["a", 0.5], ["b", 1], ["c", 1], ["d", 2]],
]


def _magnitude(*, lengths: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return magnitude(Path(folder, "a.db"), lengths=lengths).read_bytes()


def _spacy() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made = spacy_folder(Path(folder, "v"))
        return _CUT.join((made / name).read_bytes() for name in _FILES["spacy"])


def _static(tensors: Mapping[str, np.ndarray], config: Mapping[str, object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made = static(Path(folder, "m"), tensors, WORDS[:4], config)
        return _CUT.join((made / name).read_bytes() for name in _FILES["staticvectors"])


_FILES = {
    "spacy": ("vectors", "key2row", "strings.json"),
    "staticvectors": ("model.safetensors", "vocab.json", "config.json"),
}
"""Of formats that are a folder, the first of which is given."""
_CODES = np.array([[0, 1, 2], [3, 0, 1], [2, 3, 0], [1, 2, 3]], "u1")

SOUND: Mapping[str, list[bytes]] = {
    "word2vec": _BINARY,
    "word2vec-text": [vector_files.text(_WORDS, _MATRIX)],
    "glove": [vector_files.text(_WORDS, _MATRIX, header=False)],
    "fasttext": [fasttext()],
    "finalfusion": [
        *(fifu(), fifu(norms=False)),
        chunked([vocabulary(1, WORDS), quantised(turn=True, norms=True)]),
        *(chunked([vocabulary(kind, WORDS), plain(with_ngrams(kind))]) for kind in (3, 7, 8)),
        chunked([hashed(), plain(vector_files.vectors(7, 6))]),
    ],
    "npy": [npy(_MATRIX), npy(_MATRIX.astype(">f8"))],
    "npz": [npz(x=_MATRIX)],
    "safetensors": [
        safetensors({"x": ("F32", [4, 3], _MATRIX.tobytes())}),
        safetensors({"x": ("BF16", [4, 3], bytes(24)), "y": ("F32", [1], bytes(4))}),
        safetensors(
            {
                "embeddings": ("F32", [4, 3], _MATRIX.tobytes()),
                "mapping": ("I32", [4], np.array([3, 0, 2, 1], "<i4").tobytes()),
                "weights": ("F16", [4], np.array([1, 2, 3, 4], "<f2").tobytes()),
            }
        ),
    ],
    "magnitude": [_magnitude(lengths=True), _magnitude(lengths=False)],
    "spacy": [_spacy()],
    "staticvectors": [
        *(_static({"vectors": _MATRIX}, {}), _static(quantised_static(_CODES), {})),
        _static({"vectors": vector_files.vectors(24, 3)}, NGRAMS),
    ],
    "lmdb": [LMDB],
    "tokenizer": [tokenizer(vocab).encode() for vocab in _VOCABS],
    "floret": [FLORET],
    "csv": [
        *(CSV["plain"], CSV["all in quotes"], CSV["index"]),
        b'"a\nb",1,2\r\n"c""d",3,4\r\n',
    ],
    "tsv": [vector_files.text(_WORDS[:3], _MATRIX[:3], header=False).replace(b" ", b"\t")],
    "jsonl": [b'{"word": "the", "vector": [1, 2.5]}\n{"word": "of", "vector": [-1e-3, 0]}\n'],
    "detected": [
        *(*_BINARY, gzip.compress(_BINARY[0]), npz(x=_MATRIX), fifu(), fasttext(), CSV["header"]),
        *(tar({"a.bin": _BINARY[0]}), tar({"a.bin": _BINARY[0]}, "w:gz")),
    ],
}
"""Files that each importer takes: what fuzzing begins with."""


def take(name: str, data: bytes, on_error: str) -> bool:
    """Read a file to its end as an import does; return whether it was taken.

    Raises:
        Exception: anything but a typed error, or one behind which memory ran out: the finding.
    """
    with ExitStack() as stack:
        source, words = _sources(name, data, stack)
        return _take(name, source, words, Damage("file", on_error))  # type: ignore[arg-type]  # one of the three


def _sources(name: str, data: bytes, stack: ExitStack) -> tuple[Source, Source]:
    """Return what a reader is given: a file, and one of words; of some in a folder, made here."""
    words: object = io.BytesIO(_VOCABULARY)
    file: object = io.BytesIO(data)
    if name in {*_FILES, "tokenizer"}:  # of all others it would be most of the time
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if name in _FILES:
        for part, content in zip(_FILES[name], data.split(_CUT), strict=False):
            (folder / part).write_bytes(content)
        file, words = (folder / part for part in _FILES[name][:2])
        file.touch()
        words.touch()
    elif name == "tokenizer":
        (folder / "tokenizer.json").write_bytes(data)
        file, words = io.BytesIO(npy(_MATRIX)), folder / "tokenizer.json"
    return Source(file, None, what="source"), Source(words, None, what="vocabulary")


def _take(name: str, source: Source, vocabulary: Source, damage: Damage) -> bool:
    named = "npy" if name == "tokenizer" else name
    try:
        with source.stream() as stream:
            form = detect(stream, damage) if name == "detected" else named
            if form in OTHERS:
                return False
            given = Given(
                source=source,
                stream=stream,
                vocabulary=vocabulary,
                damage=damage,
                allow_pickle=False,
            )
            table = FORMATS[form](given)
            for rows in Selection(_CHOICE, damage, kept=None).of(table.blocks):
                assert rows.vectors.shape == (len(rows.words), table.dim)
                assert np.isfinite(rows.vectors).all()
            stream.drain()
    except EmbzarrError as exc:
        _refuse_hidden(exc)
        return False
    return True


def _refuse_hidden(exc: BaseException) -> None:
    """Raise the lack of memory that an error of ours was made of."""
    behind = exc.__cause__ or exc.__context__
    if isinstance(behind, MemoryError):
        raise behind
    if behind is not None:
        _refuse_hidden(behind)


@contextmanager
def _at_most(nbytes: int) -> Iterator[None]:
    """Have the system give this process so much more memory, touched or not, and none beyond.

    What `tracemalloc` would tell, but to ask it takes three times as long as all else here.
    """
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (taken,) = re.findall(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    resource.setrlimit(resource.RLIMIT_DATA, (int(taken) * 1024 + nbytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def fuzz(name: str, runs: int, *, seed: int) -> Fuzzed:
    """Give an importer `runs` changed files; a finding is also one that is slow or large."""
    chance, inputs, found = Random(seed), list(SOUND[name]), Fuzzed()
    for data in inputs:
        take(name, data, "stop")  # what it imports takes time and memory, once
    with _at_most(MOST_BYTES):
        for _ in range(runs):
            found.runs += 1
            _give(name, changed(chance, inputs), chance.choice(("stop", "skip", "replace")), found)
    return found


def _give(name: str, data: bytes, on_error: str, found: Fuzzed) -> None:
    begun = time.thread_time()
    try:
        found.taken += take(name, data, on_error)
    except Exception as exc:  # noqa: BLE001 - the finding
        found.failures.append(f"{name}: {exc!r} from {data.hex()[:2000]}")
    spent = time.thread_time() - begun
    if spent > MOST_SECONDS:
        found.failures.append(f"{name}: {spent:.1f} s from {data.hex()[:2000]}")
