"""What the doors of a save promise of their arguments: done as meant, or named in a typed error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

import embzarr
from embzarr._storage.backends.memory import MemoryStore

WORDS = ["the", "king", "猫"]
VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)
MASKED = np.ma.masked_array(VECTORS, mask=VECTORS > 4)


class Held:
    """An array of another library, as numpy sees it."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return the vectors."""
        return np.array(VECTORS, dtype=dtype)


Door: TypeAlias = Callable[..., embzarr.Checkpoint]


def saved(store: MemoryStore, words: Any, vectors: Any, **columns: Any) -> embzarr.Checkpoint:
    """Save at once."""
    return embzarr.save(store, words, vectors, columns=columns)


def saved_async(store: MemoryStore, words: Any, vectors: Any, **columns: Any) -> embzarr.Checkpoint:
    """Save in the background."""
    with embzarr.Run(store) as run:
        return run.save_async(words, vectors, columns=columns).result()


def streamed(store: MemoryStore, words: Any, vectors: Any, **columns: Any) -> embzarr.Checkpoint:
    """Save block by block."""
    kinds = dict.fromkeys(columns, "int16")
    with embzarr.create(store, 2, columns=kinds) as writer:
        writer.append(words, vectors, **columns)
    return writer.checkpoint


def in_parts(store: MemoryStore, words: Any, vectors: Any, **columns: Any) -> embzarr.Checkpoint:
    """Save in parts."""
    plan = embzarr.plan_step(store, 3, 2, 1, columns=dict.fromkeys(columns, "int16"))
    with embzarr.write_part(store, plan, 0) as part:
        part.append(vectors, **columns)
    return embzarr.publish(store, plan, words)


def as_a_delta(store: MemoryStore, words: Any, vectors: Any, **columns: Any) -> embzarr.Checkpoint:
    """Save rows of a delta, all of which are new."""
    held = dict.fromkeys(columns, np.zeros(0, np.int16))
    empty = np.zeros((0, 2), np.float32)
    embzarr.save(store, [], empty, columns=held)
    values = {"vectors": vectors, **columns}
    return embzarr.Run(store).save_delta([0, 1, 2], values, words=words)


DOORS: list[Door] = [saved, saved_async, streamed, in_parts, as_a_delta]
WORDS_MEANT: dict[str, Callable[[], Any]] = {
    "tuple": lambda: tuple(WORDS),
    "iterator": lambda: iter(WORDS),
    "array": lambda: np.array(WORDS),
    "objects": lambda: np.array(WORDS, object),
    "keys": lambda: dict.fromkeys(WORDS).keys(),
    "bytes": lambda: [word.encode() for word in WORDS],
    "numpy's own texts": lambda: [*np.array(WORDS)],
}
WORDS_WRONG: dict[str, Any] = {
    "one text": "the",
    "one text in bytes": b"the",
    "set": set(WORDS),
    "frozen set": frozenset(WORDS),
    "numbers": [1, 2, 3],
    "a missing word": ["the", "king", None],
    "a masked word": np.ma.masked_array(np.array(WORDS), mask=np.array([0, 0, 1], bool)),
    "matrix": [[word] for word in WORDS],
    "nothing": None,
    "number": 3,
}
VECTORS_MEANT: dict[str, Any] = {
    "lists": VECTORS.tolist(),
    "list of rows": [*VECTORS],
    "big-endian": VECTORS.astype(">f4"),
    "columns first": np.asfortranarray(VECTORS),
    "backwards": VECTORS[::-1].copy()[::-1],
    "strided": np.repeat(VECTORS, 2, axis=1)[:, ::2],
    "nothing masked": np.ma.masked_array(VECTORS),
    "another library's": Held(),
    "matrix": VECTORS.view(np.matrix),
}
VECTORS_WRONG: dict[str, Any] = {
    "masked": MASKED,
    "masked rows": [*MASKED],
    "ragged": [[0.0, 1.0], [2.0], [4.0, 5.0]],
    "objects": VECTORS.astype(object),
    "texts": VECTORS.astype(str),
    "complex": VECTORS * 1j,
    "dict": dict(zip(WORDS, VECTORS, strict=True)),
    "structure": np.zeros(3, [("a", "f4"), ("b", "f4")]),
    "number": 1.0,
    "nothing": None,
    "nan": np.where(VECTORS == 3, np.nan, VECTORS),
}


LOOSE: Any = embzarr
"""The package as callers use it who check no types."""


def vectors_of(checkpoint: embzarr.Checkpoint) -> list[list[float]]:
    """Return all vectors."""
    found: list[list[float]] = checkpoint.to_numpy().tolist()
    return found


@pytest.mark.parametrize("name", WORDS_MEANT)
@pytest.mark.parametrize("door", DOORS)
def test_words_as_people_hold_them(door: Door, name: str) -> None:
    """Words in any collection that has an order are saved in that order."""
    checkpoint = door(MemoryStore("memory://given"), WORDS_MEANT[name](), VECTORS)

    assert list(checkpoint.words) == WORDS


@pytest.mark.parametrize("name", WORDS_WRONG)
@pytest.mark.parametrize("door", DOORS)
def test_what_are_no_words_is_refused(door: Door, name: str) -> None:
    """One text, a set, numbers, or what is masked is refused, and nothing is committed."""
    store = MemoryStore("memory://given")

    with pytest.raises(embzarr.InvalidInputError):
        door(store, WORDS_WRONG[name], VECTORS)

    assert not committed_words(store)


def test_a_mapping_is_told_how_it_is_saved() -> None:
    """One from words to vectors, such as people have; what the message says then works."""
    given = dict(zip(WORDS, VECTORS, strict=True))
    with pytest.raises(embzarr.InvalidInputError, match=r"list\(d\) and list\(d\.values\(\)\)"):
        LOOSE.save(MemoryStore("memory://given"), given)
    made = embzarr.save(MemoryStore("memory://given"), list(given), list(given.values()))

    assert made.words == WORDS
    assert vectors_of(made) == VECTORS.tolist()


@pytest.mark.parametrize("name", VECTORS_MEANT)
@pytest.mark.parametrize("door", DOORS)
def test_vectors_as_people_hold_them(door: Door, name: str) -> None:
    """Whatever the byte order, the strides and the library, the numbers are saved."""
    checkpoint = door(MemoryStore("memory://given"), WORDS, VECTORS_MEANT[name])

    assert vectors_of(checkpoint) == VECTORS.tolist()


@pytest.mark.parametrize("name", VECTORS_WRONG)
@pytest.mark.parametrize("door", DOORS)
def test_what_are_no_vectors_is_refused_by_name(door: Door, name: str) -> None:
    """What would lose a mask, an imaginary part or a row's length is refused; vectors are named."""
    store = MemoryStore("memory://given")

    with pytest.raises(embzarr.InvalidInputError, match="vectors"):
        door(store, WORDS, VECTORS_WRONG[name])

    assert not committed_words(store)


@pytest.mark.parametrize(
    "counts",
    [
        np.ma.masked_array(np.arange(3), mask=np.array([0, 1, 0], bool)),
        {"the": 1, "king": 2, "猫": 3},
        [1, None, 3],
        {1, 2, 3},
        None,
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_column_is_refused_by_name(door: Door, counts: Any) -> None:
    """A column that is no array, or has a hole, is refused; its name is told."""
    with pytest.raises(embzarr.InvalidInputError, match="seen"):
        door(MemoryStore("memory://given"), WORDS, VECTORS, seen=counts)


@pytest.mark.parametrize("held", [[1, 2, 3], VECTORS])
def test_no_column_hides_the_vectors(held: Any) -> None:
    """A column of their name is refused, whatever it holds, and is not taken for them."""
    with embzarr.Run(MemoryStore("memory://given")) as run:
        for save in (run.save, run.save_async):
            with pytest.raises(embzarr.InvalidInputError, match="found 'vectors'"):
                save(WORDS, VECTORS, columns={"vectors": held})


@pytest.mark.parametrize("seen", [[1, 2, 2**20], [0.5, 1.5, 2.5]])
@pytest.mark.parametrize("door", [streamed, in_parts, as_a_delta])
def test_numbers_of_a_column_are_never_cut(door: Door, seen: Any) -> None:
    """A whole number that does not fit its column, or a fraction, is refused and not wrapped."""
    with pytest.raises(embzarr.InvalidInputError, match="seen") as caught:
        door(MemoryStore("memory://given"), WORDS, VECTORS, seen=np.array(seen))

    assert caught.value.code == "input-dtype"


@pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "bool"])
def test_whole_numbers_are_vectors_where_a_type_is_given(kind: str) -> None:
    """With a type given, matrices of whole numbers are stored as it; without, it is told how."""
    store, whole = MemoryStore("memory://given"), (VECTORS > 2).astype(kind)

    assert vectors_of(embzarr.save(store, WORDS, whole, dtype="float32")) == whole.tolist()
    with pytest.raises(embzarr.InvalidInputError, match="dtype='float32'"):
        embzarr.save(store, WORDS, whole)


SETTINGS: dict[str, tuple[str, Any]] = {
    "a step as text": ("step", "1e6"),
    "a step that is no number": ("step", float("nan")),
    "an infinite step": ("step", float("inf")),
    "a step of several": ("step", [1]),
    "no codec": ("compression", None),
    "codec by number": ("compression", 5),
    "metadata as a list": ("metadata", [1]),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_refused_by_name(name: str) -> None:
    """A setting of another kind is refused alike by every door that takes it, and named."""
    setting, value = SETTINGS[name]
    given: dict[str, Any] = {setting: value}
    store = MemoryStore("memory://given")
    embzarr.save(store, WORDS, VECTORS)
    run = embzarr.Run(store)
    doors: list[Callable[[], object]] = [
        lambda: embzarr.save(store, WORDS, VECTORS, **given),
        lambda: embzarr.create(store, 2, **given),
        lambda: run.save_async(WORDS, VECTORS, **given),
        lambda: run.save_delta([0], VECTORS[:1], **given),
    ]
    if setting != "metadata":
        doors.append(lambda: embzarr.plan_step(store, 3, 2, 1, **given))

    for door in doors:
        with pytest.raises(embzarr.InvalidInputError, match=setting):
            door()
    assert len(run.commits()) == 1


@pytest.mark.parametrize(
    ("setting", "value"), [("lossy", "int4"), ("lossy", 8), ("policy", 8), ("changed", 1.5)]
)
def test_settings_of_deltas_are_refused_by_name(setting: str, value: Any) -> None:
    """What no delta can be is refused by both that save one."""
    given: dict[str, Any] = {setting: value}
    run = embzarr.Run(MemoryStore("memory://given"))

    with pytest.raises(embzarr.InvalidInputError, match=setting):
        run.save_async(WORDS, VECTORS, **given)
    if setting != "changed":
        with pytest.raises(embzarr.InvalidInputError, match=setting):
            run.save_delta([0], VECTORS[:1], **given)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("columns", lambda store: LOOSE.save(store, WORDS, VECTORS, columns=[1])),
        ("column", lambda store: LOOSE.save(store, WORDS, VECTORS, columns={5: [1, 2, 3]})),
        ("placement", lambda store: LOOSE.save(store, WORDS, VECTORS, placement=None)),
        (
            "families",
            lambda store: LOOSE.save(store, WORDS, VECTORS, placement="family", families="abc"),
        ),
        ("dim", lambda store: LOOSE.create(store, "2")),
        ("rows", lambda store: LOOSE.plan_step(store, "3", 2, 1)),
        ("parts", lambda store: LOOSE.plan_step(store, 3, 2, float("nan"))),
        ("size", lambda store: LOOSE.create(store, 2, columns={"c": ("int8", ("x",))})),
        ("part", lambda store: LOOSE.plan_step(store, 3, 2, 1).rows_of("0")),
    ],
)
def test_other_arguments_are_refused_by_name(
    argument: str, call: Callable[[MemoryStore], object]
) -> None:
    """What is of another kind is named, and never an error of Python's own."""
    with pytest.raises(embzarr.InvalidInputError, match=argument):
        call(MemoryStore("memory://given"))


def test_numbers_of_numpy_are_numbers() -> None:
    """Steps and sizes may be numpy's, or floats that are whole."""
    store = MemoryStore("memory://given")

    assert LOOSE.save(store, WORDS, VECTORS, step=np.int64(7)).step == 7
    assert LOOSE.save(store, WORDS, VECTORS, step=8.0).step == 8
    with LOOSE.create(store, np.int32(2), step=np.float64(9)) as writer:
        writer.append(WORDS, VECTORS)
    assert writer.checkpoint.step == 9


@pytest.mark.parametrize("max_deltas", [0, 8])
@pytest.mark.parametrize("rows", [[30, 40], [40, 7]])
def test_what_is_not_finite_in_a_delta_is_named_as_the_caller_knows_it(
    rows: list[int], max_deltas: int
) -> None:
    """The row of the checkpoint and the place among the values are told, delta or full step."""
    store = MemoryStore("memory://given")
    embzarr.save(store, map(str, range(50)), np.zeros((50, 2), np.float32))
    policy = embzarr.DeltaPolicy(max_deltas=max_deltas)
    values = np.array([[0, 0], [0, np.nan]], np.float32)

    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr.Run(store).save_delta(rows, values, policy=policy)

    assert caught.value.code == "input-nonfinite"
    assert f"row {rows[1]} (the value at 1), dimension 1" in str(caught.value)


@pytest.mark.parametrize("max_deltas", [0, 8])
def test_what_overflows_in_a_delta_is_refused(max_deltas: int) -> None:
    """Numbers beyond the type of the base are no infinities in a full step either."""
    store = MemoryStore("memory://given")
    embzarr.save(store, WORDS, VECTORS.astype(np.float16))
    policy = embzarr.DeltaPolicy(max_deltas=max_deltas)

    with pytest.raises(embzarr.InvalidInputError, match=r"row 2 .the value at 0., dimension 1"):
        embzarr.Run(store).save_delta([2], [[0, 1e6]], policy=policy)


@pytest.mark.parametrize(("dtype", "number"), [(None, np.nan), ("float16", 1e6)])
@pytest.mark.parametrize("placement", ["given", "lexical", "hash:2"])
def test_what_is_not_finite_is_named_by_the_callers_row(
    placement: str, dtype: Any, number: float
) -> None:
    """However rows are placed, and whether a number or its conversion is infinite."""
    vectors = VECTORS.copy()
    vectors[1, 0] = number
    store = MemoryStore("memory://given")

    with pytest.raises(embzarr.InvalidInputError, match="row 1, dimension 0"):
        embzarr.save(store, WORDS, vectors, placement=placement, dtype=dtype)

    assert [info.key for info in store.list("") if info.key.startswith("steps/0-")] == []


def committed_words(store: MemoryStore) -> list[str]:
    """Return the words of the newest commit; none where there is none."""
    try:
        return list(embzarr.open(store).words)
    except embzarr.NotFoundError:
        return []


@pytest.mark.parametrize("settings", [{}, {"step": 9}])
@pytest.mark.parametrize("collected", [False, True])
def test_another_dimension_than_the_run_has_is_told_before_anything_is_written(
    collected: bool,  # noqa: FBT001 - a parameter of pytest's
    settings: dict[str, Any],
) -> None:
    """Vectors of another length are refused by every door, which tells the way on."""
    store, longer = MemoryStore("memory://given"), np.ones((3, 4), np.float32)
    embzarr.save(store, WORDS, VECTORS)
    if collected:
        embzarr.save(store, WORDS, VECTORS)
        embzarr.Run(store).gc(keep_last=1)
    before = {info.key for info in store.list("")}

    def in_background() -> None:
        embzarr.Run(store).save_async(WORDS, longer, **settings).result()

    doors: list[Callable[[], object]] = [
        lambda: embzarr.save(store, WORDS, longer, **settings),
        lambda: embzarr.create(store, 4, **settings),
        lambda: embzarr.plan_step(store, 3, 4, 1, **settings),
        in_background,
    ]

    for door in doors:
        with pytest.raises(embzarr.InvalidInputError, match=r"another URL.*new_dim") as caught:
            door()
        assert caught.value.code == "input-shape"
    assert {info.key for info in store.list("")} == before
    assert embzarr.save(store, WORDS, longer, allow_new_dim=True, **settings).dim == 4


@pytest.mark.parametrize(
    ("column", "way"),
    [
        (np.array(["NN", None, "NN"], object), "all are text"),
        (np.array([1, "VB", b"NN"], object), "all are text"),
        (np.zeros(3, "V2"), "matrix of uint8"),
        (np.array([1, 2, 3], "i8").view("M8"), r"datetime64\[s\]"),
        (np.array([1, 2, 3], "i8").view("m8"), "which unit"),
    ],
)
@pytest.mark.parametrize("door", [saved, saved_async])
def test_columns_that_cannot_be_stored_are_told_what_to_be(
    door: Door, column: Any, way: str
) -> None:
    """What is no column is refused by name, and told what can stand for it."""
    with pytest.raises(embzarr.InvalidInputError, match=f"'tag'.*{way}") as caught:
        door(MemoryStore("memory://given"), WORDS, VECTORS, tag=column)

    assert caught.value.code == "input-dtype"


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "bfloat16"])
@pytest.mark.parametrize("whole", [*("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")])
def test_vectors_of_whole_numbers_are_stored_with_a_type_of_their_own(
    whole: str, dtype: str
) -> None:
    """At once, block by block and in a delta, where the caller has said as what."""
    given = np.array([[0, 1], [1, 1], [100, 0]]).astype(whole)
    store = MemoryStore("memory://given")
    at_once = embzarr.save(store, WORDS, given, dtype=dtype)
    with embzarr.create(store, 2, dtype=dtype) as writer:
        writer.append(WORDS, given)
    changed = embzarr.Run(store).save_delta([1], given[2:])

    for found in (at_once, writer.checkpoint):
        assert found.dtype == embzarr._format.numpy_dtype(dtype)
        assert found.to_numpy().tolist() == given.astype("f4").tolist()
    assert changed.to_numpy()[1].tolist() == given[2].astype("f4").tolist()
