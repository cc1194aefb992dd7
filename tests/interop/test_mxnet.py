"""MXNet's blocks come back as they were, and train on; run by ``-m frameworks``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = [
    pytest.mark.frameworks(environment="mxnet"),
    pytest.mark.filterwarnings("ignore"),  # of a library that is not developed any more
]

WORDS = [f"word {row}" for row in range(50)]
VECTORS = make_vectors(len(WORDS), 8)


@pytest.fixture(scope="module")
def adapter() -> Any:
    """Ours, without which numpy lacks a name that MXNet asks for."""
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        pytest.skip("could not import 'mxnet' with this numpy")
    from embzarr.interop import mxnet as ours  # noqa: PLC0415 - where the library is

    return ours


@pytest.fixture(scope="module")
def mx(adapter: Any) -> Any:
    return adapter.mx


def network(mx: Any) -> Any:
    """Return an initialized block whose shapes are known after a first call."""
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    net.add(nn.Embedding(50, 8), nn.Dense(16, "relu"), nn.BatchNorm(), nn.Dense(2))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    return net


def trained(mx: Any, net: Any, trainer: Any) -> list[float]:
    """Return the losses of three steps."""
    losses = []
    x = mx.nd.arange(20).reshape((4, 5))
    for _ in range(3):
        with mx.autograd.record():
            loss = ((net(x) - 1) ** 2).mean()
        loss.backward()
        trainer.step(1)
        losses.append(float(loss.asscalar()))
    return losses


def test_a_block_goes_on_training(place: Any, afresh: Any, mx: Any, adapter: Any) -> None:
    """Built from its symbol in a fresh process, the same bits; the trainer's pickle on wish."""
    net, again = network(mx), network(mx)
    trainer, other = (
        mx.gluon.Trainer(one.collect_params(), "adam", {"learning_rate": lr})
        for one, lr in ((net, 0.01), (again, 0.5))
    )
    trained(mx, net, trainer)
    saved = adapter.save(place[0], net, trainer=trainer, vocabulary=WORDS, storage_options=place[1])
    assert saved.model["embedding"] == "0.weight"
    assert np.array_equal(saved["word 7"], net[0].weight.data().asnumpy()[7])
    x = np.arange(20, dtype="f4").reshape(4, 5)
    numbers = "model(adapter.mx.nd.array(x)).asnumpy()"
    assert np.array_equal(afresh("mxnet", x, numbers), net(mx.nd.array(x)).asnumpy())

    with pytest.raises(embzarr.UnsupportedError, match="is a pickle") as caught:
        adapter.load(saved, into=again, trainer=other)
    assert caught.value.code == "model-unsafe"
    adapter.load(saved, into=again, trainer=other, allow_unsafe=True)
    assert other.learning_rate == 0.01
    assert trained(mx, net, trainer) == trained(mx, again, other)


def test_what_does_not_fit_is_told_at_once(tmp_path: Path, mx: Any, adapter: Any) -> None:
    """Names and shapes; without strict what fits is taken, and shapes that are open are learned."""
    nn = mx.gluon.nn

    def chain(*layers: Any) -> Any:
        net = nn.Sequential()
        net.add(*layers)
        net.initialize()
        return net

    one = chain(nn.Dense(2, in_units=3), nn.Dense(2, in_units=2), nn.LayerNorm(in_channels=2))
    two = chain(nn.Dense(2), nn.Dense(2, in_units=4), nn.Dense(1, in_units=2))
    saved = adapter.save(tmp_path / "m", one)
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.load(saved, into=two)
    for part in ("checkpoint: 2.bias, 2.weight", "model: 2.beta, 2.gamma", "(2, 2) for (2, 4)"):
        assert part in str(caught.value)
    adapter.load(saved, into=two, strict=False)
    assert np.array_equal(one[0].weight.data().asnumpy(), two[0].weight.data().asnumpy())
    with pytest.raises(embzarr.NotFoundError, match="without a trainer"):
        adapter.load(saved, into=one, trainer=mx.gluon.Trainer(one.collect_params(), "sgd"))
    with pytest.raises(embzarr.UnsupportedError, match="saved without a symbol"):
        adapter.load(saved)
    with pytest.raises(embzarr.InvalidInputError, match="'weight': expected one with numbers"):
        adapter.save(tmp_path / "n", nn.Dense(2))
    with pytest.raises(embzarr.InvalidInputError, match="trainer: expected Trainer"):
        adapter.save(tmp_path / "n", one, trainer=3)


@pytest.mark.parametrize("op", ["_Native", "Custom", "_cvimread"])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_symbol_reaches_no_further_than_its_graph(
    op: str, hidden: object, tmp_path: Path, mx: Any, adapter: Any
) -> None:
    """Addresses, code and files are refused before MXNet sees them, also in a graph within."""
    net = mx.gluon.nn.Dense(1)
    net.initialize()
    net.hybridize()
    net(mx.nd.ones((1, 2)))
    saved = adapter.save(tmp_path / "m", net)
    graph = json.loads(saved.files["symbol.json"].read())
    odd = {"op": op, "name": "x", "attrs": {"info": "4096"}, "inputs": []}
    if hidden:
        graph["nodes"][0]["attrs"] = {"body": json.dumps({"nodes": [odd]})}
    else:
        graph["nodes"].append(odd)
    hostile = embzarr.save(
        tmp_path / "h",
        tensors=saved.tensors.load(),
        files={"symbol.json": json.dumps(graph).encode()},
        model=saved.model,
    )
    with pytest.raises(embzarr.UnsupportedError, match="reaches") as caught:
        adapter.load(hostile)
    assert caught.value.code == "model-unsafe"


@pytest.mark.parametrize("text", [b"", b"junk", b"[]", b"{}", b'{"nodes": 3}', b"\xff"])
def test_a_symbol_of_something_else_is_damaged(text: bytes, tmp_path: Path, adapter: Any) -> None:
    """A typed error, and the process goes on."""
    symbol = {"inputs": ["data"], "parameters": {}}
    model = {"framework": "mxnet", "version": "1", "class": "x", "symbol": symbol}
    saved = embzarr.save(tmp_path / "m", files={"symbol.json": text}, model=model)
    with pytest.raises(embzarr.DamagedError) as caught:
        adapter.load(saved)
    assert caught.value.code == "model-invalid"


def test_tensors_of_another_framework_are_taken_by_name(
    tmp_path: Path, mx: Any, adapter: Any
) -> None:
    """TensorFlow's names and order of axes, into a block that was not initialized."""
    model = {"framework": "tensorflow", "version": "2.1"}
    kernel = np.arange(6, dtype="f4").reshape(3, 2)
    saved = embzarr.save(tmp_path / "m", tensors={"w": kernel, "b": np.ones(2, "f4")}, model=model)
    block = mx.gluon.nn.Dense(2, in_units=3)
    adapter.load(saved, into=block, names={"weight": ("w", (1, 0)), "bias": "b"})
    assert np.array_equal(block.weight.data().asnumpy(), kernel.T)
    with pytest.raises(embzarr.UnsupportedError, match=r"mxnet 1\.9\.1, found one of tensor"):
        adapter.load(saved, into=block)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_layer_is_filled_with_words(tmp_path: Path, mx: Any, adapter: Any, dtype: str) -> None:
    """A part of a table in the caller's order, to the bit; unknown rows are zeros; and back."""
    saved = embzarr.save(tmp_path / "m", WORDS, VECTORS.astype(dtype))
    layer, rows = adapter.embedding(saved, ["word 9", "nowhere", "word 4"], missing="zeros")
    assert type(layer) is mx.gluon.nn.Embedding
    expected = VECTORS.astype(dtype)[[9, 4]]
    found = layer(mx.nd.array([rows["word 9"], rows["word 4"]])).asnumpy()
    assert (found.dtype, found.tobytes()) == (dtype, expected.tobytes())
    rows.pop("nowhere")
    again = adapter.save_embedding(tmp_path / "n", layer, rows)
    assert (list(again.words), again.dtype) == (["word 9", "word 4"], dtype)
    assert again.load_rows(None, None).vectors.tobytes() == expected.tobytes()
    with pytest.raises(embzarr.InvalidInputError, match="each of 2 words, found 3 rows"):
        adapter.save_embedding(tmp_path / "n", layer, ["a", "b"])
    with pytest.raises(embzarr.InvalidInputError, match="layer: expected Embedding"):
        adapter.save_embedding(tmp_path / "n", mx.gluon.nn.Dense(2), ["a"])
