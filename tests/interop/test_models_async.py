"""Models are saved while training goes on: the state of the call, on a real server, by the library.

Run by ``-m frameworks``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = pytest.mark.filterwarnings("ignore")
on_torch = pytest.mark.frameworks(environment="torch")
on_keras = pytest.mark.frameworks(environment="keras")

WORDS = [f"word {row}" for row in range(50)]


@on_torch
def test_torch_goes_on_training_while_it_saves(place: Any) -> None:
    """Each step is resumed to the same bits, though its weights were trained on meanwhile."""
    torch: Any = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save_async  # noqa: PLC0415 - where the library is

    def made() -> tuple[Any, Any]:
        net = torch.nn.Sequential(torch.nn.Embedding(len(WORDS), 300), torch.nn.Linear(300, 300))
        return net, torch.optim.Adam(net.parameters(), lr=0.01)

    def trained(net: Any, optimizer: Any, step: int) -> float:
        loss = (net(torch.arange(step, step + 9)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    torch.manual_seed(0)
    net, optimizer = made()
    losses = []
    with embzarr.Run(place[0], storage_options=place[1]) as run:
        for step in range(5):
            losses.append(trained(net, optimizer, step))
            save_async(run, net, optimizer=optimizer, vocabulary=WORDS, step=step)
    for step in range(4):
        again, other = made()
        load(place[0], into=again, optimizer=other, step=step, storage_options=place[1])
        assert trained(again, other, step + 1) == losses[step + 1]
    assert run.open(step=3).words == WORDS


@on_torch
def test_torch_writes_what_has_changed(place: Any) -> None:
    """Of a network one layer of which is trained, that layer."""
    torch: Any = pytest.importorskip("torch")
    from embzarr.interop.torch import load, save_async  # noqa: PLC0415 - where the library is

    net = torch.nn.Sequential(*(torch.nn.Linear(200, 200) for _ in range(4)))
    with embzarr.Run(place[0], storage_options=place[1]) as run:
        save_async(run, net)
        with torch.no_grad():
            net[2].weight += 1
        saved = save_async(run, net, changed={}).result()
    assert list(saved._commit.manifest.layers[-1].tensors) == ["2.weight"]
    for name, tensor in load(saved).items():
        assert torch.equal(tensor, net.state_dict()[name])


@on_keras
def test_keras_goes_on_training_while_it_saves(place: Any) -> None:
    """Each epoch is resumed to the same losses, though its variables were trained on meanwhile."""
    keras = pytest.importorskip("keras")
    from embzarr.interop.keras import load, save_async  # noqa: PLC0415 - where the library is

    keras.utils.set_random_seed(0)
    chance = np.random.default_rng(0)
    x, y = chance.standard_normal((32, 200)), chance.standard_normal((32, 3))
    model = keras.Sequential(
        [keras.Input((200,)), keras.layers.Dense(200), keras.layers.Dense(3, name="out")]
    )
    model.compile("adam", "mse")
    losses = []
    with embzarr.Run(place[0], storage_options=place[1]) as run:
        for epoch in range(4):
            history = model.fit(x, y, epochs=1, verbose=0, shuffle=False)
            losses.append(history.history["loss"][0])
            save_async(run, model, step=epoch)
    for epoch in range(3):
        again = load(place[0], step=epoch, storage_options=place[1])
        history = again.fit(x, y, epochs=1, verbose=0, shuffle=False)
        assert history.history["loss"][0] == losses[epoch + 1]
