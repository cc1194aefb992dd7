"""A step that was written in parts is what one save of the whole would be, by plain Zarr too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from obstore.store import MemoryStore

import embzarr
from embzarr import StepPlan
from oracle import decode_words, make_words

COMPRESSIONS = st.sampled_from(["auto", "none", "lz4", "zstd", "blosc:zstd:bitshuffle"])
DTYPES = st.sampled_from(["float32", "float16", "float64"])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, NDArray[Any]]:
    """Vectors and further columns of some rows."""
    rows, dim = draw(st.integers(0, 300)), draw(st.integers(1, 40))
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    table: dict[str, NDArray[Any]] = {
        "vectors": seed.standard_normal((rows, dim)).astype(draw(DTYPES)),
        "seen": seed.integers(0, 1000, rows).astype("uint32"),
        "moments": seed.standard_normal((rows, 2, 3)),
        "flags": seed.integers(0, 2, rows).astype(bool),
    }
    kept = draw(st.sets(st.sampled_from(["seen", "moments", "flags"])))
    return {name: column for name, column in table.items() if name in {"vectors", *kept}}


def write(store: object, text: str, index: int, table: dict[str, NDArray[Any]], size: int) -> None:
    plan = StepPlan.from_json(text)
    with embzarr.write_part(store, plan, index) as part:
        for start in range(part.start, part.stop, size):
            rows = slice(start, min(start + size, part.stop))
            part.append(**{name: column[rows] for name, column in table.items()})


SHAPES = st.lists(st.integers(0, 40), max_size=3).map(tuple)
KINDS = st.sampled_from(["f4", "f8", "f2", "i8", "u1", "?", "c8", "U3"])


@st.composite
def tensors(draw: st.DrawFn, *, least: int) -> NDArray[Any]:
    """A tensor of any shape, whose sizes are at least so much."""
    shape = draw(SHAPES if not least else st.lists(st.integers(1, 60), min_size=1, max_size=3))
    numbers = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 9, tuple(shape))
    return numbers.astype(draw(KINDS))


@settings(max_examples=40)
@given(
    whole=st.dictionaries(st.text(min_size=1, max_size=9), tensors(least=0), max_size=12),
    shared=st.dictionaries(st.sampled_from(["a", "b/c"]), tensors(least=1)),
    parts=st.integers(1, 4),
    compression=COMPRESSIONS,
    size=st.integers(1, 30),
)
@pytest.mark.slow
def test_tensors_of_parts_are_what_one_save_is(
    whole: dict[str, NDArray[Any]],
    shared: dict[str, NDArray[Any]],
    parts: int,
    compression: str,
    size: int,
) -> None:
    """Whole tensors and ranges of any shape and type are found again, whoever wrote them."""
    whole = {name: array for name, array in whole.items() if name not in shared}
    store = MemoryStore()
    kinds = {name: (array.dtype, array.shape) for name, array in shared.items()}
    plan = embzarr.plan_step(store, parts=parts, tensors=kinds, compression=compression)
    for index in reversed(range(parts)):
        with embzarr.write_part(store, StepPlan.from_json(plan.to_json()), index) as part:
            for name, array in shared.items():
                start, stop = plan.rows_of(index, tensor=name)
                for first in range(start, stop, size):
                    part.append_tensor(name, array[first : min(first + size, stop)])
            part.add(tensors=dict([*whole.items()][index::parts]))
    published = embzarr.publish(store, plan, tensors={"last": np.ones(1)})

    found = published.tensors.load()
    given = {**whole, **shared, "last": np.ones(1)}
    assert found.keys() == given.keys()
    for name, array in given.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)
    assert published.verify().problems == ()
    for name, array in shared.items():
        path = f"{plan.path}/{plan.tensors[name].array}"
        plain = zarr.open_array(zarr.storage.ObjectStore(store, read_only=True), path=path)
        np.testing.assert_array_equal(np.asarray(plain), array)


@settings(max_examples=25)
@given(
    table=tables(),
    parts=st.integers(1, 7),
    compression=COMPRESSIONS,
    sizes=st.lists(st.integers(1, 200), min_size=7, max_size=7),
    data=st.data(),
)
@pytest.mark.slow
def test_parts_are_what_one_save_is(
    table: dict[str, NDArray[Any]],
    parts: int,
    compression: str,
    sizes: list[int],
    data: st.DataObject,
) -> None:
    """Whatever is cut, in whatever order, by blocks of whatever size, reads as the whole."""
    rows, dim = table["vectors"].shape
    words = make_words(rows, seed=3)
    columns = {n: (c.dtype, c.shape[1:]) for n, c in table.items() if n != "vectors"}
    store = MemoryStore()
    plan = embzarr.plan_step(
        store,
        rows,
        dim,
        parts,
        dtype=table["vectors"].dtype,
        columns=columns,
        compression=compression,
    )
    order = data.draw(st.permutations(range(parts)))
    again = data.draw(st.lists(st.integers(0, parts - 1), max_size=2))
    for index, size in zip([*order, *again], [*sizes, 1000, 1], strict=False):
        write(store, plan.to_json(), index, table, size)
    published = embzarr.publish(store, plan, words)

    whole = MemoryStore()
    further = {name: column for name, column in table.items() if name != "vectors"}
    saved = embzarr.save(whole, words, table["vectors"], columns=further, compression=compression)
    assert published.words == saved.words == words
    for name, column in table.items():
        for checkpoint in (published, saved):
            loaded = checkpoint.load_rows(0, rows, columns=(name,))
            np.testing.assert_array_equal(loaded.columns[name], column)
    assert published.verify().problems == ()
    assert published.load_prefix("").words == saved.load_prefix("").words

    group = zarr.open_group(zarr.storage.ObjectStore(store, read_only=True), mode="r")[plan.path]
    assert isinstance(group, zarr.Group)
    arrays = {name: np.asarray(group[name]) for name in (*table, "words/data", "words/offsets")}
    assert decode_words(arrays["words/data"], arrays["words/offsets"]) == words
    for name, column in table.items():
        np.testing.assert_array_equal(arrays[name], column)
