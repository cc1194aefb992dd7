"""The gate before the compiled loops: nothing gets past it that does not fit, whatever it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import embzarr
from embzarr_trainer._buffers import (
    MAX_NEGATIVE,
    MAX_SENTENCE,
    MAX_VECTOR_SIZE,
    MAX_WINDOW,
    Marks,
    Method,
    Weights,
)
from embzarr_trainer._loops import kernel_gate
from embzarr_trainer._loops.kernel_gate import Kernel, Worker
from embzarr_trainer._sampling import build_tables

Array = npt.NDArray[Any]

ROWS = 5
WIDTH = 16


class ReachedError(Exception):
    """The gate let something pass."""


@pytest.fixture(autouse=True, scope="module")
def _no_kernel() -> Iterator[None]:
    """Put an exception in the kernel's place."""

    def reached(*_: object) -> None:
        raise ReachedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_gate, "train_chunk", reached)
        yield


@dataclass
class Call:
    """Sound arguments, by the names that messages call them; each may be replaced."""

    method: Any = field(default_factory=lambda: Method(window=5, negative=5, cbow=False))
    alpha: Any = field(default_factory=lambda: np.float32(0.1))
    groups: dict[str, Any] = field(
        default_factory=lambda: {
            "weights": Weights(*(np.zeros((ROWS, WIDTH), np.float32) for _ in range(2))),
            "marks": Marks(*(np.zeros(ROWS, np.uint8) for _ in range(2))),
            "tables": build_tables(np.arange(ROWS, 0, -1), sample=0),
        }
    )
    ids: Any = field(default_factory=lambda: np.arange(10, dtype=np.int32) % ROWS)
    starts: Any = field(default_factory=lambda: np.array([0, 3, 3, 9], np.int64))

    def get(self, name: str) -> Array:
        group, _, member = name.partition(".")
        found: Array = getattr(self.groups[group], member) if member else getattr(self, name)
        return found

    def put(self, name: str, value: object) -> None:
        group, _, member = name.partition(".")
        if member:
            self.groups[group] = self.groups[group]._replace(**{member: value})
        else:
            setattr(self, name, value)

    def __call__(self) -> None:
        kernel = Kernel(method=self.method, **self.groups)
        Worker(kernel).train(self.ids, self.starts, alpha=self.alpha, seed=np.uint64(1))


def names() -> Iterator[str]:
    """Yield the name of each array."""
    for group, arrays in Call().groups.items():
        yield from (f"{group}.{member}" for member in arrays._fields)
    yield from ("ids", "starts")


NAMES = tuple(names())
LENGTH_IS_FREE = {"ids", "starts"}


def refusal(call: Call, name: str) -> str:
    """Return the message with which a call is refused before the kernel is reached."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        call()
    assert caught.value.code == "input-argument"
    message = str(caught.value)
    assert message.startswith(f"{name}: expected"), message
    assert len(message) < 400
    return message


def test_what_is_sound_gets_through() -> None:
    """Arrays that fit, a chunk without a sentence, and the largest sizes reach the kernel."""
    with pytest.raises(ReachedError):
        Call()()
    for places in ([0], [9, 9], [0, 10]):
        with pytest.raises(ReachedError):
            Call(starts=np.array(places))()
    largest = Method(window=MAX_WINDOW, negative=MAX_NEGATIVE, cbow=True)
    with pytest.raises(ReachedError):
        Call(method=largest)()
    ids, starts = np.zeros(MAX_SENTENCE, np.int32), np.array([0, MAX_SENTENCE])
    with pytest.raises(ReachedError):
        Call(ids=ids, starts=starts)()


def misaligned(array: Array) -> Array:
    raw = np.zeros(array.nbytes + 1, np.uint8)
    moved = raw[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def read_only(array: Array) -> Array:
    array.setflags(write=False)
    return array


def strided(array: Array) -> Array:
    return np.repeat(array, 2, axis=-1)[..., ::2]


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "with gaps": strided,
    "backwards": lambda array: np.ascontiguousarray(array[::-1])[::-1],
    "one value over and over": lambda array: np.broadcast_to(array[:1], array.shape),
    "read-only": read_only,
    "of the other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "not aligned": misaligned,
    "of a subclass": lambda array: array.view(np.recarray),
    "complex": lambda array: array.astype(np.complex128),
    "of raw bytes": lambda array: array.view(f"V{array.itemsize}"),
    "longer": lambda array: np.concatenate([array, array]),
    "empty": lambda array: array[:0].copy(),
    "of a rank more": lambda array: array[None],
    "a list": lambda array: array.tolist(),
    "None": lambda _: None,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_refused(layout: str) -> None:
    """Every array that lies in memory in another way than the loops think is refused by name."""
    tried = 0
    for name in NAMES:
        call = Call()
        sound = call.get(name)
        other = LAYOUTS[layout](sound.copy())
        bytes_alone = sound.itemsize == 1 and layout in {"of the other byte order", "not aligned"}
        no_rule = name in LENGTH_IS_FREE and layout in {"longer", "empty"}
        if bytes_alone or no_rule:
            continue
        call.put(name, other)
        # The first matrix says how large all else has to be.
        refusal(call, {"longer": "weights.outputs"}.get(layout, name) if name == NAMES[0] else name)
        tried += 1

    assert tried >= 8


@given(data=st.data(), name=st.sampled_from(NAMES))
def test_random_arrays_are_refused(data: st.DataObject, name: str) -> None:
    """Whatever array stands in the place of one: another data type or shape is refused."""
    call = Call()
    sound = call.get(name)
    dtype = data.draw(st.one_of(st.just(sound.dtype), hnp.scalar_dtypes()))
    shape = data.draw(st.one_of(st.just(sound.shape), hnp.array_shapes(min_dims=0, max_side=9)))
    if name in LENGTH_IS_FREE:
        assume(len(shape) != 1 or dtype != sound.dtype)
    if name == "weights.inputs":
        assume(len(shape) != 2 or dtype != sound.dtype)
    assume((dtype, shape) != (sound.dtype, sound.shape))
    call.put(name, np.zeros(shape, dtype))

    refusal(call, name)


NUMBERS = st.one_of(
    st.integers(-2, 12), st.sampled_from([-(2**63), 2**63 - 1, 2**62, MAX_SENTENCE + 1])
)


@given(
    ids=st.lists(st.one_of(st.integers(0, ROWS), st.integers(-(2**31), 2**31 - 1)), max_size=12),
    starts=st.lists(NUMBERS, max_size=5),
)
def test_indices_are_checked(ids: list[int], starts: list[int]) -> None:
    """Exactly those chunks pass whose sentences lie in the text, and whose words have rows."""
    inside = (
        bool(starts)
        and all(0 <= start <= len(ids) for start in starts)
        and all(after >= before for before, after in itertools.pairwise(starts))
    )
    fits = inside and all(0 <= word < ROWS for word in ids[starts[0] : starts[-1]])
    call = Call(ids=np.array(ids, np.int32), starts=np.array(starts, np.int64))

    with pytest.raises(ReachedError if fits else embzarr.InvalidInputError):
        call()


def test_a_sentence_too_long_is_refused() -> None:
    """The scratch holds MAX_SENTENCE words, and not one more."""
    call = Call(
        ids=np.zeros(MAX_SENTENCE + 1, np.int32), starts=np.array([0, MAX_SENTENCE + 1], np.int64)
    )

    assert "10001" in refusal(call, "starts")


@given(words=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=ROWS, max_size=ROWS))
def test_aliases_are_checked(words: list[int]) -> None:
    """A table of negative sampling that names a row which is not there is refused."""
    assume(not all(0 <= word < ROWS for word in words))
    call = Call()
    call.put("tables.alias_word", np.array(words, np.int32))

    refusal(call, "tables.alias_word")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", 0), ("window", MAX_WINDOW + 1), ("window", 2**62), ("window", 5.0),
        ("window", True), ("negative", 0), ("negative", MAX_NEGATIVE + 1), ("negative", None),
        ("cbow", 1), ("cbow", None),
    ],
)  # fmt: skip
def test_methods_are_checked(name: str, value: Any) -> None:
    """Windows and negatives beyond the scratch, and what is no number, are refused."""
    call = Call()
    call.method = call.method._replace(**{name: value})

    refusal(call, f"method.{name}")


@pytest.mark.parametrize("value", [np.float32("nan"), np.float32("inf"), np.float64(0.1), 1])
def test_learning_rates_are_checked(value: object) -> None:
    """A learning rate that is not finite, or no float32, is refused."""
    refusal(Call(alpha=value), "alpha")


@pytest.mark.parametrize("group", ["weights", "marks", "tables", "method"])
def test_groups_are_checked(group: str) -> None:
    """A plain tuple in the place of a group is refused, whatever it holds."""
    call = Call()
    if group == "method":
        call.method = tuple(call.method)
    else:
        call.groups[group] = tuple(call.groups[group])

    refusal(call, group)


@pytest.mark.parametrize("shape", [(0, WIDTH), (ROWS, 0), (ROWS, MAX_VECTOR_SIZE + 1)])
def test_sizes_are_bounded(shape: tuple[int, int]) -> None:
    """Weights without a row or a number, or wider than the scratch, are refused."""
    call = Call()
    call.groups["weights"] = Weights(*(np.zeros(shape, np.float32) for _ in range(2)))

    refusal(call, "weights.inputs")
