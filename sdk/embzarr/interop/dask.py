"""dask: a checkpoint as a data frame, read part by part where it is computed (extra ``dask``).

As arrays it is read by `embzarr.interop.xarray`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr._format import arguments, spec
from embzarr.interop._door import Source, common_dtype, needs, opened
from embzarr.interop._rows import row_shares

with needs("dask", extra="dask"):
    import dask
    import dask.dataframe as dd

    from embzarr.interop._rows.frames import frame_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._checkpoint import Checkpoint

__all__ = ["to_dask"]


def to_dask(
    checkpoint: Source,
    columns: Sequence[str] | None = None,
    *,
    partitions: int | None = None,
    by: str = "rows",
) -> Any:  # noqa: ANN401 - dask is an extra
    """Return a checkpoint as a `dask.dataframe.DataFrame`, read when it is computed.

    Rows and columns are those of `embzarr.interop.pandas.to_pandas`: words as index, numbers of
    vectors as columns ``0`` to ``dim - 1``. A partition reads its own rows, and of them what the
    computation looks at; all read the one commit, whatever is committed meanwhile. Tasks go to
    other processes as the pickle of a checkpoint: credentials come from their environment.

    Args:
        checkpoint: one that is open, or the place of a run.
        columns: which to have, by their names in the checkpoint; by default all.
        partitions: how many; by default as many as 32 MiB each make.
        by: what they divide: ``rows``, ``weight`` by ``counts``, or ``hash``, whole groups of such
            a placement.

    Raises:
        InvalidInputError: no such column, no counts or groups, or `partitions` below 1.

    Example:
        >>> from embzarr.interop.dask import to_dask
        >>> frame = to_dask(checkpoint, partitions=2)
        >>> frame[[0, 1]].sum().compute().tolist()
        [1.0, 1.0]
        >>> frame.npartitions, frame.partitions[1].compute().index.tolist()
        (2, ['man', 'woman'])
    """
    found = opened(checkpoint)
    asked = None if partitions is None else arguments.whole("partitions", partitions, least=1)
    names, shares = row_shares.divide(found, columns, asked, by)
    read = _Reader(found, names)
    # dask takes a column of objects for one of text, which bytes are not, and text is text already.
    with dask.config.set({"dataframe.convert-string": False}):
        return dd.from_map(read, shares, meta=read((0, 0)), label="embzarr")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads a partition: of its rows the columns that dask says are looked at."""

    checkpoint: Checkpoint
    names: tuple[str, ...]
    """Stored columns that there are in the frame."""

    def __call__(self, rows: tuple[int, int], columns: list[Any] | None = None) -> Any:  # noqa: ANN401 - a frame
        looked_at = {*self.names} if columns is None else {*map(self._stored, columns)}
        names = [name for name in self.names if name in looked_at]
        dtype = common_dtype(self.checkpoint.dtype)
        frame = frame_of(self.checkpoint.load_rows(*rows, columns=names, dtype=dtype))
        return frame if columns is None else frame[columns]

    def __dask_tokenize__(self) -> tuple[object, ...]:
        checkpoint = self.checkpoint
        return checkpoint.url, checkpoint.commit, checkpoint.info().created, self.names

    def _stored(self, label: str | int) -> str:
        """Return the stored column that a column of the frame is of."""
        if not isinstance(label, str):
            return spec.VECTORS
        return label if label in self.names else label.rpartition(".")[0]
