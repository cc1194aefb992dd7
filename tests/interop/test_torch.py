"""Layers and datasets of PyTorch hold what was saved; run by ``-m frameworks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors
from servers.moto import Moto

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.frameworks(environment="torch")

ROWS, DIM = 3000, 8
WORDS = [f"w{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, DIM)


@pytest.fixture(scope="module")
def torch() -> Any:
    """The library, which no module of tests may need to be imported."""
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def adapter(torch: Any) -> ModuleType:  # noqa: ARG001 - first
    """Ours."""
    from embzarr.interop import torch as ours  # noqa: PLC0415 - where the library is

    return ours


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS, VECTORS, chunk_bytes=1024)
    return path


def test_a_layer_is_what_torch_makes(url: Path, torch: Any, adapter: Any) -> None:
    """An Embedding of all vectors, frozen or trained, as ``from_pretrained`` has it."""
    layer, vocabulary = adapter.embedding(url)
    assert type(layer) is torch.nn.Embedding
    assert layer.weight.numpy().tobytes() == VECTORS.tobytes()
    assert vocabulary.words == tuple(WORDS)
    assert not layer.weight.requires_grad
    trained, _ = adapter.embedding(url, WORDS[:3], freeze=False)
    trained(torch.tensor([1])).sum().backward()
    assert trained.weight.grad.tolist() == [[0.0] * DIM, [1.0] * DIM, [0.0] * DIM]


def test_padding_and_unknown_words_have_rows(url: Path, torch: Any, adapter: Any) -> None:
    """Rows 0 and 1; padding stays zeros, and the mean is that of the words."""
    asked = [WORDS[9], WORDS[4], "nowhere"]
    layer, vocabulary = adapter.embedding(
        url, asked, padding=True, unknown="mean", missing="zeros", freeze=False
    )
    expected = np.stack([VECTORS[9], VECTORS[4], np.zeros(DIM, "f4")])
    assert (layer.padding_idx, vocabulary.unknown, layer.num_embeddings) == (0, 1, 5)
    found = layer(vocabulary.padded([["w4"], ["w9", "else"], []])).detach().numpy()
    np.testing.assert_array_equal(found[0], [VECTORS[4], np.zeros(DIM)])
    np.testing.assert_allclose(found[1], [VECTORS[9], expected.mean(axis=0)], atol=1e-6)
    assert not found[2].any()
    skipping, shorter = adapter.embedding(url, asked, missing="skip")
    assert (skipping.num_embeddings, shorter.words) == (2, ("w9", "w4"))
    layer(vocabulary.padded([["w4"], ["w9", "else"]])).sum().backward()
    assert not layer.weight.grad[0].any()
    assert torch.equal(vocabulary.encode(["w9"]), torch.tensor([2]))


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
def test_a_bag_pools(url: Path, torch: Any, adapter: Any, mode: str) -> None:
    """As torch's own EmbeddingBag over the same matrix and rows."""
    layer, vocabulary = adapter.embedding_bag(url, WORDS[:50], mode=mode)
    texts = [["w1", "w2", "w1"], ["w49"], ["w7", "w8"]]
    rows = [[1, 2, 1], [49], [7, 8]]
    expected = [getattr(np, mode)(VECTORS[one], axis=0) for one in rows]
    assert type(layer) is torch.nn.EmbeddingBag
    np.testing.assert_allclose(layer(*vocabulary.bags(texts)).numpy(), expected, atol=1e-6)
    assert layer(*vocabulary.bags([])).shape == (0, DIM)


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_every_type(tmp_path: Path, torch: Any, adapter: Any, dtype: str) -> None:
    """As it is stored, to the bit."""
    half: Any = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    saved = embzarr.save(tmp_path, WORDS[:9], VECTORS[:9].astype(half))
    layer, _ = adapter.embedding(saved, padding=True)
    assert layer.weight.dtype == getattr(torch, dtype)
    assert torch.equal(layer.weight[1:], torch.tensor(VECTORS[:9]).to(getattr(torch, dtype)))


def rows_of(loader: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for words, vectors in loader:
        assert not found.keys() & set(words)
        found |= dict(zip(words, vectors.numpy(), strict=True))
    return found


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python's, of forks
@pytest.mark.parametrize("start", [None, "fork", "spawn"])
def test_rows_are_shared_out(url: Path, torch: Any, adapter: Any, start: str | None) -> None:
    """Each row once, whatever the workers are, and twice the same."""
    dataset = adapter.RowDataset(url, batch_rows=100)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=None,
        num_workers=0 if start is None else 2,
        multiprocessing_context=start,
    )
    for _ in range(2):
        found = rows_of(loader)
        assert sorted(found) == sorted(WORDS)
        assert np.stack([found[word] for word in WORDS]).tobytes() == VECTORS.tobytes()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python's, of forks
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_from_a_bucket(
    moto_s3: Moto, moto_bucket_url: str, torch: Any, adapter: Any, start: str
) -> None:
    """Also after the parent did; those that are not forked need what opens the store."""
    embzarr.save(moto_bucket_url, WORDS, VECTORS, storage_options=moto_s3.options)
    checkpoint = embzarr.open(moto_bucket_url, storage_options=moto_s3.options, pickle_secrets=True)
    assert checkpoint["w7"].tobytes() == VECTORS[7].tobytes()
    loader = torch.utils.data.DataLoader(
        adapter.RowDataset(checkpoint),
        batch_size=None,
        num_workers=2,
        multiprocessing_context=start,
    )
    assert sorted(rows_of(loader)) == sorted(WORDS)


def test_processes_have_their_share(
    url: Path, torch: Any, adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two processes of torch.distributed each streams half."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    shares = []
    for rank in range(2):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        shares.append([word for words, _ in adapter.RowDataset(url) for word in words])
    assert [len(share) for share in shares] == [ROWS / 2, ROWS / 2]
    assert [*shares[0], *shares[1]] == WORDS


def test_what_cannot_be_used_is_told(url: Path, adapter: Any) -> None:
    """Words, and settings, by typed errors."""
    with pytest.raises(embzarr.WordNotFoundError):
        adapter.embedding(url, ["nowhere"])
    with pytest.raises(embzarr.InvalidInputError, match="asked twice"):
        adapter.embedding(url, ["w1", "w1"])
    with pytest.raises(embzarr.InvalidInputError, match="unknown: expected zeros or mean"):
        adapter.embedding(url, unknown="max")
    with pytest.raises(embzarr.InvalidInputError, match="mode"):
        adapter.embedding_bag(url, mode="min")
    with pytest.raises(embzarr.InvalidInputError, match="batch_rows"):
        adapter.RowDataset(url, batch_rows=0)
    _, vocabulary = adapter.embedding(url, ["w1"])
    with pytest.raises(embzarr.WordNotFoundError, match="unknown= gives it a row"):
        vocabulary.encode(["w2"])
    with pytest.raises(embzarr.InvalidInputError, match="made without padding"):
        vocabulary.padded([["w1"]])


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_a_layer_becomes_a_table(tmp_path: Path, torch: Any, adapter: Any, dtype: str) -> None:
    """To the bit, in any type; rows for padding and unknown words are no words."""
    half: Any = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    saved = embzarr.save(tmp_path / "m", WORDS[:9], VECTORS[:9].astype(half))
    layer, vocabulary = adapter.embedding(saved, padding=True, unknown="mean")
    again = adapter.save_embedding(tmp_path / "n", layer, vocabulary, step=3)
    assert (list(again.words), again.step, again.dtype.name) == (WORDS[:9], 3, dtype)
    found = again.load_rows(None, None).vectors
    assert found.tobytes() == VECTORS[:9].astype(half).tobytes()
    bag = torch.nn.EmbeddingBag(2, DIM)
    assert len(adapter.save_embedding(tmp_path / "b", bag, ["a", "b"])) == 2
    with pytest.raises(embzarr.InvalidInputError, match="each of 1 words, found 2 rows"):
        adapter.save_embedding(tmp_path / "b", bag, ["a"])
    with pytest.raises(embzarr.InvalidInputError, match="layer: expected a"):
        adapter.save_embedding(tmp_path / "b", torch.nn.Linear(2, 2), ["a"])


def test_tensors_of_another_framework_are_taken_by_name(
    tmp_path: Path, torch: Any, adapter: Any
) -> None:
    """Keras' names and order of axes; all that differs is told at once, or left."""
    kernel = np.arange(6, dtype="f4").reshape(3, 2)
    tensors = {"out/kernel": kernel, "out/bias": np.ones(2, "f4"), "optimizer/0": np.ones(1)}
    model = {"framework": "keras", "version": "3.1"}
    saved = embzarr.save(tmp_path / "m", tensors=tensors, model=model)
    layer = torch.nn.Linear(3, 2)
    with pytest.raises(embzarr.UnsupportedError, match=r"torch 2\.\S+, found one of keras 3\.1"):
        adapter.load(saved, into=layer)
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.load(saved, into=layer, names={"weight": "out/kernel"})
    for part in ("checkpoint: bias", "model: out/bias", "weight (3, 2) for (2, 3)"):
        assert part in str(caught.value)
    adapter.load(saved, into=layer, names={"weight": ("out/kernel", (1, 0)), "bias": "out/bias"})
    assert np.array_equal(layer.weight.detach().numpy(), kernel.T)
    with pytest.raises(embzarr.InvalidInputError, match="into: expected the model to fill"):
        adapter.load(saved, names={})


NO_PARAMETERS: dict[str, Any] = {"dict": [["state", {"dict": []}], ["param_groups", {"list": []}]]}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"dict": []}, "model-invalid"),
        ({"list": []}, "model-invalid"),
        ({"value": 3}, "model-invalid"),
        ({"tensor": "nonesuch"}, "model-invalid"),
        (
            {"dict": [["state", {"dict": []}], ["param_groups", {"value": 7}]]},
            "model-invalid",
        ),
        (NO_PARAMETERS, "input-shape"),
    ],
    ids=str,
)
def test_no_state_of_an_optimizer_is_believed(
    tmp_path: Path, torch: Any, adapter: Any, state: Any, code: str
) -> None:
    """What a stranger wrote is a typed error, whatever torch makes of it."""
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    model = {"framework": "torch", "optimizer": {"prefix": "optimizer.", "state": state}}
    tensors = {"weight": np.ones((1, 2), "f4"), "bias": np.ones(1, "f4")}
    saved = embzarr.save(tmp_path / "m", tensors=tensors, model=model)

    with pytest.raises(embzarr.EmbzarrError) as caught:
        adapter.load(saved, into=layer, optimizer=optimizer)
    assert caught.value.code == code


@pytest.mark.parametrize("dtype", ["float8_e3m4", "datetime64[s]", "<U2", "|S1"])
def test_a_type_that_torch_does_not_have_is_told(tmp_path: Path, adapter: Any, dtype: str) -> None:
    """As a typed error; the checkpoint's own reading knows it."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    kind = getattr(ml_dtypes, dtype, dtype)
    values = np.array([1, 1]).astype(kind)
    saved = embzarr.save(tmp_path / "m", tensors={"w": values}, model={"framework": "torch"})
    assert np.array_equal(saved.tensors["w"].load(), values)

    with pytest.raises(embzarr.UnsupportedError, match=r"torch 2\.\S+ has no type") as caught:
        adapter.load(saved)
    assert caught.value.code == "dtype-unsupported"
