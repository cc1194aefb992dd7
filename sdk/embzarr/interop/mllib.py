"""Spark MLlib: models in MLlib's own form, and words with vectors both ways (extra ``spark``).

MLlib writes and reads a model as a folder that driver and executors share. On one machine that is
a temporary one; on a cluster name another by ``folder=``, such as one on a mounted file system.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack
from uuid import uuid4

import numpy as np

from embzarr._format import arguments
from embzarr._writing import save as save_table
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError
from embzarr.interop._door import loaded_once, needs, opened
from embzarr.interop._models import storing
from embzarr.interop._models.own_form import save_folder
from embzarr.interop._models.storing import HowToSave, ModelParts, Where
from embzarr.interop._spark.texts import MeanVectors

with needs("pyspark", extra="spark"):
    import pyarrow as pa
    import pyspark
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException
    from pyspark.ml.feature import Word2VecModel
    from pyspark.ml.functions import vector_to_array
    from pyspark.ml.util import DefaultParamsReader, MLWritable
    from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source

__all__ = ["from_word2vec", "load", "save", "to_word2vec"]

_MLLIB: Final = ("org.apache.spark.ml.", "pyspark.ml.")
"""Whose classes are loaded unasked; so is ours."""
_OURS: Final = f"{MeanVectors.__module__}.{MeanVectors.__name__}"
_MOST_NUMBERS: Final = 2**31 - 1
_METADATA: Final = "metadata/part-00000"
_FAILURES: Final = (Py4JJavaError, PySparkException)


def save(
    url: object,
    model: Any,  # noqa: ANN401 - pyspark is an extra
    *,
    folder: str | None = None,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save a model as one atomic commit: the files that MLlib makes of it.

    Args:
        url: where to; see `embzarr.open`.
        model: a `PipelineModel`, or any model or stage that MLlib can write.
        folder: one that driver and executors share; by default a temporary one of this machine.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else, or what MLlib cannot write.

    Example:
        >>> from pyspark.ml.feature import Tokenizer
        >>> from embzarr.interop.mllib import load, save
        >>> saved = save(folder, Tokenizer(inputCol="text", outputCol="words"))
        >>> load(saved).getOutputCol()
        'words'
    """
    if not isinstance(model, MLWritable):
        raise arguments.wrong_type("model", "one that MLlib writes", model)
    with _shared(folder) as place:
        path = place / "model"
        try:
            model.write().save(path.as_uri())
        except _FAILURES as exc:
            raise InvalidInputError(
                "input-argument", f"model: MLlib cannot save it: {exc}"
            ) from exc
        parts = ModelParts(
            framework="mllib",
            version=pyspark.__version__,
            name=_class_in(path),
            form="folder",
            files={_name_in(path, file): file.read_bytes() for file in _files_of(path)},
        )
    return storing.save_model(url, parts, how=how)


def load(
    source: Source,
    *,
    folder: str | None = None,
    trusted: Sequence[str] = (),
    **where: Unpack[Where],
) -> Any:  # noqa: ANN401 - of the class that was saved
    """Return a model as it was saved. A session of Spark must be there, or is made.

    Args:
        source: an open checkpoint, or the place of a run.
        folder: as `save` takes it.
        trusted: full names of classes beside those of MLlib and embzarr that may be imported.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no model.
        UnsupportedError: code ``model-foreign``: one of another framework, or of a class that is
            not trusted.
        DamagedError: code ``model-invalid``: MLlib cannot read it.

    Example:
        >>> from pyspark.ml.feature import HashingTF
        >>> from embzarr.interop.mllib import load, save
        >>> saved = save(folder, HashingTF(numFeatures=8))
        >>> load(folder).getNumFeatures()
        8
    """
    checkpoint, _ = storing.open_model(source, "mllib", where)
    with _shared(folder) as place:
        path = place / "model"
        save_folder(checkpoint, path)
        for name in _classes_in(path, checkpoint.url):
            if not name.startswith(_MLLIB) and name not in {_OURS, *trusted}:
                raise UnsupportedError(
                    "model-foreign",
                    f"{checkpoint.url}: holds a {name[:120]!r}, which is not MLlib's: "
                    "trusted=[...] imports it",
                )
        session = SparkSession.builder.getOrCreate()
        try:
            return DefaultParamsReader.loadParamsInstance(path.as_uri(), session)
        except (*_FAILURES, ImportError, AttributeError, ValueError, KeyError) as exc:
            raise DamagedError("model-invalid", f"{checkpoint.url}: {exc}") from exc


def from_word2vec(url: object, model: Any, **how: Unpack[HowToSave]) -> Checkpoint:  # noqa: ANN401
    """Save the words and vectors of a `Word2VecModel` as one atomic commit, to be read by word.

    In the order in which the model has them.

    Args:
        url: where to.
        model: a trained model of `pyspark.ml.feature`.
        **how: as `embzarr.save` takes them.

    Raises:
        InvalidInputError: something else.

    Example:
        >>> from embzarr.interop.mllib import from_word2vec, to_word2vec
        >>> model = to_word2vec(checkpoint)
        >>> from_word2vec(folder, model)["queen"]
        array([0., 1., 0., 0.], dtype=float32)
    """
    if not isinstance(model, Word2VecModel):
        raise arguments.wrong_type("model", "a Word2VecModel", model)
    vector = vector_to_array("vector", "float32").alias("vector")
    table = model.getVectors().select("word", vector).toArrow().combine_chunks()
    words = table["word"].to_pylist()
    flat = table["vector"].combine_chunks().flatten().to_numpy()
    return save_table(url, words, flat.reshape(len(words), -1), **how)


def to_word2vec(
    source: Source, words: Iterable[str] | None = None, *, folder: str | None = None
) -> Any:  # noqa: ANN401
    """Return a `Word2VecModel` of the words and vectors of a checkpoint, or of some of its words.

    It holds them on the driver, as single precision, and at most 2**31 numbers, as any such model.

    Args:
        source: an open checkpoint, or the place of a run.
        words: these; by default all.
        folder: as `save` takes it.

    Raises:
        WordNotFoundError: code ``word-missing``.
        InvalidInputError: more than MLlib can hold.

    Example:
        >>> from embzarr.interop.mllib import to_word2vec
        >>> model = to_word2vec(checkpoint, ["king", "queen"])
        >>> model.getVectors().orderBy("word").first().vector
        DenseVector([1.0, 0.0, 0.0, 0.0])
    """
    checkpoint = opened(source)
    loaded = loaded_once(checkpoint, words, missing="raise", dtype="float32")
    if loaded.vectors.size >= _MOST_NUMBERS:
        raise InvalidInputError(
            "input-shape",
            f"expected fewer than {_MOST_NUMBERS} numbers, as MLlib can hold, found "
            f"{loaded.vectors.shape}",
        )
    session = SparkSession.builder.getOrCreate()
    rows, dim = loaded.vectors.shape
    ends = np.arange(rows + 1, dtype=np.int64) * dim
    vectors = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(loaded.vectors.reshape(-1)))
    table = pa.table({"word": pa.array(loaded.words, pa.string()), "vector": vectors})
    with _shared(folder) as place:
        path = place / "model"
        (path / "metadata").mkdir(parents=True)
        (path / _METADATA).write_text(json.dumps(_word2vec_metadata(dim)) + "\n")
        session.createDataFrame(table).write.parquet((path / "data").as_uri())
        return Word2VecModel.load(path.as_uri())


def _word2vec_metadata(dim: int) -> dict[str, Any]:
    """Return what MLlib writes beside the vectors of such a model."""
    uid = f"Word2VecModel_{uuid4().hex[:12]}"
    return {
        "class": "org.apache.spark.ml.feature.Word2VecModel",
        "timestamp": 0,
        "sparkVersion": pyspark.__version__,
        "uid": uid,
        "paramMap": {"vectorSize": dim},
        "defaultParamMap": {"outputCol": f"{uid}__output"},
    }


# Folders ------------------------------------------------------------------------------------------
@contextmanager
def _shared(folder: str | None) -> Iterator[Path]:
    """Lend a folder that driver and executors share.

    Raises:
        InvalidInputError: code ``input-argument``: there is none, on a cluster.
    """
    active = SparkSession.getActiveSession()
    if folder is None and active and not active.sparkContext.master.startswith("local"):
        raise InvalidInputError(
            "input-argument",
            f"executors of {active.sparkContext.master} see no temporary folder of this machine: "
            "folder= names one that all share",
        )
    with tempfile.TemporaryDirectory(prefix="embzarr-model-", dir=folder) as place:
        yield Path(place)


def _files_of(path: Path) -> list[Path]:
    """Return the files of a model, without checksums that Hadoop's local file system adds."""
    return sorted(
        file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")
    )


def _name_in(path: Path, file: Path) -> str:
    return file.relative_to(path).as_posix()


def _class_in(path: Path) -> str:
    name: str = json.loads(next((path / "metadata").glob("part-*")).read_text())["class"]
    return name


def _classes_in(path: Path, url: str) -> list[str]:
    """Return the classes that a model's folder names, at any depth.

    Raises:
        DamagedError: code ``model-invalid``: metadata that names none.
    """
    found = []
    for file in path.rglob("*"):
        inside = file.relative_to(path).parts[:-1]
        if "metadata" not in inside or file.is_dir() or file.name == "_SUCCESS":
            continue
        try:
            found.append(json.loads(file.read_bytes())["class"])
        except (ValueError, KeyError, TypeError):
            found.append(None)
    if not found or not all(isinstance(name, str) for name in found):
        raise DamagedError("model-invalid", f"{url}: metadata of MLlib that names no class")
    return found
