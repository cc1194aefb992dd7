"""What `Run.save_delta` promises: what changed is saved, what did not is not, or nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from obstore.store import MemoryStore

import embzarr
from embzarr._storage.open import open_store
from faulty import FaultyStore, PassThrough
from oracle import make_vectors, make_words

WORDS = make_words(500)
VECTORS = make_vectors(500, 12)
COUNTS = np.arange(500)
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)


@pytest.fixture
def store() -> MemoryStore:
    """A store with one full step."""
    found = MemoryStore()
    embzarr.save(found, WORDS, VECTORS, counts=COUNTS, step=10)
    return found


def laid(rows: Any, values: NDArray[Any], upon: NDArray[Any] = VECTORS) -> NDArray[Any]:
    """Return the vectors with rows laid upon them."""
    held = np.zeros((max(len(upon), np.max(rows) + 1), *upon.shape[1:]), upon.dtype)
    held[: len(upon)] = upon
    held[rows] = values
    return held


# What is saved ------------------------------------------------------------------------------------
def test_changed_rows_are_laid_upon_the_newest_commit(store: MemoryStore) -> None:
    """In any order; the commit before, and columns that are not named, stay as they were."""
    rows, values = np.array([499, 3, 7]), make_vectors(3, 12, seed=1)

    saved = embzarr.Run(store).save_delta(rows, values, metadata={"loss": 1.5})

    assert (saved.step, saved.commit, saved.info().kind) == (11, 2, "delta")
    assert saved.metadata == {"loss": 1.5}
    for checkpoint in (saved, embzarr.open(store)):
        np.testing.assert_array_equal(checkpoint.to_numpy(), laid(rows, values))
        loaded = checkpoint.load([WORDS[3], WORDS[4]], columns=("vectors", "counts"))
        np.testing.assert_array_equal(loaded.columns["counts"], [3, 4])
    np.testing.assert_array_equal(embzarr.open(store, commit=1).to_numpy(), VECTORS)
    assert saved.verify().ok


def test_each_column_has_rows_of_its_own(store: MemoryStore) -> None:
    """Columns may change in different rows; whole numbers of another width are taken."""
    rows = {"vectors": [1, 2], "counts": [400]}
    values = {"vectors": make_vectors(2, 12, seed=2), "counts": np.array([7], "u1")}

    saved = embzarr.Run(store).save_delta(rows, values)

    loaded = saved.load_rows(0, 500, columns=("vectors", "counts"))
    np.testing.assert_array_equal(loaded.vectors, laid([1, 2], values["vectors"]))
    np.testing.assert_array_equal(loaded.columns["counts"], laid([400], values["counts"], COUNTS))
    assert [layer.rows for layer in saved.info().layers] == [500, 2]


def test_words_are_appended(store: MemoryStore) -> None:
    """New words are found by name, range and prefix, and take the next rows."""
    new = ["zzz-ant", "zzz-bee"]
    rows = [501, 500, 0]
    values = {"vectors": make_vectors(3, 12, seed=3), "counts": np.array([1, 2, 3])}

    saved = embzarr.Run(store).save_delta(rows, values, words=new)

    assert saved.words == [*WORDS, *new]
    np.testing.assert_array_equal(saved.to_numpy(), laid(rows, values["vectors"]))
    np.testing.assert_array_equal(saved["zzz-bee"], values["vectors"][0])
    assert saved.load_prefix("zzz-").words == tuple(new)
    assert saved.load(["zzz-ant", WORDS[0]]).rows.tolist() == [500, 0]
    assert "zzz-ant" in saved
    assert "zzz-ant" not in embzarr.open(store, commit=1)
    assert saved.most_similar(values["vectors"][1], topn=1)[0][0] == "zzz-ant"
    assert saved.verify().ok


def test_a_delta_of_nothing_is_a_commit(store: MemoryStore) -> None:
    """No row has changed, and the metadata has."""
    saved = embzarr.Run(store).save_delta([], np.empty((0, 12), "f4"), metadata={"epoch": 2})

    assert saved.metadata == {"epoch": 2}
    np.testing.assert_array_equal(saved.to_numpy(), VECTORS)
    assert saved.verify().ok


@pytest.mark.parametrize("count", [0, 1, 5, 257, 300, 1025, 1350])
def test_a_delta_takes_little_more_than_its_rows(count: int) -> None:
    """Its last chunk is not mostly zeros, and no row takes a chunk of its own."""
    store, vectors = MemoryStore(), make_vectors(2000, 100)
    embzarr.save(store, make_words(2000), vectors, compression="none")
    run = embzarr.Run(store)

    values = vectors[:count] + 1
    saved = run.save_delta(np.arange(count), values, compression="none", policy=ALWAYS)

    column = open_store(store).list(f"{saved.info().layers[1].path}/vectors/c/")
    nbytes = sum(info.size for info in column)
    assert (
        nbytes <= values.nbytes + max(values.nbytes // 16, 4096) + (4 + 16) * (count // 8 + 1) + 4
    )
    np.testing.assert_array_equal(saved.to_numpy()[:count], values)
    np.testing.assert_array_equal(saved.to_numpy()[count:], vectors[count:])


def test_layers_below_are_not_written_again(store: MemoryStore) -> None:
    """A delta writes its own rows: a fraction of the full step."""
    before = embzarr.Run(store).commits()[0].bytes_stored
    saved = embzarr.Run(store).save_delta(np.arange(20), VECTORS[:20])

    assert embzarr.Run(store).commits()[0].bytes_stored < before / 3
    assert saved.info().layers[0].path == embzarr.open(store, commit=1).info().layers[0].path


def test_parts_and_streams_read_through_deltas(store: MemoryStore) -> None:
    """Parts by weight, batches and dimensions are of what the chain holds."""
    rows = [0, 250]
    values = {"vectors": make_vectors(2, 12, seed=4), "counts": np.array([100_000, 1])}
    saved = embzarr.Run(store).save_delta(rows, values)
    expected = laid(rows, values["vectors"])

    batches = list(saved.stream(batch_bytes=12 * 4 * 100, dims=slice(2, 5), dtype="float16"))
    found = np.concatenate([batch.vectors for batch in batches])
    np.testing.assert_array_equal(found, expected[:, 2:5].astype("float16"))
    weights = laid(rows, values["counts"], COUNTS)
    shares = [saved.load_part(at, 2, by="weight").rows for at in range(2)]
    assert [*shares[0], *shares[1]] == list(range(500))
    assert abs(weights[shares[0]].sum() - weights.sum() / 2) <= weights.max()


# When a full step is written ----------------------------------------------------------------------
def test_a_full_step_is_written_when_the_chain_is_long_or_large(store: MemoryStore) -> None:
    """After eight deltas, or when they would take half of what the base takes."""
    run = embzarr.Run(store)
    values = make_vectors(500, 12, seed=5)

    kinds = [run.save_delta([at], values[[at]]).info().kind for at in range(9)]
    large = run.save_delta(np.arange(500), values)

    assert kinds == ["delta"] * 8 + ["full"]
    assert large.info().kind == "full"
    np.testing.assert_array_equal(large.to_numpy(), values)
    assert large.words == WORDS
    assert large.verify().ok


def test_the_rule_can_be_set(store: MemoryStore) -> None:
    """Never a delta, or one where the default would write a full step."""
    run = embzarr.Run(store)

    full = run.save_delta([1], VECTORS[[2]], policy=embzarr.DeltaPolicy(max_deltas=0))
    delta = run.save_delta(np.arange(500), VECTORS, policy=ALWAYS)

    assert [full.info().kind, delta.info().kind] == ["full", "delta"]
    np.testing.assert_array_equal(full.to_numpy(), laid([1], VECTORS[[2]]))
    np.testing.assert_array_equal(delta.to_numpy(), VECTORS)
    for wrong in ({"max_deltas": 64}, {"max_deltas": -1}, {"max_share": -0.5}):
        with pytest.raises(embzarr.InvalidInputError):
            embzarr.DeltaPolicy(**wrong)


def test_a_full_step_takes_appended_words_along(store: MemoryStore) -> None:
    """Words that come with the delta that becomes a full step are in it, in their rows."""
    values = {"vectors": make_vectors(1, 12, seed=6), "counts": np.array([9])}

    full = embzarr.Run(store).save_delta(
        [500], values, words=["zzz"], policy=embzarr.DeltaPolicy(max_deltas=0)
    )

    assert full.info().kind == "full"
    assert full.words == [*WORDS, "zzz"]
    np.testing.assert_array_equal(full.to_numpy(), laid([500], values["vectors"]))
    assert full.load(["zzz"], columns=("counts",)).columns["counts"].tolist() == [9]


# In fewer bits ------------------------------------------------------------------------------------
@pytest.mark.parametrize("lossy", ["float16", "int8"])
def test_the_manifest_tells_what_a_lossy_delta_cost(store: MemoryStore, lossy: Any) -> None:
    """Values read back as float32, and differ by just what the manifest says."""
    rows, values = np.arange(0, 500, 5), make_vectors(100, 12, seed=7)

    saved = embzarr.Run(store).save_delta(rows, values, lossy=lossy, policy=ALWAYS)

    found = saved.to_numpy()
    difference = np.abs(found[rows].astype("f8") - values)
    column = next(c for c in saved.info().columns if (c.name, c.layer) == ("vectors", 1))
    assert found.dtype == np.float32
    assert column.dtype == lossy
    assert column.source_dtype == "float32"
    assert column.max_abs_error == difference.max()
    assert difference.max() > 0
    assert column.rms_error == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-5)
    norm = np.sqrt(np.sum(np.square(values, dtype="f8")))
    assert column.relative_error == pytest.approx(np.linalg.norm(difference) / norm, rel=1e-5)
    assert np.linalg.norm(difference) / norm < 0.01
    rest = np.setdiff1d(np.arange(500), rows)
    np.testing.assert_array_equal(found[rest], VECTORS[rest])
    assert saved.verify().ok


def test_whole_numbers_are_never_lossy(store: MemoryStore) -> None:
    """Counts beside lossy vectors are stored as they are, and nothing is told of them."""
    values = {"vectors": VECTORS[:2], "counts": np.array([2**40, 3])}

    saved = embzarr.Run(store).save_delta([0, 1], values, lossy="int8")

    assert saved.load_rows(0, 2, columns=("counts",)).columns["counts"].tolist() == [2**40, 3]
    told = {c.name: c.max_abs_error for c in saved.info().columns if c.layer == 1}
    assert told["counts"] is None
    assert told["vectors"] is not None


@pytest.mark.parametrize("tiny", [0.0, 1e-45, 1e-38, 3e38])
def test_rows_of_extreme_size_survive_int8(store: MemoryStore, tiny: float) -> None:
    """Zeros stay zeros, and nothing turns into NaN or infinity."""
    values = np.full((1, 12), tiny, "f4")

    saved = embzarr.Run(store).save_delta([0], values, lossy="int8")

    np.testing.assert_allclose(saved[WORDS[0]], values[0], rtol=1e-2, atol=2e-45)


# What is refused ----------------------------------------------------------------------------------
ONE = VECTORS[:1]
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "a row beyond": ([500], ONE, {}, "input-rows"),
    "a negative row": ([-1], ONE, {}, "input-rows"),
    "a row twice": ([1, 1], VECTORS[:2], {}, "input-rows"),
    "rows of numbers with a fraction": ([1.0], ONE, {}, "input-dtype"),
    "rows of rank 2": ([[1]], ONE, {}, "input-shape"),
    "too few values": ([1, 2], ONE, {}, "input-shape"),
    "another dimension": ([1], np.ones((1, 13), "f4"), {}, "input-shape"),
    "text": ([1], np.full((1, 12), "x"), {}, "input-dtype"),
    "complex numbers": ([1], ONE.astype("c8"), {}, "input-dtype"),
    "counts that do not fit": ([1], {"counts": np.array([2**63], "u8")}, {}, "input-dtype"),
    "NaN": ([1], np.full((1, 12), np.nan, "f4"), {}, "input-nonfinite"),
    "a column that is not there": ([1], {"bias": [1]}, {}, "input-argument"),
    "no column": ([1], {}, {}, "input-argument"),
    "rows of another column": ({"counts": [1]}, {"vectors": ONE}, {}, "input-argument"),
    "words without all columns": ([500], ONE, {"words": ["new"]}, "input-argument"),
    "words without rows": (
        [1],
        {"vectors": ONE, "counts": [1]},
        {"words": ["new"]},
        "input-rows",
    ),
    "a word that is there": (
        [500],
        {"vectors": ONE, "counts": [1]},
        {"words": [WORDS[3]]},
        "input-duplicate-word",
    ),
    "a word twice": (
        [500, 501],
        {"vectors": VECTORS[:2], "counts": [1, 2]},
        {"words": ["new", "new"]},
        "input-duplicate-word",
    ),
    "metadata that is no JSON": ([1], ONE, {"metadata": {"a": object()}}, "input-argument"),
    "a step with a fraction": ([1], ONE, {"step": 1.5}, "input-argument"),
}


@pytest.mark.parametrize(("rows", "values", "options", "code"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_and_leaves_nothing(
    store: MemoryStore, rows: Any, values: Any, options: dict[str, Any], code: str
) -> None:
    """Each mistake has a code, nothing is written, and the newest commit is as it was."""
    before = sorted(item["path"] for page in store.list() for item in page)
    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr.Run(store).save_delta(rows, values, **options)

    assert caught.value.code == code
    assert sorted(item["path"] for page in store.list() for item in page) == before


@pytest.mark.parametrize(
    ("values", "words", "expected"),
    [
        ({}, [], "expected values of some of vectors, counts; found none"),
        ({"counts": [1]}, ["new"], "expected values of all of vectors, counts; found counts"),
    ],
)
def test_columns_that_lack_are_told(
    store: MemoryStore, values: Any, words: list[str], expected: str
) -> None:
    """New words need a value in each; of others any will do."""
    with pytest.raises(embzarr.InvalidInputError, match=expected):
        embzarr.Run(store).save_delta([500], values, words=words)


def test_there_must_be_something_to_build_on() -> None:
    """An empty store takes no delta."""
    with pytest.raises(embzarr.NotFoundError) as caught:
        embzarr.Run(MemoryStore()).save_delta([0], ONE)

    assert caught.value.code == "checkpoint-missing"


# Other writers ------------------------------------------------------------------------------------
def test_a_base_that_is_no_longer_the_newest_is_refused(store: MemoryStore) -> None:
    """Changes that are counted from an older commit would undo those of a newer one."""
    run = embzarr.Run(store)
    base = run.open()
    run.save_delta([1], VECTORS[[2]], base=base)
    for named in (base, base.commit):
        with pytest.raises(embzarr.ConflictError) as caught:
            run.save_delta([2], VECTORS[[3]], base=named)

        assert caught.value.code == "commit-superseded"
    assert run.save_delta([2], VECTORS[[3]], base=2).commit == 3


class _RivalFirst(PassThrough):
    """Lets another writer commit just before a manifest is created."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(open_store(store))
        self._rival: MemoryStore | None = store

    def create(self, key: str, data: Any) -> None:
        """Create, after the rival where it is a manifest."""
        if self._rival is not None and key.startswith("commits/"):
            rival, self._rival = self._rival, None
            embzarr.save(rival, ["rival"], [[1.0]], allow_new_dim=True)
        super().create(key, data)


def test_a_delta_that_lost_the_race_is_not_built_upon_another(store: MemoryStore) -> None:
    """The rival's commit stands, and the delta's is nowhere."""
    with pytest.raises(embzarr.ConflictError) as caught:
        embzarr.Run(_RivalFirst(store)).save_delta([1], ONE)

    assert caught.value.code == "commit-superseded"
    assert embzarr.Run(store).numbers() == [2, 1]
    assert embzarr.open(store).words == ["rival"]


@pytest.mark.parametrize("fault", ["not-sent", "answer-lost"])
def test_a_fault_at_any_write_leaves_a_whole_delta_or_none(fault: Any) -> None:
    """Whatever write fails, the newest commit is the one before or the new one, and sound."""
    for at in range(14):
        store = MemoryStore()
        embzarr.save(store, WORDS[:5], VECTORS[:5])
        try:
            embzarr.Run(FaultyStore(open_store(store), at=at, fault=fault)).save_delta(
                [1], VECTORS[[9]], policy=ALWAYS
            )
        except embzarr.StoreError:
            expected = VECTORS[:5]
        else:
            expected = laid([1], VECTORS[[9]], VECTORS[:5])
        found = embzarr.open(store)
        np.testing.assert_array_equal(found.to_numpy(), expected)
        assert found.verify().ok


def test_a_mask_is_told_how_it_becomes_row_numbers(store: MemoryStore) -> None:
    """Row 0 and row 1 are what True and False would else be taken for."""
    mask = np.zeros(len(WORDS), dtype=bool)
    with pytest.raises(embzarr.InvalidInputError, match=r"found bool: np\.flatnonzero\(mask\)"):
        embzarr.Run(store).save_delta(mask, VECTORS[mask])
