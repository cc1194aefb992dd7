"""Lance: a column of words and a column of vectors, with a scalar index on the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embzarr_bench.peers import _vocabulary
from embzarr_bench.peers._port import BY_WORD, ONE_WAY, Answer, Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr_bench._cases import Case, Request
    from embzarr_bench._matrix import Matrix
    from embzarr_bench._place import Place

_MOST_IN_FILTER = 5_000
"""Words by index up to so many; beyond it, all words read into a dict are faster."""


class Lance(Peer):
    """A dataset, rows known (`take`)."""

    name: ClassVar[str] = "Lance, by row"
    settings: ClassVar[str] = "defaults of the writer; take, or a scan for ranges"
    packages: ClassVar[tuple[str, ...]] = ("lance", "pyarrow")
    distributions: ClassVar[tuple[str, ...]] = ("pylance",)
    cases: ClassVar[frozenset[Case]] = ONE_WAY

    def save(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Write the dataset, without an index."""
        del compressed
        arrow = self.library["pyarrow"]
        flat = arrow.array(matrix.vectors.reshape(-1))
        columns = {
            "word": arrow.array(matrix.words, arrow.string()),
            "vector": arrow.FixedSizeListArray.from_arrays(flat, matrix.vectors.shape[1]),
        }
        self.library["lance"].write_dataset(
            arrow.table(columns), place.url, storage_options=_options(place)
        )

    def read(self, place: Place, request: Request) -> Answer:
        """Open the dataset and read the vectors of rows."""
        dataset = self._dataset(place)
        columns = ["vector"]
        if request.case.whole:
            table = dataset.to_table(columns=columns)
        elif request.case.contiguous:
            start, count = int(request.rows[0]), len(request.rows)
            table = dataset.to_table(columns=columns, offset=start, limit=count)
        else:
            table = dataset.take(request.rows.tolist(), columns=columns)
        return Answer(vectors=_vectors(table))

    def _dataset(self, place: Place) -> Any:  # noqa: ANN401 - Lance's
        return self.library["lance"].dataset(place.url, storage_options=_options(place))


class LanceByWord(Lance):
    """The same with a BTREE index on the words."""

    name: ClassVar[str] = "Lance, by word"
    settings: ClassVar[str] = (
        "BTREE index on the words and a filter; above 5,000 words, all words read into a dict"
    )
    cases: ClassVar[frozenset[Case]] = BY_WORD

    def setup(self, place: Place, matrix: Matrix, *, compressed: bool) -> None:
        """Store, and build the index."""
        super().setup(place, matrix, compressed=compressed)
        self._dataset(place).create_scalar_index("word", index_type="BTREE")

    def read(self, place: Place, request: Request) -> Answer:
        """Open the dataset and read the vectors of words."""
        dataset = self._dataset(place)
        if len(request.words) > _MOST_IN_FILTER:
            listed = dataset.to_table(columns=["word"])["word"].to_pylist()
            rows, _ = _vocabulary.find(listed, request)
            return Answer(vectors=_vectors(dataset.take(rows.tolist(), columns=["vector"])))
        table = dataset.to_table(columns=["word", "vector"], filter=_filter(request))
        found, vectors = table["word"].to_pylist(), _vectors(table)
        if not request.words:
            return Answer(vectors=vectors, words=found)
        return Answer(vectors=vectors[_order(found, request.words)])


def _options(place: Place) -> dict[str, str]:
    return {
        "aws_access_key_id": place.access_key,
        "aws_secret_access_key": place.secret_key,
        "aws_region": place.region,
        "aws_endpoint": place.endpoint_url,
        "allow_http": "true",
    }


def _vectors(table: Any) -> NDArray[Any]:  # noqa: ANN401 - an Arrow table
    column = table["vector"].combine_chunks()
    if hasattr(column, "chunks"):
        column = column.chunk(0)
    flat: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(table), -1)


def _filter(request: Request) -> str:
    if request.words:
        return f"word IN ({', '.join(map(_quoted, request.words))})"
    return f"word >= {_quoted(request.first)} AND word < {_quoted(request.last)}"


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def _order(found: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    place = {word: row for row, word in enumerate(found)}
    return np.array([place[word] for word in wanted])
