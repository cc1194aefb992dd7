"""TensorFlow's modules come back as they were, and train on; run by ``-m frameworks``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = [
    pytest.mark.frameworks(environment="keras"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

WORDS = [f"word {row}" for row in range(50)]


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def adapter(tf: Any) -> Any:  # noqa: ARG001 - first
    from embzarr.interop import tensorflow as ours  # noqa: PLC0415 - where the library is

    return ours


def network(tf: Any, seed: int) -> Any:
    """Return a module of modules in lists and dicts, with types that numpy lacks."""

    class Layer(tf.Module):  # type: ignore[misc]
        def __init__(self, rows: int, columns: int) -> None:
            super().__init__()
            draw = tf.random.stateless_normal((rows, columns), (seed, rows))
            self.w, self.b = tf.Variable(draw, name="same"), tf.Variable(draw[0], name="same")

        def __call__(self, x: Any) -> Any:
            return tf.nn.relu(x @ self.w + self.b)

    class Net(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = tf.Variable(tf.random.stateless_normal((len(WORDS), 8), (seed, 1)))
            self.layers: list[Any] = [Layer(8, 4), {"out": Layer(4, 2)}]
            self.tied = self.embed
            self.steps = tf.Variable(seed, dtype=tf.int64, trainable=False)
            self.half = tf.Variable(tf.ones(3, tf.bfloat16) * seed, trainable=False)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            return self.layers[1]["out"](self.layers[0](tf.gather(self.embed, x)))

    return Net()


def trained(tf: Any, net: Any, optimizer: Any) -> list[float]:
    """Return the losses of three steps."""
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(tf.range(20)) - 1.0) ** 2)
        asked = net.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, asked), asked, strict=True))
        losses.append(float(loss))
    return losses


def test_a_module_goes_on_training(place: Any, tf: Any, adapter: Any) -> None:
    """Variables, a table of words, and the optimizer: the losses that follow are the same bits."""
    keras = pytest.importorskip("keras")
    url, options = place
    net, again = network(tf, 1), network(tf, 2)
    optimizer, other = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.5)
    trained(tf, net, optimizer)
    saved = adapter.save(
        url, net, optimizer=optimizer, vocabulary=WORDS, step=3, storage_options=options
    )
    assert saved.model["embedding"] == "embed"
    assert np.array_equal(saved["word 7"], net.embed.numpy()[7])
    assert {name for name in saved.tensors if "optimizer" not in name} == {
        "layers/0/w",
        "layers/0/b",
        "layers/1/out/w",
        "layers/1/out/b",
        "steps",
        "half",
    }
    other.build(again.trainable_variables)
    adapter.load(url, into=again, optimizer=other, storage_options=options)
    for one, two in zip(net.variables, again.variables, strict=True):
        assert one.dtype == two.dtype
        assert one.numpy().tobytes() == two.numpy().tobytes()
    assert trained(tf, net, optimizer) == trained(tf, again, other)
    assert adapter.load(saved)["half"].dtype == tf.bfloat16
    assert not [name for name in adapter.load(saved) if name.startswith("optimizer")]


def test_a_saved_model_needs_no_code(place: Any, afresh: Any, tf: Any, adapter: Any) -> None:
    """A fresh process runs it, and only where somebody trusts it: it is a program."""
    url, options = place
    net, x = network(tf, 1), np.arange(20, dtype="i4")
    saved = adapter.save(url, net, saved_model=True, storage_options=options)
    with pytest.raises(embzarr.UnsupportedError) as caught:
        adapter.load_saved_model(saved)
    assert caught.value.code == "model-unsafe"
    call = {"call": "load_saved_model", "more": ", allow_unsafe=True"}
    assert np.array_equal(afresh("tensorflow", x, "model(x).numpy()", **call), net(x).numpy())


def test_saved_models_of_strangers_stay_in_their_folder(tmp_path: Path, adapter: Any) -> None:
    """A name that leads out is refused, what is no SavedModel too, and where there is none told."""
    model = {"framework": "tensorflow", "version": "2", "class": "x"}
    junk = embzarr.save(tmp_path / "j", files={"saved_model/saved_model.pb": b"x"}, model=model)
    with pytest.raises(embzarr.DamagedError) as caught:
        adapter.load_saved_model(junk, allow_unsafe=True)
    assert caught.value.code == "model-invalid"
    out = embzarr.save(tmp_path / "o", files={"saved_model/../../out": b"x"}, model=model)
    with pytest.raises(embzarr.DamagedError, match="a file named"):
        adapter.load_saved_model(out, allow_unsafe=True)
    none = embzarr.save(tmp_path / "n", tensors={"w": np.ones(1)}, model=model)
    with pytest.raises(embzarr.NotFoundError, match="without a SavedModel"):
        adapter.load_saved_model(none, allow_unsafe=True)


def test_what_does_not_fit_is_told_at_once(tmp_path: Path, tf: Any, adapter: Any) -> None:
    """Names and shapes; without strict what fits is taken. Texts are refused."""
    one, two = tf.Module(), tf.Module()
    one.a, one.b, one.c = tf.Variable([1.0]), tf.Variable([2.0, 3.0]), tf.Variable([4.0])
    two.a, two.b, two.d = tf.Variable([0.0]), tf.Variable([0.0]), tf.Variable([0.0])
    saved = adapter.save(tmp_path / "m", one)
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.load(saved, into=two)
    told = str(caught.value)
    for part in ("not in the checkpoint: d", "not in the model: c", "b (2,) for (1,)"):
        assert part in told
    adapter.load(saved, into=two, strict=False)
    assert [float(v[0]) for v in (two.a, two.b, two.d)] == [1.0, 0.0, 0.0]
    with pytest.raises(embzarr.NotFoundError, match="without an optimizer"):
        adapter.load(saved, into=one, optimizer=pytest.importorskip("keras").optimizers.SGD())
    one.texts = tf.Variable(["x"])
    with pytest.raises(embzarr.InvalidInputError, match="'texts': expected numbers"):
        adapter.save(tmp_path / "n", one)
    with pytest.raises(embzarr.InvalidInputError, match="one with variables, found int"):
        adapter.save(tmp_path / "n", two, optimizer=3)


def test_tensors_of_another_framework_are_taken_by_name(
    tmp_path: Path, tf: Any, adapter: Any
) -> None:
    """PyTorch's names and order of axes, tied weights among them; nothing is taken by accident."""
    weight = np.arange(6, dtype="f4").reshape(2, 3)
    model = {"framework": "torch", "version": "2.1", "shared": {"tied.weight": "fc.weight"}}
    tensors = {"fc.weight": weight, "fc.bias": np.ones(2, "f4"), "optimizer.m": np.ones(9)}
    saved = embzarr.save(tmp_path / "m", tensors=tensors, model=model)
    module = tf.Module()
    module.kernel, module.bias = tf.Variable(tf.zeros((3, 2))), tf.Variable(tf.zeros(2))
    names: Any = {"kernel": ("tied.weight", (1, 0)), "bias": "fc.bias"}
    assert adapter.load(saved, into=module, names=names) is module
    assert np.array_equal(module.kernel.numpy(), weight.T)
    with pytest.raises(
        embzarr.UnsupportedError, match=r"tensorflow 2\.\S+, found one of torch 2\.1"
    ):
        adapter.load(saved, into=module)
    for odd, match in (
        ({"kernel": "fc.weight", "bias": "fc.bias"}, r"kernel \(2, 3\) for \(3, 2\)"),
        (
            {"kernel": ("fc.weight", (1, 0))},
            "not in the checkpoint: bias; not in the model: fc.bias",
        ),
        ({"nothing": "fc.bias"}, "expected names of the model, found nothing"),
        ({"bias": ("fc.bias", (1, 0))}, r"names\['bias'\]: expected the order of 1 axes"),
        ({"bias": 3}, r"names\['bias'\]: expected a name"),
        (["bias"], "names: expected a dict"),
    ):
        with pytest.raises(embzarr.InvalidInputError, match=match):
            adapter.load(saved, into=module, names=odd)
    with pytest.raises(embzarr.InvalidInputError, match="into: expected the model"):
        adapter.load(saved, names={})


def test_keras_takes_tensors_by_name(tmp_path: Path) -> None:
    """Of a store that no framework wrote; its own optimizer stays as it is."""
    keras = pytest.importorskip("keras")
    from embzarr.interop.keras import load  # noqa: PLC0415 - where the library is

    saved = embzarr.save(
        tmp_path / "m",
        tensors={"w": np.arange(6.0, dtype="f4").reshape(2, 3), "b": np.ones(2, "f4")},
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")])
    model.compile("adam", "mse")
    load(saved, into=model, names={"out/kernel": ("w", (1, 0)), "out/bias": "b"})
    assert model.layers[0].get_weights()[0].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_module_says_what_to_install() -> None:
    """Where TensorFlow is not installed."""
    program = "import sys; sys.modules['tensorflow'] = None; import embzarr.interop.tensorflow"
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert "pip install 'embzarr[tensorflow]'" in done.stderr
