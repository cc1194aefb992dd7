"""Files of vectors from strangers: each importer takes any bytes, and raises typed errors alone."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
from collections.abc import Mapping
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
from unit.convert.test_matrices import npy, npz, safetensors
from unit.convert.test_models import fasttext, fifu

MOST_SECONDS = 2.0
MOST_BYTES = 64 << 20
_WORDS = ["the", "of", "é", "x y"]
_MATRIX = vector_files.vectors(4, 3)
_CHOICE = Choice(limit=None, words=None, duplicates="first")
_VOCABULARY = b"a\t4\nb\t3\nc\t2\nd\t1\n"

_BINARY = [vector_files.word2vec_binary(_WORDS[:3], _MATRIX[:3], end=end) for end in (b"\n", b"")]
OTHERS = {"gensim", "parquet", "arrow"}
"""Read by other libraries."""
SOUND: Mapping[str, list[bytes]] = {
    "word2vec": _BINARY,
    "word2vec-text": [vector_files.text(_WORDS, _MATRIX)],
    "glove": [vector_files.text(_WORDS, _MATRIX, header=False)],
    "fasttext": [fasttext()],
    "finalfusion": [fifu(), fifu(norms=False)],
    "npy": [npy(_MATRIX), npy(_MATRIX.astype(">f8"))],
    "npz": [npz(x=_MATRIX)],
    "safetensors": [
        safetensors({"x": ("F32", [4, 3], _MATRIX.tobytes())}),
        safetensors({"x": ("BF16", [4, 3], bytes(24)), "y": ("F32", [1], bytes(4))}),
    ],
    "tsv": [vector_files.text(_WORDS[:3], _MATRIX[:3], header=False).replace(b" ", b"\t")],
    "jsonl": [b'{"word": "the", "vector": [1, 2.5]}\n{"word": "of", "vector": [-1e-3, 0]}\n'],
    "detected": [*_BINARY, gzip.compress(_BINARY[0]), npz(x=_MATRIX), fifu(), fasttext()],
}
"""Files that each importer takes: what fuzzing begins with."""


def take(name: str, data: bytes, on_error: str) -> bool:
    """Read a file to its end as an import does; return whether it was taken.

    Raises:
        Exception: anything but a typed error, which is the finding.
    """
    damage = Damage("file", on_error)  # type: ignore[arg-type]  # one of the three
    source = Source(io.BytesIO(data), None, what="source")
    vocabulary = Source(io.BytesIO(_VOCABULARY), None, what="vocabulary")
    try:
        with source.stream() as stream:
            form = detect(stream, damage) if name == "detected" else name
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
    except EmbzarrError:
        return False
    return True


def fuzz(name: str, runs: int, *, seed: int) -> Fuzzed:
    """Give an importer `runs` changed files; a finding is also one that is slow or large."""
    chance, inputs, found = Random(seed), list(SOUND[name]), Fuzzed()
    tracemalloc.start()
    for _ in range(runs):
        data = changed(chance, inputs)
        found.runs += 1
        tracemalloc.reset_peak()
        begun = time.thread_time()
        try:
            found.taken += take(name, data, chance.choice(("stop", "skip", "replace")))
        except Exception as exc:  # noqa: BLE001 - the finding
            found.failures.append(f"{name}: {exc!r} from {data.hex()[:2000]}")
        spent, peak = time.thread_time() - begun, tracemalloc.get_traced_memory()[1]
        if spent > MOST_SECONDS or peak > MOST_BYTES:
            found.failures.append(f"{name}: {spent:.1f} s, {peak} bytes from {data.hex()[:2000]}")
    tracemalloc.stop()
    return found
