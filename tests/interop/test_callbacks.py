"""Where people save already: callbacks of trainers, by the real libraries, on a real server.

Training that is resumed from what they saved comes to the same bits as training that went on. Run
by ``-m frameworks``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = pytest.mark.filterwarnings("ignore")
on_torch = pytest.mark.frameworks(environment="torch")
on_keras = pytest.mark.frameworks(environment="keras")


def data(rows: int = 200) -> tuple[Any, Any]:
    """Return rows of 6 numbers, and which of two classes each is of."""
    x = np.random.default_rng(0).standard_normal((rows, 6)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)


# Lightning ----------------------------------------------------------------------------------------
def lightning_module(lightning: Any, torch: Any) -> Any:
    """Return a module with statistics, dropout and a schedule."""

    class Net(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters({"width": 16})
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 2)
            )

        def training_step(self, batch: Any, _: int) -> Any:
            x, y = batch
            loss = torch.nn.functional.cross_entropy(self.layers(x), y)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)]

    torch.manual_seed(0)
    return Net()


def lightning_fit(place: Any, root: Path, epochs: int, resume: str | None = None) -> Any:
    """Train for so many epochs in all, every one of which is saved."""
    torch: Any = pytest.importorskip("torch")
    lightning: Any = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.callbacks import ModelCheckpoint  # noqa: PLC0415 - the same

    from embzarr.interop.lightning import CheckpointIO  # noqa: PLC0415 - where the library is

    x, y = data()
    rows = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    net = lightning_module(lightning, torch)
    keeps = ModelCheckpoint(dirpath=root, filename="{epoch}", monitor="loss", save_top_k=2)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[keeps],
        plugins=[CheckpointIO(place[0], storage_options=place[1])],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=root,
    )
    loader = torch.utils.data.DataLoader(rows, batch_size=32)
    trainer.fit(net, loader, ckpt_path=None if resume is None else str(root / resume))
    return net, keeps


@on_torch
def test_lightning_goes_on_training(place: Any, tmp_path: Path) -> None:
    """Resumed by path, to the same weights; what the trainer drops loses its tag."""
    torch: Any = pytest.importorskip("torch")
    pytest.importorskip("lightning")
    from embzarr.interop.lightning import tag_of  # noqa: PLC0415 - where the library is
    from embzarr.interop.torch import load  # noqa: PLC0415 - the same

    whole, keeps = lightning_fit(place, tmp_path, 4)
    run = embzarr.Run(place[0], storage_options=place[1])
    assert len(run.commits()) == 4
    assert run.tags().keys() == {tag_of(path) for path in keeps.best_k_models}
    assert not list(tmp_path.glob("*.ckpt"))
    weights = load(run.open(tag=tag_of(keeps.best_model_path)))
    assert weights.keys() == whole.state_dict().keys()

    run.tag(tag_of("epoch=1.ckpt"), step=14)
    resumed, _ = lightning_fit(place, tmp_path, 4, resume="epoch=1.ckpt")
    for (name, one), two in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


@on_torch
def test_lightning_names_what_it_cannot_store(tmp_path: Path) -> None:
    """No pickle: what is neither a tensor nor JSON is told with its place."""
    pytest.importorskip("lightning")
    from embzarr.interop.lightning import CheckpointIO, tag_of  # noqa: PLC0415 - the same

    checkpoints = CheckpointIO(tmp_path / "run")
    with pytest.raises(embzarr.InvalidInputError, match=r"hyper_parameters\.act: expected"):
        checkpoints.save_checkpoint({"hyper_parameters": {"act": data}}, "x.ckpt")
    with pytest.raises(embzarr.NotFoundError):
        checkpoints.load_checkpoint("x.ckpt")
    checkpoints.remove_checkpoint("x.ckpt")
    assert len({tag_of(name) for name in ("a=b.ckpt", "a_b.ckpt", "a b", "=", ".", "a/=")}) == 5


# Transformers -------------------------------------------------------------------------------------
def transformers_fit(place: Any, root: Path, *, resume: Any = None, evaluates: bool) -> Any:
    """Train a small language model for six steps, every second of which is saved."""
    torch: Any = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from embzarr.interop.transformers import SaveCallback  # noqa: PLC0415 - where the library is

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=16, n_embd=32, n_layer=2, n_head=2, tie_word_embeddings=True
    )
    model = transformers.GPT2LMHeadModel(config)
    tokens = torch.randint(0, 50, (48, 8), generator=torch.Generator().manual_seed(1))
    rows = [{"input_ids": row, "labels": row} for row in tokens]
    arguments = transformers.TrainingArguments(
        output_dir=str(root),
        max_steps=6,
        per_device_train_batch_size=4,
        save_strategy="steps",
        save_steps=2,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        learning_rate=1e-3,
    )
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        eval_dataset=rows[:8],
        callbacks=[SaveCallback(place[0], storage_options=place[1])],
    )
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return model


@on_torch
@pytest.mark.parametrize("evaluates", [False, True])
def test_transformers_go_on_training(place: Any, tmp_path: Path, evaluates: bool) -> None:  # noqa: FBT001
    """Dropout, the order of rows and the schedule: resumed, the weights are the same bits.

    Whoever wants the model alone has it from the folder by what the folder says of it.
    """
    torch: Any = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    from embzarr.interop.transformers import restore  # noqa: PLC0415 - where the library is

    whole = transformers_fit(place, tmp_path / "whole", evaluates=evaluates)
    run = embzarr.Run(place[0], storage_options=place[1])
    assert [commit.step for commit in run.commits()] == [6, 4, 2]
    assert not list((tmp_path / "whole").glob("checkpoint-*"))
    folder = restore(run.open(step=4), tmp_path / "checkpoint-4")
    resumed = transformers_fit(place, tmp_path / "again", resume=folder, evaluates=evaluates)
    for (name, one), two in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    folder = restore(run.open(), tmp_path / "checkpoint-6")
    again = transformers.AutoModelForCausalLM.from_pretrained(folder)
    kept = again.state_dict()
    assert (type(again), again.config.architectures) == (type(whole), ["GPT2LMHeadModel"])
    assert all(torch.equal(kept[name], one) for name, one in whole.state_dict().items())


# Keras --------------------------------------------------------------------------------------------
@on_keras
def test_keras_goes_on_from_a_callback(place: Any) -> None:
    """Each epoch is saved while the next is trained; resumed, losses are the same bits."""
    keras = pytest.importorskip("keras")
    from embzarr.interop.keras import SaveCallback, load  # noqa: PLC0415 - where the library is

    keras.utils.set_random_seed(0)
    x, y = data()
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(100, "relu"), keras.layers.Dense(1, name="out")]
    )
    model.compile("adam", "mse")
    saves = SaveCallback(place[0], monitor="loss", changed_only=True, storage_options=place[1])
    losses = model.fit(x, y, epochs=4, verbose=0, shuffle=False, callbacks=[saves]).history["loss"]
    run = embzarr.Run(place[0], storage_options=place[1])
    assert [commit.step for commit in run.commits()] == [4, 3, 2, 1]
    assert run.tags() == {"best": 1 + int(np.argmin(losses))}
    assert run.open(step=2).metadata["logs"]["loss"] == losses[1]
    again = load(run.open(step=2))
    later = again.fit(x, y, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert later == losses[2:]

    wrong = SaveCallback(run, monitor="val_loss")
    with pytest.raises(embzarr.InvalidInputError, match="monitor: expected one of"):
        model.fit(x, y, epochs=1, verbose=0, callbacks=[wrong])
    run.wait()
    assert run.numbers()[0] == 4  # nothing was saved of it
    with pytest.raises(embzarr.InvalidInputError, match="every"):
        SaveCallback(run, every=0)


# Trees --------------------------------------------------------------------------------------------
@on_torch
def test_xgboost_goes_on_boosting(place: Any) -> None:
    """Resumed from a round in between, the booster predicts the same bits."""
    xgboost = pytest.importorskip("xgboost")
    from embzarr.interop.xgboost import SaveCallback, load  # noqa: PLC0415 - where the library is

    x, y = data()
    matrix, how = xgboost.DMatrix(x, label=y), {"objective": "binary:logistic", "seed": 1}
    saves = SaveCallback(place[0], every=4, storage_options=place[1])
    whole = xgboost.train(how, matrix, 10, callbacks=[saves])
    run = embzarr.Run(place[0], storage_options=place[1])
    assert [commit.step for commit in run.commits()] == [10, 8, 4]
    part = load(run.open(step=4))
    more = SaveCallback(run, every=3)
    resumed = xgboost.train(how, matrix, 6, xgb_model=part, callbacks=[more])
    assert np.array_equal(resumed.predict(matrix), whole.predict(matrix))
    assert [commit.step for commit in run.commits()][:3] == [10, 9, 6]
    with pytest.raises(embzarr.InvalidInputError):
        xgboost.cv(how, matrix, 4, callbacks=[SaveCallback(run, every=1)])


@on_torch
def test_lightgbm_goes_on_boosting(place: Any) -> None:
    """Resumed from a round in between, the booster predicts the same."""
    lightgbm = pytest.importorskip("lightgbm")
    from embzarr.interop.lightgbm import SaveCallback, load  # noqa: PLC0415 - where the library is

    x, y = data()
    how = {"objective": "binary", "verbose": -1, "seed": 1, "deterministic": True}
    saves = SaveCallback(place[0], every=4, storage_options=place[1])
    rows = lightgbm.Dataset(x, label=y, free_raw_data=False)
    whole = lightgbm.train(how, rows, 10, callbacks=[saves])
    run = embzarr.Run(place[0], storage_options=place[1])
    assert [commit.step for commit in run.commits()] == [10, 8, 4]
    assert np.array_equal(load(run.open(step=10)).predict(x), whole.predict(x))
    part = load(run.open(step=4))
    assert np.array_equal(part.predict(x), whole.predict(x, num_iteration=4))
    resumed = lightgbm.train(how, rows, 6, init_model=part, callbacks=[SaveCallback(run, every=3)])
    np.testing.assert_allclose(resumed.predict(x), whole.predict(x), rtol=1e-9)
    assert [commit.step for commit in run.commits()][:3] == [10, 9, 6]
    with pytest.raises(embzarr.InvalidInputError):
        lightgbm.cv(how, rows, 4, callbacks=[SaveCallback(run, every=1)])


@on_torch
def test_a_callback_tells_what_a_save_failed_with(tmp_path: Path) -> None:
    """Training is not told that all is well."""
    xgboost = pytest.importorskip("xgboost")
    from embzarr.interop.xgboost import SaveCallback  # noqa: PLC0415 - where the library is

    x, y = data()
    (tmp_path / "zarr.json").write_text("{}")
    with pytest.raises(embzarr.EmbzarrError):
        xgboost.train({}, xgboost.DMatrix(x, label=y), 3, callbacks=[SaveCallback(tmp_path)])
