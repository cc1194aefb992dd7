"""Texts of a data frame as means of vectors, looked up where the texts are."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Spark reads the hints of what it calls
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._checkpoint import sparing
from embzarr._format import arguments
from embzarr._open import open_checkpoint
from embzarr.errors import InvalidInputError
from embzarr.interop._door import common_dtype, needs, opened
from embzarr.interop._spark.door import Sent

with needs("pyspark", extra="spark"):
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyspark.ml import Transformer
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.param import Param, Params, TypeConverters
    from pyspark.ml.param.shared import HasInputCol, HasOutputCol
    from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
    from pyspark.sql import functions, types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source

_BROADCAST_BYTES: Final = 64 * 1024 * 1024
_KEPT_BYTES: Final = 256 * 1024 * 1024
"""Vectors that a task remembers from one batch of texts to the next."""


class MeanVectors(
    Transformer,  # type: ignore[misc]  # pyspark is an extra
    HasInputCol,  # type: ignore[misc]  # pyspark is an extra
    HasOutputCol,  # type: ignore[misc]  # pyspark is an extra
    DefaultParamsReadable,  # type: ignore[misc]  # pyspark is an extra
    DefaultParamsWritable,  # type: ignore[misc]  # pyspark is an extra
):
    """A transformer of pipelines, from lists of words to the mean of their vectors.

    Each task loads the words of its own texts, batch by batch, and no others; a table up to
    `broadcast_bytes` is read once by the driver and sent to all. Words that the checkpoint has not
    are left out, and a text without any known word is zeros. Saved within a pipeline, it keeps the
    place and the number of the commit, and no options: keys are those of the environment then.

    Args:
        checkpoint: one that is open, or the place of a run, whose newest is taken now.
        inputCol: a column of lists of texts.
        outputCol: the column of MLlib's vectors that is added.
        broadcast_bytes: of vectors; 0 to have every task look up its own.

    Example:
        >>> from embzarr.interop.spark import MeanVectors
        >>> texts = spark.createDataFrame([(["king", "queen", "emperor"],)], "words array<string>")
        >>> mean = MeanVectors(checkpoint, inputCol="words", outputCol="features")
        >>> mean.transform(texts).first().features
        DenseVector([0.5, 0.5, 0.0, 0.0])
    """

    def __init__(
        self,
        checkpoint: Source | None = None,
        *,
        inputCol: str = "words",  # noqa: N803 - Spark's names
        outputCol: str = "features",  # noqa: N803 - Spark's names
        broadcast_bytes: int = _BROADCAST_BYTES,
    ) -> None:
        """Know where vectors are; none is read."""
        super().__init__()
        texts, numbers = TypeConverters.toString, TypeConverters.toInt
        self.url = Param(self, "url", "place of the run", texts)
        self.commit = Param(self, "commit", "number of its commit", numbers)
        self.broadcastBytes = Param(self, "broadcastBytes", "most that is sent to all", numbers)
        self._opened: Checkpoint | None = None
        most = arguments.whole("broadcast_bytes", broadcast_bytes, least=0)
        self._set(inputCol=inputCol, outputCol=outputCol, broadcastBytes=most)
        if checkpoint is not None:  # Spark makes one without, and sets what was saved
            self._opened = opened(checkpoint)
            self._set(url=self._opened.url, commit=self._opened.commit)

    def copy(self, extra: Mapping[Any, Any] | None = None) -> Any:  # noqa: ANN401 - pyspark is an extra
        """Return the same with other parameters."""
        found = Params.copy(self, extra)
        found._opened = self._opened  # noqa: SLF001 - one of us
        return found

    def _transform(self, dataset: Any) -> Any:  # noqa: ANN401 - pyspark is an extra
        column = self.getInputCol()
        kind = dataset.schema[column].dataType
        if not isinstance(kind, types.ArrayType) or not isinstance(
            kind.elementType, types.StringType
        ):
            raise InvalidInputError(
                "input-dtype", f"{column}: expected array<string>, found {kind.simpleString()}"
            )
        lookup = self._lookup(dataset.sparkSession)

        def means(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
            yield from lookup.means(batches)

        mean = functions.arrow_udf(means, "array<float>")
        return dataset.withColumn(self.getOutputCol(), array_to_vector(mean(dataset[column])))

    def _lookup(self, spark: Any) -> Lookup:  # noqa: ANN401 - pyspark is an extra
        checkpoint = self._opened or open_checkpoint(
            self.getOrDefault(self.url), commit=self.getOrDefault(self.commit)
        )
        nbytes = len(checkpoint) * checkpoint.dim * checkpoint.dtype.itemsize
        if nbytes > self.getOrDefault(self.broadcastBytes):
            return Lookup(sparing(checkpoint), None)
        dtype = common_dtype(checkpoint.dtype)
        whole = list(checkpoint), checkpoint.load_rows(None, None, dtype=dtype).vectors
        return Lookup(checkpoint, spark.sparkContext.broadcast(whole))


class Lookup(Sent):
    """Finds the vectors of words on an executor: in what was sent to all, or in the store."""

    def __init__(self, checkpoint: Checkpoint, table: Any) -> None:  # noqa: ANN401 - a Broadcast
        """Read nothing yet."""
        self._checkpoint = checkpoint
        self._table = table

    def means(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Yield the mean of each list of words, as lists of float32."""
        known = _Known(self._checkpoint, self._table)
        for batch in batches:
            lengths = pc.list_value_length(batch).fill_null(0).to_numpy()
            words, ends = batch.flatten().to_pylist(), np.cumsum([0, *lengths])
            vectors, rows = known.rows_of(words)
            means = np.zeros((len(batch), self._checkpoint.dim), np.float32)
            for text in range(len(batch)):
                found = rows[ends[text] : ends[text + 1]]
                found = found[found >= 0]
                if len(found):
                    means[text] = vectors[found].mean(axis=0)
            offsets = np.arange(len(batch) + 1, dtype=np.int32) * np.int32(means.shape[1])
            yield pa.ListArray.from_arrays(pa.array(offsets), pa.array(means.reshape(-1)))


class _Known:
    """Words that a task has met, and their vectors; what is not known is loaded together."""

    def __init__(self, checkpoint: Checkpoint, table: Any) -> None:  # noqa: ANN401 - a Broadcast
        self._checkpoint = checkpoint
        self._rows: dict[str, int] = {}
        self._vectors = np.empty((0, checkpoint.dim), common_dtype(checkpoint.dtype))
        self._is_whole = table is not None
        if self._is_whole:
            words, self._vectors = table.value
            self._rows = dict(zip(words, range(len(words)), strict=True))

    def rows_of(self, words: Sequence[str | None]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return vectors, and of each word its row among them, or -1."""
        if not self._is_whole:
            self._load([word for word in dict.fromkeys(words) if word is not None])
        places = (self._rows.get(word, -1) if word is not None else -1 for word in words)
        return self._vectors, np.fromiter(places, np.int64, len(words))

    def _load(self, words: list[str]) -> None:
        if self._vectors.nbytes > _KEPT_BYTES:
            self._rows, self._vectors = {}, self._vectors[:0]
        new = [word for word in words if word not in self._rows]
        loaded = self._checkpoint.load(new, missing="skip", dtype=self._vectors.dtype)
        first = len(self._vectors)
        self._rows |= dict.fromkeys(new, -1)
        self._rows |= {word: first + at for at, word in enumerate(loaded.words)}
        self._vectors = np.concatenate([self._vectors, loaded.vectors])
