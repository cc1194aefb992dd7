"""Models of frameworks come back as they were: the same predictions, and training goes on.

Each by its real library, on a real server, loaded by a fresh process; run by ``-m frameworks``.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from interop import between

pytestmark = pytest.mark.filterwarnings("ignore")
on_torch = pytest.mark.frameworks(environment="torch")
on_keras = pytest.mark.frameworks(environment="keras")

WORDS = [f"word {row}" for row in range(200)]


def data() -> tuple[Any, Any]:
    """Return 200 rows of 6 numbers, and which of two classes each is of."""
    x = np.random.default_rng(0).standard_normal((200, 6)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)


# PyTorch ------------------------------------------------------------------------------------------
def network(torch: Any) -> Any:
    """Return a small language model with tied weights, statistics, and types that numpy lacks."""

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(len(WORDS), 16)
            self.norm = torch.nn.BatchNorm1d(16)
            self.out = torch.nn.Linear(16, len(WORDS))
            self.out.weight = self.embed.weight
            self.gate = torch.nn.Parameter(torch.randn(300, 200).to(torch.bfloat16))
            self.register_buffer("quantized", torch.randn(10).to(torch.float8_e4m3fn))

        def forward(self, x: Any) -> Any:
            return self.out(self.norm(self.embed(x))) * self.gate.float().mean()

    return Net()


def trained(torch: Any, net: Any, optimizer: Any) -> list[float]:
    """Return the losses of three steps."""
    losses = []
    for _ in range(3):
        logits = net(torch.arange(64))
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(64).flip(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@on_torch
@pytest.mark.parametrize("kind", ["AdamW", "SGD", "Adagrad", "RMSprop", "NAdam"])
def test_torch_goes_on_training(kind: str, place: Any) -> None:
    """Weights, statistics and the optimizer's state: the losses that follow are the same bits."""
    torch = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save  # noqa: PLC0415 - where the library is

    torch.manual_seed(0)
    url, options = place
    net, again = network(torch), network(torch)
    made = getattr(torch.optim, kind)
    how = {"momentum": 0.9} if kind in {"SGD", "RMSprop"} else {}
    optimizer, other = made(net.parameters(), lr=0.01, **how), made(again.parameters(), lr=0.5)
    trained(torch, net, optimizer)
    saved = save(
        url,
        net,
        optimizer=optimizer,
        vocabulary=WORDS,
        embedding="embed.weight",
        step=3,
        storage_options=options,
    )
    assert np.array_equal(saved["word 7"], net.embed.weight[7].detach().numpy())
    assert saved.model["shared"] == {"out.weight": "embed.weight"}
    load(url, into=again, optimizer=other, storage_options=options)

    for (name, one), (_, two) in zip(
        net.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert one.dtype == two.dtype
        bits = [tensor.reshape(-1).view(torch.uint8) for tensor in (one, two)]
        assert torch.equal(*bits), name
    assert trained(torch, net, optimizer) == trained(torch, again, other)


@on_torch
def test_torch_tells_all_that_does_not_fit(place: Any) -> None:
    """Names and shapes at once; without strict what fits is taken."""
    torch = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save  # noqa: PLC0415 - where the library is

    url, options = place
    one, two = torch.nn.Linear(4, 2), torch.nn.Linear(5, 2)
    save(url, {**one.state_dict(), "extra": torch.ones(1)}, storage_options=options)
    with pytest.raises(embzarr.InvalidInputError) as caught:
        load(url, into=two, storage_options=options)
    assert "not in the model: extra" in str(caught.value)
    assert "weight (2, 4) for (2, 5)" in str(caught.value)
    load(url, into=two, strict=False, storage_options=options)
    assert torch.equal(one.bias, two.bias)


@on_torch
@pytest.mark.parametrize("kind", ["sparse", "meta", "half complex", "text", "module"])
def test_torch_refuses_what_is_no_dense_tensor(kind: str, tmp_path: Path) -> None:
    """A typed error names it, and nothing is stored."""
    torch = pytest.importorskip("torch")
    from embzarr.interop.torch import save  # noqa: PLC0415 - where the library is

    found: Any = {
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.empty(3, device="meta"),
        "half complex": torch.ones(2, dtype=torch.complex32),
        "text": "x",
        "module": torch.nn.Linear(1, 1),
    }[kind]
    with pytest.raises(embzarr.InvalidInputError, match="odd"):
        save(tmp_path / "m", {"odd": found})
    assert not (tmp_path / "m" / "commits").exists()


@on_torch
def test_torch_takes_no_optimizer_that_is_another(tmp_path: Path) -> None:
    """Another class, other parameters, or none: told before anything is filled."""
    torch = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save  # noqa: PLC0415 - where the library is

    net, again = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    saved = save(tmp_path / "m", net, optimizer=torch.optim.Adam(net.parameters()))
    before = again.weight.clone()
    others = [torch.optim.SGD(again.parameters(), lr=0.1), torch.optim.Adam([again.bias])]
    for optimizer, told in zip(
        others, ("expected 'Adam'.*found SGD", r"\[2\].*\[1\]"), strict=True
    ):
        with pytest.raises(embzarr.InvalidInputError, match=told):
            load(saved, into=again, optimizer=optimizer)
    with pytest.raises(embzarr.InvalidInputError, match=r"a torch\.optim\.Optimizer.*list"):
        save(tmp_path / "n", net, optimizer=others)
    with pytest.raises(embzarr.InvalidInputError, match=r"a torch\.optim\.Optimizer.*list"):
        load(saved, into=again, optimizer=others)
    assert torch.equal(again.weight, before)
    load(saved, into=again, optimizer=torch.optim.AdamW(again.parameters()), strict=False)
    assert torch.equal(again.weight, net.weight)


@on_torch
def test_torch_refuses_what_is_no_whole_module(tmp_path: Path) -> None:
    """Nothing, a tensor, unknown shapes, more than tensors, none in memory: on both ways."""
    torch: Any = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save, save_async  # noqa: PLC0415 - where the library is

    class More(torch.nn.Linear):  # type: ignore[misc]
        def get_extra_state(self) -> Any:
            return 7

    saved = save(tmp_path / "m", torch.nn.Linear(3, 2))
    no_memory = torch.nn.Linear(3, 2, device="meta")
    for odd in (3, torch.ones(3), torch.nn.LazyLinear(2), More(3, 2), no_memory):
        with pytest.raises(embzarr.InvalidInputError):
            save(tmp_path / "n", odd)
        with pytest.raises(embzarr.InvalidInputError):
            load(saved, into=odd)
    with pytest.raises(embzarr.InvalidInputError, match=r"run: expected an embzarr\.Run"):
        save_async(str(tmp_path / "n"), torch.nn.Linear(3, 2))  # type: ignore[arg-type]
    with pytest.raises(embzarr.InvalidInputError, match=r"model.*metadata=\{"):
        save(tmp_path / "n", {"model": torch.nn.Linear(3, 2).state_dict(), "epoch": 3})
    with pytest.raises(embzarr.InvalidInputError, match="not in the model: bias, weight"):
        load(saved, into=torch.nn.Sequential())  # which is as false as None
    assert not (tmp_path / "n" / "commits").exists()
    texts = embzarr.save(tmp_path / "t", tensors={"w": np.array(["a"])}, model=saved.model)
    with pytest.raises(embzarr.UnsupportedError) as caught:
        load(texts)
    assert caught.value.code == "dtype-unsupported"


@on_torch
def test_torch_names_are_a_models_own(tmp_path: Path) -> None:
    """A module may be called optimizer, and a state have keys that look like numbers or paths."""
    torch: Any = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save  # noqa: PLC0415 - where the library is

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.optimizer = torch.nn.Linear(3, 2)
            self.register_buffer("turned", torch.ones(3, dtype=torch.complex64).conj() * 1j)
            self.turned = torch.tensor([1 + 2j]).conj()

    class Odd(torch.optim.SGD):  # type: ignore[misc]
        def state_dict(self) -> Any:
            odd = {1: torch.ones(1), "1": torch.zeros(1), "a.b": torch.ones(2)}
            return super().state_dict() | {"odd": {**odd, "a": {"b": torch.ones(3)}}}

        def load_state_dict(self, state: Any) -> None:
            self.odd = state.pop("odd")
            super().load_state_dict(state)

    net, other = Net(), Net()
    optimizer = Odd(net.parameters(), lr=0.1, momentum=0.9)
    net.optimizer(torch.ones(3)).sum().backward()
    optimizer.step()
    again = Odd(other.parameters(), lr=0.5)
    saved = save(tmp_path / "m", net, optimizer=optimizer)
    load(saved, into=other, optimizer=again)

    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    assert again.param_groups[0]["lr"] == 0.1
    assert list(again.odd) == [1, "1", "a.b", "a"]
    assert (float(again.odd[1]), float(again.odd["1"])) == (1, 0)
    assert [len(again.odd["a.b"]), len(again.odd["a"]["b"])] == [2, 3]
    assert load(saved).keys() == net.state_dict().keys()


@on_torch
@pytest.mark.parametrize(
    "record",
    [
        {"shared": {"x": "nothing"}},
        {"shared": [1]},
        {"shared": {"w": "w"}},
        {"optimizer": 3},
        {"optimizer": {"prefix": 3, "state": {}}},
        {"optimizer": {"prefix": "o.", "state": {"tensor": "nothing"}}},
        {"optimizer": {"prefix": "o.", "state": []}},
    ],
    ids=str,
)
def test_torch_believes_no_record(record: Any, tmp_path: Path) -> None:
    """What a stranger wrote of a model is refused as damaged, not stumbled over."""
    torch = pytest.importorskip("torch")
    from embzarr.interop.torch import load  # noqa: PLC0415 - where the library is

    model = {"framework": "torch", "version": "2", "class": "x", **record}
    saved = embzarr.save(tmp_path / "m", tensors={"w": np.ones(2, "f4")}, model=model)
    weights = {"w": torch.nn.Parameter(torch.zeros(2))}
    module = torch.nn.ParameterDict(weights)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(embzarr.DamagedError) as caught:
        load(saved, into=module, optimizer=optimizer)
    assert caught.value.code == "model-invalid"


@on_torch
def test_torch_tells_that_no_optimizer_was_saved(tmp_path: Path) -> None:
    """Who asks for its state goes on with a fresh one only if he means to."""
    torch = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save  # noqa: PLC0415 - where the library is

    net = torch.nn.Linear(2, 2)
    saved = save(tmp_path / "m", net)
    with pytest.raises(embzarr.NotFoundError, match="without an optimizer"):
        load(saved, into=net, optimizer=torch.optim.SGD(net.parameters(), lr=0.1))


# Keras --------------------------------------------------------------------------------------------
def keras_model(keras: Any) -> Any:
    """Return a compiled model with an embedding, state of random numbers, and statistics."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(len(WORDS), 8),
            layers.Bidirectional(layers.LSTM(4)),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.Dense(2, name="Out"),
        ]
    )
    model.compile("adam", "mse")
    return model


@on_keras
def test_keras_goes_on_training(place: Any, afresh: Any) -> None:
    """Built anew from its configuration: predictions and later losses are the same bits."""
    keras = pytest.importorskip("keras")
    from embzarr.interop.keras import load, save  # noqa: PLC0415 - where the library is

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, len(WORDS), (64, 5)), rng.random((64, 2))
    model = keras_model(keras)
    model.fit(x, y, epochs=2, verbose=0)
    saved = save(place[0], model, vocabulary=WORDS, storage_options=place[1])
    assert np.array_equal(saved["word 7"], model.layers[0].get_weights()[0][7])
    assert saved.model["embedding"] == "embedding/embeddings"
    assert np.array_equal(afresh("keras", x, "model(x).numpy()"), model(x).numpy())

    built = load(saved)
    twin = load(saved, into=keras_model(keras))
    histories = [
        one.fit(x, y, epochs=2, verbose=0, shuffle=False).history["loss"] for one in (model, built)
    ]
    assert histories[0] == histories[1]
    assert np.array_equal(twin(x).numpy(), load(saved)(x).numpy())


@on_keras
def test_keras_runs_no_code_of_a_store(tmp_path: Path) -> None:
    """A Lambda layer is not built, and its variables fill a model that the caller built."""
    keras = pytest.importorskip("keras")
    from embzarr.interop.keras import load, save  # noqa: PLC0415 - where the library is

    def made() -> Any:
        inputs = keras.Input((4,))
        doubled = keras.layers.Lambda(lambda values: values * 2)(inputs)
        return keras.Model(inputs, keras.layers.Dense(2)(doubled))

    model, other, ones = made(), made(), np.ones((1, 4), "f4")
    saved = save(tmp_path / "m", model)
    with pytest.raises(embzarr.UnsupportedError) as caught:
        load(saved)
    assert caught.value.code == "model-unsafe"
    assert np.array_equal(load(saved, into=other)(ones).numpy(), model(ones).numpy())
    with pytest.raises(embzarr.InvalidInputError, match="not in the model"):
        load(saved, into=keras.Sequential([keras.Input((4,)), keras.layers.Activation("relu")]))


# Trees --------------------------------------------------------------------------------------------
@on_torch
def test_xgboost_predicts_the_same(place: Any, afresh: Any) -> None:
    """Estimators come back as such, a booster as a booster."""
    xgboost = pytest.importorskip("xgboost")
    from embzarr.interop.xgboost import load, save  # noqa: PLC0415 - where the library is

    x, y = data()
    model = xgboost.XGBClassifier(n_estimators=5).fit(x, y)
    save(place[0], model, step=1, storage_options=place[1])
    assert np.array_equal(afresh("xgboost", x, "model.predict_proba(x)"), model.predict_proba(x))
    booster = model.get_booster()
    save(place[0], booster, step=2, storage_options=place[1])
    matrix = xgboost.DMatrix(x)
    found = load(place[0], storage_options=place[1])
    assert np.array_equal(found.predict(matrix), booster.predict(matrix))


@on_torch
@pytest.mark.parametrize("data", [b"", b"junk", b"{", b"{\x00" * 9])
def test_xgboost_survives_a_file_of_something_else(data: bytes, tmp_path: Path) -> None:
    """It is refused as damaged, and the process goes on."""
    pytest.importorskip("xgboost")
    from embzarr.interop.xgboost import load  # noqa: PLC0415 - where the library is

    model = {"framework": "xgboost", "version": "2", "class": "Booster"}
    saved = embzarr.save(tmp_path / "m", files={"model.ubj": data}, model=model)
    with pytest.raises(embzarr.DamagedError) as caught:
        load(saved)
    assert caught.value.code == "model-invalid"


@on_torch
def test_lightgbm_predicts_the_same(place: Any, afresh: Any) -> None:
    """An estimator comes back as its booster; the same model is the same bytes, kept by a delta."""
    lightgbm = pytest.importorskip("lightgbm")
    from embzarr.interop.lightgbm import save  # noqa: PLC0415 - where the library is

    x, y = data()
    model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(x, y)
    saved = save(place[0], model, storage_options=place[1])
    assert np.array_equal(afresh("lightgbm", x, "model.predict(x)"), model.booster_.predict(x))
    text = model.booster_.model_to_string().encode()
    run = embzarr.Run(place[0], storage_options=place[1])
    assert run.save_delta(files={"model.txt": text}).info().layers[-1].objects == 1
    assert saved.files["model.txt"].read() == text


@on_torch
def test_catboost_predicts_the_same(place: Any, afresh: Any) -> None:
    """A classifier comes back as one."""
    catboost = pytest.importorskip("catboost")
    from embzarr.interop.catboost import save  # noqa: PLC0415 - where the library is

    x, y = data()
    quiet = {"iterations": 5, "verbose": 0, "allow_writing_files": False}
    model = catboost.CatBoostClassifier(**quiet).fit(x, y)
    save(place[0], model, storage_options=place[1])
    assert np.array_equal(afresh("catboost", x, "model.predict_proba(x)"), model.predict_proba(x))


@on_torch
def test_sklearn_predicts_the_same(place: Any, afresh: Any) -> None:
    """Pipelines of what can do no harm; trees only where the caller says that he trusts them."""
    pytest.importorskip("skops")
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - where the library is
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    from embzarr.interop.sklearn import load, save  # noqa: PLC0415

    x, y = data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    save(place[0], model, step=1, storage_options=place[1])
    assert np.array_equal(afresh("sklearn", x, "model.predict_proba(x)"), model.predict_proba(x))
    forest = RandomForestClassifier(5, random_state=0).fit(x, y)
    saved = save(place[0], forest, step=2, storage_options=place[1])
    with pytest.raises(embzarr.UnsupportedError, match=r"sklearn\.tree\._tree\.Tree") as caught:
        load(saved)
    assert caught.value.code == "model-unsafe"
    again = load(saved, trusted=["sklearn.tree._tree.Tree"])
    assert np.array_equal(again.predict_proba(x), forest.predict_proba(x))


@on_torch
def test_sklearn_keeps_nothing_that_no_module_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not saved, since nothing could load it again; and told, where a class is gone."""
    pytest.importorskip("skops")
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415 - where the library is
    from sklearn.preprocessing import FunctionTransformer  # noqa: PLC0415

    from embzarr.interop.sklearn import load, save  # noqa: PLC0415

    class Local(LinearRegression):  # type: ignore[misc]
        pass

    for odd in (FunctionTransformer(lambda x: x), Local()):
        with pytest.raises(embzarr.InvalidInputError, match=r"no module has .*(lambda|Local)"):
            save(tmp_path / "m", odd)
    assert not (tmp_path / "m" / "commits").exists()

    module = types.ModuleType("ours")
    module.Local = Local  # type: ignore[attr-defined]
    Local.__module__, Local.__qualname__ = "ours", "Local"
    monkeypatch.setitem(sys.modules, "ours", module)
    saved = save(tmp_path / "m", Local())
    assert isinstance(load(saved, trusted=["ours.Local"]), Local)
    del module.Local
    with pytest.raises(embzarr.UnsupportedError, match=r"no module here has ours\.Local") as caught:
        load(saved, trusted=["ours.Local"])
    assert caught.value.code == "model-foreign"


@pytest.mark.parametrize(
    "library",
    [
        *(
            pytest.param(name, marks=on_torch)
            for name in ("torch", "xgboost", "lightgbm", "catboost", "sklearn")
        ),
        *(pytest.param(name, marks=on_keras) for name in ("keras", "tensorflow")),
        *(
            pytest.param(name, marks=pytest.mark.frameworks(environment="mxnet"))
            for name in ("mxnet", "chainer")
        ),
        *(
            pytest.param(name, marks=pytest.mark.frameworks(environment="java"))
            for name in ("h2o", "weka")
        ),
    ],
)
def test_what_is_no_model_of_it_is_refused(library: str, tmp_path: Path) -> None:
    """A table, a model of another framework, and what is no model at all."""
    if importlib.util.find_spec("skops" if library == "sklearn" else library) is None:
        pytest.skip(f"could not import {library!r}")
    adapter = importlib.import_module(f"embzarr.interop.{library}")
    how = {"into": adapter.chainer.Chain()} if library == "chainer" else {}
    table = embzarr.save(tmp_path / "table", ["a"], np.ones((1, 2)))
    model = {"framework": "paddle", "version": "3.1"}
    other = embzarr.save(tmp_path / "x", tensors={"w": np.ones(1)}, model=model)
    with pytest.raises(embzarr.NotFoundError) as missing:
        adapter.load(table, **how)
    with pytest.raises(
        embzarr.UnsupportedError, match=rf"of {library} \S+, .* paddle 3\.1"
    ) as foreign:
        adapter.load(other, **how)
    assert (missing.value.code, foreign.value.code) == ("model-missing", "model-foreign")
    with pytest.raises(embzarr.InvalidInputError):
        adapter.save(tmp_path / "n", {"a": 3} if library == "torch" else 3)


@on_torch
@pytest.mark.parametrize(
    ("library", "file", "kind"),
    [
        ("xgboost", "model.ubj", "Booster"),
        ("lightgbm", "model.txt", "Booster"),
        ("catboost", "model.cbm", "CatBoostClassifier"),
        ("sklearn", "model.skops", "LinearRegression"),
    ],
)
@pytest.mark.parametrize(
    "data", [b"", b"junk " * 9, b"PK\x03\x04" + bytes(40)], ids=["", "junk", "zip"]
)
def test_a_file_that_is_no_model_is_damaged(
    library: str, file: str, kind: str, data: bytes, tmp_path: Path
) -> None:
    """Whatever the library makes of it, and however it says so."""
    pytest.importorskip("skops" if library == "sklearn" else library)
    adapter = importlib.import_module(f"embzarr.interop.{library}")
    model = {"framework": library, "version": "1\x1b[2J", "class": kind}
    saved = embzarr.save(tmp_path / "m", files={file: data}, model=model)
    with pytest.raises(embzarr.DamagedError) as caught:
        adapter.load(saved)
    assert caught.value.code == "model-invalid"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "library",
    [
        pytest.param("torch", marks=on_torch),
        *(pytest.param(name, marks=on_keras) for name in ("keras", "tensorflow")),
        *(
            pytest.param(name, marks=pytest.mark.frameworks(environment="mxnet"))
            for name in ("mxnet", "chainer")
        ),
    ],
)
def test_a_vocabulary_is_as_long_as_its_embedding(library: str, tmp_path: Path) -> None:
    """Of a model that has no such matrix, or one of another length, all matrices are told."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"could not import {library!r}")
    adapter = importlib.import_module(f"embzarr.interop.{library}")
    make, _, (kernel, _), turned = between.DENSE[library]
    model, words = make(), [f"w{row}" for row in range(5)]
    shape = "(2, 3)" if turned else "(3, 2)"
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.save(tmp_path / "m", model, vocabulary=words)
    assert f"whose 5 rows the vocabulary names, found none among {kernel} {shape}" in str(
        caught.value
    )
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.save(tmp_path / "m", model, vocabulary=words, embedding=kernel)
    assert (
        f"a matrix of 5 rows, one for each word of the vocabulary, found {kernel!r} {shape}"
        in str(caught.value)
    )
    with pytest.raises(embzarr.InvalidInputError, match="expected its vocabulary beside it"):
        adapter.save(tmp_path / "m", model, embedding=kernel)
    with pytest.raises(embzarr.InvalidInputError, match="found 'nothing' missing"):
        adapter.save(tmp_path / "m", model, vocabulary=words, embedding="nothing")
    assert not (tmp_path / "m").exists()
