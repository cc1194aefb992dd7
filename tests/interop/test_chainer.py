"""Chainer's links come back as they were, and train on; run by ``-m frameworks``."""

from __future__ import annotations

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
NET = """
import chainer
class Net(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.embed = chainer.links.EmbedID(50, 8)
            self.hidden = chainer.links.Linear(None, 16)
            self.norm = chainer.links.BatchNormalization(16)
            self.rest = chainer.ChainList(chainer.links.Linear(16, 2))
        self.add_persistent("times", 0)
        self.add_persistent("note", "as it was")

    def forward(self, x):
        return self.rest[0](self.norm(chainer.functions.relu(self.hidden(self.embed(x)))))
"""
PREDICTED = "predicted(model, x)"
PREDICT = """
def predicted(model, x):
    with chainer.using_config("train", False):
        return model(x).array
"""


@pytest.fixture(scope="module")
def chainer() -> Any:
    return pytest.importorskip("chainer")


@pytest.fixture(scope="module")
def adapter(chainer: Any) -> Any:  # noqa: ARG001 - first
    from embzarr.interop import chainer as ours  # noqa: PLC0415 - where the library is

    return ours


def made(source: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    exec(compile(source, "net", "exec"), known)  # noqa: S102 - what a fresh process runs, too
    return known


def trained(chainer: Any, net: Any, optimizer: Any) -> list[float]:
    """Return the losses of three steps."""
    losses = []
    x = np.arange(20, dtype="i4").reshape(4, 5)
    for _ in range(3):
        loss = chainer.functions.mean((net(x) - 1) ** 2)
        net.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(float(loss.array))
    return losses


@pytest.mark.parametrize("kind", ["Adam", "MomentumSGD"])
def test_a_link_goes_on_training(
    kind: str, place: Any, afresh: Any, chainer: Any, adapter: Any
) -> None:
    """Parameters, statistics and the optimizer: predictions and later losses are the same bits."""
    known = made(NET + PREDICT)
    net, again = known["Net"](), known["Net"]()
    optimizer, other = (getattr(chainer.optimizers, kind)().setup(one) for one in (net, again))
    trained(chainer, net, optimizer)
    net.times = 3
    saved = adapter.save(
        place[0], net, optimizer=optimizer, vocabulary=WORDS, storage_options=place[1]
    )
    assert saved.model["embedding"] == "embed/W"
    assert np.array_equal(saved["word 7"], net.embed.W.array[7])
    assert "rest/0/W" in saved.tensors
    adapter.load(saved, into=again, optimizer=other)
    assert (again.times, again.note) == (3, "as it was")
    assert trained(chainer, net, optimizer) == trained(chainer, again, other)

    adapter.save(place[0], net, step=7, allow_new_dim=True, storage_options=place[1])
    x = np.arange(20, dtype="i4").reshape(4, 5)
    found = afresh("chainer", x, PREDICTED, ", into=Net()", before=NET + PREDICT)
    assert np.array_equal(found, known["predicted"](net, x))


def test_what_does_not_fit_is_told_at_once(tmp_path: Path, chainer: Any, adapter: Any) -> None:
    """Names, shapes, the kind of an optimizer; without strict what fits is taken."""
    links = chainer.links
    one = chainer.Chain(a=links.Linear(3, 2), b=links.Linear(2, 2), c=links.Bias(0, (2,)))
    two = chainer.Chain(a=links.Linear(3, 2), b=links.Linear(4, 2), d=links.Bias(0, (2,)))
    saved = adapter.save(tmp_path / "m", one)
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.load(saved, into=two)
    for part in ("checkpoint: d/b", "model: c/b", "b/W (2, 2) for (2, 4)"):
        assert part in str(caught.value)
    adapter.load(saved, into=two, strict=False)
    assert np.array_equal(one.a.W.array, two.a.W.array)
    adam, sgd = chainer.optimizers.Adam().setup(one), chainer.optimizers.SGD().setup(one)
    with pytest.raises(embzarr.NotFoundError, match="without an optimizer"):
        adapter.load(saved, into=one, optimizer=adam)
    with pytest.raises(
        embzarr.InvalidInputError, match="expected a 'Adam' as was saved, found SGD"
    ):
        adapter.load(adapter.save(tmp_path / "o", one, optimizer=adam), into=one, optimizer=sgd)
    with pytest.raises(embzarr.InvalidInputError, match="found none in W: parameters without"):
        adapter.save(tmp_path / "n", links.Linear(None, 2))
    with pytest.raises(embzarr.InvalidInputError, match="optimizer: expected a chainer Optimizer"):
        adapter.save(tmp_path / "n", one, optimizer=3)


def test_tensors_of_another_framework_are_taken_by_name(
    tmp_path: Path, chainer: Any, adapter: Any
) -> None:
    """Keras' names and order of axes; a parameter that has no shape yet must have one."""
    model = {"framework": "keras", "version": "3.1"}
    kernel = np.arange(6, dtype="f4").reshape(3, 2)
    tensors = {"out/kernel": kernel, "out/bias": np.ones(2, "f4"), "optimizer/3": np.ones(1)}
    saved = embzarr.save(tmp_path / "m", tensors=tensors, model=model)
    link = chainer.links.Linear(3, 2)
    names = {"W": ("out/kernel", (1, 0)), "b": "out/bias"}
    assert np.array_equal(adapter.load(saved, into=link, names=names).W.array, kernel.T)
    with pytest.raises(embzarr.UnsupportedError, match=r"chainer 7\.8\.1, found one of keras"):
        adapter.load(saved, into=link)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_layer_is_filled_with_words(
    tmp_path: Path, chainer: Any, adapter: Any, dtype: str
) -> None:
    """A part of a table in the caller's order, to the bit; unknown rows are zeros; and back."""
    saved = embzarr.save(tmp_path / "m", WORDS, VECTORS.astype(dtype))
    layer, rows = adapter.embedding(saved, ["word 9", "nowhere", "word 4"], missing="zeros")
    assert rows == {"word 9": 0, "nowhere": 1, "word 4": 2}
    assert type(layer) is chainer.links.EmbedID
    expected = VECTORS.astype(dtype)[[9, 4]]
    assert layer.W.array[[0, 2]].tobytes() == expected.tobytes()
    assert layer.W.dtype == dtype
    assert not layer.W.array[1].any()
    rows.pop("nowhere")
    again = adapter.save_embedding(tmp_path / "n", layer, rows, step=3)
    assert (list(again.words), again.step, again.dtype) == (["word 9", "word 4"], 3, dtype)
    assert again.load_rows(None, None).vectors.tobytes() == expected.tobytes()
    with pytest.raises(embzarr.InvalidInputError, match="each of 2 words, found 3 rows"):
        adapter.save_embedding(tmp_path / "n", layer, ["a", "b"])
    with pytest.raises(embzarr.InvalidInputError, match="rows of a layer of 3, found 0 - 7"):
        adapter.save_embedding(tmp_path / "n", layer, {"a": 0, "b": 7})
    with pytest.raises(embzarr.InvalidInputError, match="layer: expected a chainer EmbedID"):
        adapter.save_embedding(tmp_path / "n", chainer.links.Linear(2, 2), ["a"])
    with pytest.raises(embzarr.WordNotFoundError):
        adapter.embedding(saved, ["nowhere"])
