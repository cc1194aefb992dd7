"""A program that hands layers of frameworks to others by way of a store, one environment at a time.

    python between.py URL OPTIONS FRAMEWORK...

It saves a layer of each framework, whose numbers were made without embzarr, and says so; then waits
for the names of all frameworks that saved, loads what each of them saved into each of its own, and
prints what these hold, as JSON.
"""

# ruff: noqa: PLC0415, T201 - libraries are imported where they are; what it prints is its answer
from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

WORDS = [f"w{row}" for row in range(19)] + ["猫"]
VECTORS = np.random.default_rng(5).standard_normal((len(WORDS), 8)).astype("f4")
PART = ["猫", "w3", "w11"]
KERNEL = np.arange(6, dtype="f4").reshape(3, 2) / 7
BIAS = np.array([0.1, -3], "f4")
LEARNED = "zzz"
"""The one word that the trainer trains; what it does to others would change their numbers."""

Held = tuple[list[str], Any]
Store = dict[str, Any]


# Words with vectors: a layer of what was made, saved; and what a layer holds of a checkpoint ----
def torch_saves(url: str, how: Store) -> None:
    import torch

    from embzarr.interop import torch as adapter

    layer = torch.nn.Embedding.from_pretrained(torch.from_numpy(VECTORS))
    adapter.save_embedding(url, layer, WORDS, **how)


def torch_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import torch as adapter

    layer, vocabulary = adapter.embedding(checkpoint, words)
    return list(vocabulary.words), layer.weight.detach().numpy()


def keras_saves(url: str, how: Store) -> None:
    import keras

    from embzarr.interop import keras as adapter

    layer = keras.layers.Embedding(*VECTORS.shape)
    layer.build((None,))
    layer.set_weights([VECTORS])
    adapter.save_embedding(url, layer, WORDS, **how)


def keras_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import keras as adapter

    lookup, layer = adapter.embedding(checkpoint, words)
    known = lookup.get_vocabulary(include_special_tokens=False)
    return known, np.asarray(layer(lookup(known)))


def chainer_saves(url: str, how: Store) -> None:
    import chainer

    from embzarr.interop import chainer as adapter

    layer = chainer.links.EmbedID(*VECTORS.shape, initialW=VECTORS)
    adapter.save_embedding(url, layer, WORDS, **how)


def chainer_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import chainer as adapter

    layer, rows = adapter.embedding(checkpoint, words)
    return list(rows), layer(np.arange(len(rows), dtype="i4")).array


def mxnet_saves(url: str, how: Store) -> None:
    from embzarr.interop import mxnet as adapter

    mx = _mxnet()
    layer = mx.gluon.nn.Embedding(*VECTORS.shape)
    layer.initialize()
    layer.weight.set_data(mx.nd.array(VECTORS))
    adapter.save_embedding(url, layer, WORDS, **how)


def mxnet_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import mxnet as adapter

    layer, rows = adapter.embedding(checkpoint, words)
    return list(rows), layer(_mxnet().nd.arange(len(rows))).asnumpy()


def _mxnet() -> Any:
    """Return the library, which can be imported once our adapter was."""
    _adapter("mxnet")
    import mxnet

    return mxnet


def sklearn_saves(url: str, how: Store) -> None:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline

    from embzarr.interop import sklearn as adapter

    vectorizer, svd = CountVectorizer(), TruncatedSVD(VECTORS.shape[1])
    vectorizer.vocabulary_ = {word: row for row, word in enumerate(WORDS)}
    svd.components_ = VECTORS.T
    adapter.save_embedding(url, make_pipeline(vectorizer, svd), **how)


def sklearn_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import sklearn as adapter

    model = adapter.embedding(checkpoint, words)
    known = model[0].get_feature_names_out().tolist()
    return known, model.transform(known)  # each is a text of one word


def h2o_saves(url: str, how: Store) -> None:
    import h2o

    from embzarr.interop import h2o as adapter

    table = [[word, *vector.tolist()] for word, vector in zip(WORDS, VECTORS, strict=True)]
    kinds = ["string", *["numeric"] * VECTORS.shape[1]]
    frame = h2o.H2OFrame(table, column_types=kinds)
    model = h2o.estimators.H2OWord2vecEstimator.from_external(frame)
    adapter.save_embedding(url, model, **how)


def h2o_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import h2o as adapter

    frame = adapter.embedding(checkpoint, words).to_frame()
    rows = frame.as_data_frame(use_pandas=False, header=False)
    return [row[0] for row in rows], np.array([row[1:] for row in rows], float)


def gensim_saves(url: str, how: Store) -> None:
    from gensim.models import KeyedVectors

    from embzarr.interop import gensim as adapter

    table = KeyedVectors(VECTORS.shape[1])
    table.add_vectors(WORDS, VECTORS)
    adapter.from_keyed_vectors(url, table, **how)


def gensim_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import gensim as adapter

    table = adapter.to_keyed_vectors(checkpoint, words)
    return table.index_to_key, table.vectors


def mllib_saves(url: str, how: Store) -> None:
    import embzarr
    from embzarr.interop import mllib as adapter

    with tempfile.TemporaryDirectory() as folder:
        model = adapter.to_word2vec(embzarr.save(folder, WORDS, VECTORS))
    adapter.from_word2vec(url, model, **how)


def mllib_holds(checkpoint: Any, words: list[str] | None) -> Held:
    from embzarr.interop import mllib as adapter

    rows = adapter.to_word2vec(checkpoint, words).getVectors().collect()
    return [row.word for row in rows], np.array([row.vector.toArray() for row in rows])


def trainer_saves(url: str, how: Store) -> None:
    import embzarr

    with tempfile.TemporaryDirectory() as folder:
        made = embzarr.save(f"{folder}/made", WORDS, VECTORS)
        _trained(made, WORDS, url, how)


def trainer_holds(checkpoint: Any, words: list[str] | None) -> Held:
    asked = list(checkpoint.words) if words is None else words
    with tempfile.TemporaryDirectory() as folder:
        found = _trained(checkpoint, asked, f"{folder}/run", {})
        return list(found.words), found.load_rows(None, None).vectors


def _trained(start: Any, words: list[str], url: str, how: Store) -> Any:
    """Train on a text that has words as often as their order wants it; none of them changes."""
    import embzarr_trainer

    known = [word for word in words if word != LEARNED]
    lines = [
        f"{word} {LEARNED}" for at, word in enumerate(known) for _ in range(len(known) - at + 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.txt"
        # The commonest comes first, which is then this one's place.
        corpus.write_text("\n".join(lines))
        settings: dict[str, Any] = {"vector_size": 8, "min_count": 1, "epochs": 1, "workers": 1}
        settings |= {"init": start, "only": [LEARNED], "sample": 0, "tokenizer": "words"}
        return embzarr_trainer.train(corpus, url, **settings, **how)


# Dense layers ---------------------------------------------------------------------------------
def torch_dense() -> Any:
    import torch

    return torch.nn.Linear(3, 2)


def keras_dense() -> Any:
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")])


def tensorflow_dense() -> Any:
    import tensorflow as tf

    module = tf.Module()
    module.w, module.b = tf.Variable(tf.zeros((3, 2))), tf.Variable(tf.zeros(2))
    return module


def chainer_dense() -> Any:
    import chainer

    return chainer.links.Linear(3, 2)


def mxnet_dense() -> Any:
    block = _mxnet().gluon.nn.Dense(2, in_units=3)
    block.initialize()
    return block


def torch_output(model: Any, x: Any) -> Any:
    import torch

    return model(torch.from_numpy(x)).detach().numpy()


def mxnet_output(model: Any, x: Any) -> Any:
    return model(_mxnet().nd.array(x)).asnumpy()


# Of each: what makes a layer, what it gives, its names of kernel and bias, and whether the kernel
# has outputs first.
DENSE: dict[str, tuple[Callable[[], Any], Callable[[Any, Any], Any], tuple[str, str], bool]] = {
    "torch": (torch_dense, torch_output, ("weight", "bias"), True),
    "keras": (keras_dense, lambda m, x: np.asarray(m(x)), ("out/kernel", "out/bias"), False),
    "tensorflow": (tensorflow_dense, lambda m, x: (x @ m.w + m.b).numpy(), ("w", "b"), False),
    "chainer": (chainer_dense, lambda m, x: m(x).array, ("W", "b"), True),
    "mxnet": (mxnet_dense, mxnet_output, ("weight", "bias"), True),
}


def names_between(reader: str, writer: str | None) -> dict[str, Any]:
    """Return which tensor of another framework each of one is; None: of what was made."""
    kernel, bias = DENSE[writer][2] if writer else ("kernel", "bias")
    turned = DENSE[reader][3] != (DENSE[writer][3] if writer else False)
    mine = DENSE[reader][2]
    return {mine[0]: (kernel, (1, 0)) if turned else kernel, mine[1]: bias}


def dense_saves(framework: str, url: str, how: Store) -> None:
    import embzarr

    adapter = _adapter(framework)
    with tempfile.TemporaryDirectory() as folder:
        made = embzarr.save(folder, tensors={"kernel": KERNEL, "bias": BIAS})
        model = DENSE[framework][0]()
        adapter.load(made, into=model, names=names_between(framework, None))
    adapter.save(url, model, **how)


def dense_gives(framework: str, writer: str, checkpoint: Any) -> Any:
    make, output, _, _ = DENSE[framework]
    model = make()
    _adapter(framework).load(checkpoint, into=model, names=names_between(framework, writer))
    return output(model, np.eye(3, dtype="f4"))  # its kernel plus its bias, row by row


def _adapter(framework: str) -> Any:
    import importlib

    return importlib.import_module(f"embzarr.interop.{framework}")


# The program ----------------------------------------------------------------------------------
def main(url: str, options: Store, frameworks: list[str]) -> None:
    import embzarr

    how: Store = {"storage_options": options}
    for name in frameworks:
        if f"{name}_saves" in globals():
            globals()[f"{name}_saves"](f"{url}/words/{name}", how)
        if name in DENSE:
            dense_saves(name, f"{url}/dense/{name}", how)
    print("saved", flush=True)
    told = json.loads(sys.stdin.readline())
    held = {name: embzarr.open(f"{url}/words/{name}", **how) for name in told["words"]}
    dense = {name: embzarr.open(f"{url}/dense/{name}", **how) for name in told["dense"]}
    found = []
    for reader in frameworks:
        for writer, checkpoint in held.items() if f"{reader}_holds" in globals() else ():
            for words in (None, PART):
                known, vectors = globals()[f"{reader}_holds"](checkpoint, words)
                rows = dict(zip(known, np.asarray(vectors, "f4").tolist(), strict=True))
                found.append(["words", writer, reader, words, rows])
        for writer, checkpoint in dense.items() if reader in DENSE else ():
            found.append(
                ["dense", writer, reader, None, dense_gives(reader, writer, checkpoint).tolist()]
            )
    print(json.dumps(found), flush=True)


@contextmanager
def h2o_runs() -> Iterator[None]:
    """Run a cluster while a block runs."""
    import h2o

    from interop.conftest import h2o_options

    h2o.init(**h2o_options())
    h2o.no_progress()
    yield
    h2o.cluster().shutdown()


@contextmanager
def mllib_runs() -> Iterator[None]:
    """Run Spark in this process and its JVM while a block runs."""
    from interop.sparking import running_spark

    with tempfile.TemporaryDirectory() as folder, running_spark(Path(folder), "local[1]"):
        yield


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with ExitStack() as running:
        for framework in sys.argv[3:]:
            if f"{framework}_runs" in globals():
                running.enter_context(globals()[f"{framework}_runs"]())
        main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:])
