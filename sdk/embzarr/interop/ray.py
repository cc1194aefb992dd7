"""Ray: a checkpoint as a dataset whose blocks tasks of Ray read, each its own (extra ``ray``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments
from embzarr.interop._door import Source, common_dtype, needs, opened
from embzarr.interop._rows import row_shares

with needs("ray", extra="ray"):
    import ray.data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["to_ray"]


def to_ray(
    checkpoint: Source,
    columns: Sequence[str] | None = None,
    *,
    tasks: int | None = None,
    by: str = "rows",
) -> Any:  # noqa: ANN401 - ray is an extra
    """Return a checkpoint as a `ray.data.Dataset`, read when it is used.

    A row is a ``word`` and the columns by their names in the checkpoint, ``vectors`` as a tensor.
    Every task reads the one commit, whatever is committed meanwhile. A checkpoint travels as its
    pickle: credentials come from the environment of Ray's nodes, where embzarr is installed.

    Args:
        checkpoint: one that is open, or the place of a run.
        columns: which to have, by their names in the checkpoint; by default all. Ray's own
            ``select_columns`` comes after all of these were read.
        tasks: how many read; by default as many as 32 MiB each make.
        by: what they divide: ``rows``, ``weight`` by ``counts``, or ``hash``, whole groups of such
            a placement.

    Raises:
        InvalidInputError: no such column, no counts or groups, or `tasks` below 1.

    Example:
        >>> from embzarr.interop.ray import to_ray
        >>> table = to_ray(checkpoint, tasks=2)
        >>> [(row["word"], float(row["vectors"].sum())) for row in table.take_all()]
        [('king', 1.0), ('queen', 1.0), ('man', 1.0), ('woman', 1.0)]
    """
    found = opened(checkpoint)
    asked = None if tasks is None else arguments.whole("tasks", tasks, least=1)
    names, shares = row_shares.divide(found, columns, asked, by)

    def read(share: dict[str, Any]) -> Iterator[dict[str, Any]]:
        ((start, stop),) = share["rows"].tolist()
        dtype = common_dtype(found.dtype)
        for loaded in found.stream(start=start, stop=stop, columns=names, dtype=dtype):
            yield {"word": np.array(loaded.words, object), **loaded.columns}

    listed = ray.data.from_items(
        [{"rows": rows} for rows in shares], override_num_blocks=len(shares)
    )
    return listed.map_batches(read, batch_size=1, batch_format="numpy")
