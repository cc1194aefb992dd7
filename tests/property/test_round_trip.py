"""Any words, numbers and settings come back as they were given, by ours and by plain zarr."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from obstore.store import MemoryStore
from zarr.storage import ObjectStore

import embzarr
from oracle import read_step

DTYPES = [np.float32, np.float16, np.float64, ml_dtypes.bfloat16]
CODECS = [
    "auto",
    "none",
    "lz4",
    "zstd",
    "zstd:9",
    "blosc:zstd:bitshuffle:3",
    "blosc:lz4hc:noshuffle",
]
COLUMNS = ["bool", "int8", "uint16", "int64", "float16", "complex64"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.lists(
    st.one_of(
        texts, st.sampled_from(["", "a", "a\0", "a\0\0", "ab", "字", "字典", "🐘", "x" * 70_000])
    ),
    unique=True,
    max_size=60,
)


@st.composite
def checkpoints(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of a save."""
    vocabulary = draw(words)
    rows, dim = len(vocabulary), draw(st.sampled_from([1, 2, 3, 17, 5000, 40_000]))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    seed = draw(st.integers(0, 2**32 - 1))
    raw = np.random.default_rng(seed).bytes(rows * dim * dtype.itemsize)
    placement = draw(st.sampled_from(["given", "lexical", "hash:5", "family:3"]))
    kind = draw(st.sampled_from(COLUMNS))
    return {
        "words": vocabulary,
        "vectors": np.frombuffer(raw, dtype).reshape(rows, dim),
        "columns": {"extra": draw(arrays.arrays(kind, (rows, 2)))},
        "placement": placement,
        "families": [word[:1] for word in vocabulary] if placement == "family:3" else None,
        "compression": draw(st.sampled_from(CODECS)),
        "allow_nonfinite": True,
    }


@given(checkpoints(), st.randoms(use_true_random=False))
def test_any_checkpoint_round_trips(arguments: dict[str, Any], random: Any) -> None:
    """Every bit of every row is found again by word, by row, by prefix, and by plain zarr."""
    store, vocabulary = MemoryStore(), arguments["words"]

    embzarr.save(store, **arguments)

    checkpoint = embzarr.open(store)
    asked = random.choices(vocabulary, k=min(len(vocabulary), 20)) if vocabulary else []
    place = {word: row for row, word in enumerate(vocabulary)}
    expected = arguments["vectors"][[place[word] for word in asked]]
    loaded = checkpoint.load(asked, columns=("vectors", "extra"))
    assert loaded.vectors.tobytes() == expected.tobytes()
    extra = arguments["columns"]["extra"][[place[word] for word in asked]]
    assert loaded.columns["extra"].tobytes() == extra.tobytes()
    stored = checkpoint.words
    assert sorted(stored) == sorted(vocabulary)
    for prefix in asked[:3]:
        begin = prefix[:1]
        inside = sorted((w for w in vocabulary if w.startswith(begin)), key=str.encode)
        assert list(checkpoint.load_prefix(begin).words) == inside
    assert checkpoint.verify().ok
    if arguments["vectors"].dtype != ml_dtypes.bfloat16:  # zarr-python does not know that type
        oracle_words, oracle = read_step(ObjectStore(store), checkpoint.info().layers[0].path)
        assert oracle_words == stored
        in_order = arguments["vectors"][[place[word] for word in stored]]
        assert oracle.tobytes() == in_order.tobytes()


@given(words, texts, texts)
def test_any_range_is_the_words_between(vocabulary: list[str], a: str, b: str) -> None:
    """A range of words holds just those between its ends, by bytes."""
    first, last = sorted([a, b], key=str.encode)
    store = MemoryStore()
    embzarr.save(store, vocabulary, np.zeros((len(vocabulary), 1), np.float32))

    loaded = embzarr.open(store).load_range(first, last)

    inside = [w for w in vocabulary if first.encode() <= w.encode() < last.encode()]
    assert list(loaded.words) == sorted(inside, key=str.encode)
