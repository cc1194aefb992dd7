"""Saving: a whole matrix at once, or a stream of blocks, committed atomically at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from embzarr import (
    _commit,
    _dtypes,
    _history,
    _json,
    _keys,
    _parallel,
    _placement,
    _probe,
    _root,
    _schema,
    _words,
)
from embzarr._checkpoint import Checkpoint
from embzarr._commit import Draft
from embzarr._layer_writer import LayerWriter
from embzarr._version import __version__
from embzarr.errors import DamagedError, InvalidInputError
from embzarr.objects import CountingStore, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from embzarr._array_write import ArrayWriter
    from embzarr._placement import Placement
    from embzarr._records import Commit, Record


class Writer:
    """Takes words and vectors block by block; commits when its ``with`` block ends without error.

    Memory stays bounded whatever is streamed through: a shard being filled (up to 16 MiB), a few
    being encoded and sent, and the vocabulary. After an error, or a crash at any moment, nothing
    of it is visible and the commit before is as it was.
    """

    checkpoint: Checkpoint
    """The committed checkpoint, once the ``with`` block has ended."""

    def __init__(
        self,
        store: CountingStore,
        layer: LayerWriter,
        placement: Placement,
        metadata: Mapping[str, Any],
        *,
        base: Record | None,
        store_id: Callable[[], str],
    ) -> None:
        """Wrap a layer's writer; use `embzarr.create`."""
        self.metadata: dict[str, Any] = dict(metadata)
        self._store = store
        self._layer = layer
        self._placement = placement
        self._base = base
        self._store_id = store_id
        self._open = True

    def append(
        self, words: Iterable[str | bytes], vectors: ArrayLike, **columns: ArrayLike
    ) -> None:
        """Add rows; the arrays may be used again at once.

        Args:
            words: one for each row.
            vectors: shape (k, dim), of the type that was given to `embzarr.create` or one that
                converts to it.
            **columns: a block of k rows for each further column.

        Raises:
            InvalidInputError: shapes, words, columns or numbers that do not fit.
        """
        if not self._open:
            raise InvalidInputError("store-closed", "this writer has committed or was aborted")
        table = _words.from_words(words, first_row=self._layer.rows)
        blocks = {_schema.VECTORS: vectors, **columns}
        taken = {name: np.array(block) for name, block in blocks.items()}
        check_blocks(len(table), taken, self._layer.columns)
        self._layer.append(table, taken)

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Commit; after an error inside the block, abort."""
        if kind is None:
            self.checkpoint = self._commit()
        else:
            self._abort()

    def _commit(self) -> Checkpoint:
        try:
            check_metadata(self.metadata)
            layer = self._layer.finish(self._placement, meanwhile=self._store_id)
        except BaseException:
            self._abort()
            raise
        self._open = False
        draft = Draft(
            store_id=self._store_id(),
            write_id=self._layer.write_id,
            step=self._layer.step,
            layers=[layer],
            metadata=self.metadata,
            base=self._base,
        )
        # From here on nothing may be removed: the manifest may stand even where we are told not.
        commit = _commit.publish(self._store, draft, writer=f"embzarr {__version__}")
        return Checkpoint(self._store, commit)

    def _abort(self) -> None:
        if self._open:
            self._open = False
            self._layer.abort()


def create(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    dim: int,
    *,
    step: int | None = None,
    dtype: DTypeLike = "float32",
    columns: Mapping[str, DTypeLike | tuple[DTypeLike, tuple[int, ...]]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    placement: Literal["given", "lexical"] = "given",
    compression: str = "auto",
    allow_nonfinite: bool = False,
    single_writer: bool = False,
    store_options: Mapping[str, Any] | None = None,
) -> Writer:
    """Start a save of unknown length in bounded memory.

    ``with embzarr.create(url, 300) as writer: writer.append(words, vectors)``

    Args:
        url: where to; see `embzarr.open`.
        dim: numbers in a vector.
        step: the step's number; by default one more than the newest commit's, or 0.
        dtype: float32, float16, bfloat16 or float64.
        columns: further columns: a data type, or a data type and the shape of one row.
        metadata: any JSON; the writer's ``metadata`` may be changed until it commits.
        placement: ``given``, or ``lexical`` for words that come in byte order.
        compression: ``auto``, ``none``, ``lz4``, ``zstd[:LEVEL]``,
            ``blosc:CNAME[:SHUFFLE[:LEVEL]]``.
        allow_nonfinite: store NaN and infinity instead of refusing them.
        single_writer: promise that nobody else writes, for a store that cannot exclude others.
        store_options: credentials and endpoint.

    Raises:
        InvalidInputError: a setting that cannot be used.
        UnsupportedError: a store that cannot be written to safely.
    """
    order = _placement.parse(placement)
    if order.groups:
        raise InvalidInputError(
            "input-argument", f"rows in groups need all words at once: use save for {placement!r}"
        )
    kinds = {name: column_kind(name, kind) for name, kind in (columns or {}).items()}
    return start(
        url,
        step=step,
        dim=dim,
        dtype=_dtypes.vector_name_of(dtype),
        columns=kinds,
        metadata=metadata,
        placement=order,
        compression=compression,
        allow_nonfinite=allow_nonfinite,
        single_writer=single_writer,
        store_options=store_options,
    )


def start(  # noqa: PLR0913 - the settings of a save, each named
    url: object,
    *,
    step: int | None,
    dim: int,
    dtype: str,
    columns: Mapping[str, tuple[str, tuple[int, ...]]],
    metadata: Mapping[str, Any] | None,
    placement: Placement,
    compression: str,
    allow_nonfinite: bool,
    single_writer: bool,
    store_options: Mapping[str, Any] | None,
) -> Writer:
    if dim < 1:
        raise InvalidInputError("input-shape", f"vectors must have a dimension; found {dim}")
    if len(columns) >= _schema.MAX_COLUMNS:
        raise InvalidInputError(
            "input-argument",
            f"expected at most {_schema.MAX_COLUMNS} columns, vectors included; "
            f"found {len(columns) + 1}",
        )
    check_metadata(metadata or {})
    _dtypes.numpy_dtype(dtype)
    store = CountingStore(open_store(url, store_options=store_options, single_writer=single_writer))
    # In any case: a store that cannot be read, or is of a later version, is refused here.
    base = _history.tip(store)
    layer = LayerWriter(
        store,
        step=check_step(_history.newest_of(store, base) if step is None else None, step),
        write_id=_commit.new_id(),
        dim=dim,
        dtype=dtype,
        columns=columns,
        compression=compression,
        allow_nonfinite=allow_nonfinite,
    )
    sound = _parallel.Later(lambda: _probe.require_sound(store, single_writer=single_writer))

    def claim() -> str:
        sound()
        return base.store if base else _root.claim(store, _commit.new_id())

    # While the first rows are sent: an unsound store is told of before it is committed to.
    layer.beside(sound)
    store_id = _parallel.Later(claim)
    return Writer(store, layer, placement, metadata or {}, base=base, store_id=store_id)


def check_step(head: Commit | None, step: int | None) -> int:
    """Return the step to save: the caller's, or the one after the newest checkpoint's."""
    if step is None:
        return head.manifest.step + 1 if head else 0
    if isinstance(step, bool) or step != int(step) or not 0 <= step <= _schema.MAX_INTEGER:
        raise InvalidInputError(
            "input-argument", f"a step is a whole number from 0 to 2**53 - 1; found {step!r}"
        )
    return int(step)


def column_kind(name: str, kind: Any) -> tuple[str, tuple[int, ...]]:  # noqa: ANN401 - checked here
    """Return stored data type and row shape of a column."""
    dtype, shape = kind if isinstance(kind, tuple) else (kind, ())
    if not _keys.is_column_name(name) or name == _schema.VECTORS:
        raise InvalidInputError(
            "input-argument",
            f"a column's name is up to 64 letters, digits, '_', '.' or '-', and none of "
            f"{', '.join(sorted(_schema.RESERVED_COLUMNS | {_schema.VECTORS}))}; found {name!r}",
        )
    if len(shape) >= _schema.MAX_RANK or any(size < 1 for size in shape):
        raise InvalidInputError("input-shape", f"column {name!r}: rows of shape {shape}")
    return _dtypes.column_name_of(dtype, what=f"column {name!r}"), tuple(map(int, shape))


def check_lengths(count: int, columns: Mapping[str, NDArray[Any]]) -> None:
    for name, block in columns.items():
        if block.ndim == 0 or len(block) != count:
            found = "a single number" if block.ndim == 0 else f"{len(block)} rows"
            raise InvalidInputError(
                "input-rows", f"{name}: expected a row for each of {count} words, found {found}"
            )


def check_blocks(
    count: int, blocks: Mapping[str, NDArray[Any]], arrays: Mapping[str, ArrayWriter]
) -> None:
    """Refuse blocks that do not fit the columns of a layer.

    Args:
        count: rows that each must have.
        blocks: by column.
        arrays: the columns.

    Raises:
        InvalidInputError: codes ``input-argument``, ``input-shape``, ``input-rows`` or
            ``input-dtype``.
    """
    if blocks.keys() != arrays.keys():
        raise InvalidInputError(
            "input-argument", f"expected the columns {sorted(arrays)}, found {sorted(blocks)}"
        )
    check_lengths(count, blocks)
    for name, block in blocks.items():
        expected = arrays[name].row_shape
        if block.shape[1:] != expected:
            raise InvalidInputError(
                "input-shape", f"{name}: expected rows of shape {expected}, found {block.shape[1:]}"
            )
        _dtypes.column_name_of(block.dtype, what=name)


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that could not be read back."""
    data = _json.dumps(dict(metadata))
    if len(data) > _schema.MAX_METADATA_BYTES:
        raise InvalidInputError(
            "input-argument",
            f"metadata: expected at most {_schema.MAX_METADATA_BYTES} bytes of JSON, "
            f"found {len(data)}",
        )
    try:  # as deep as they stand in the manifest
        _json.loads(b'{"metadata":%b}' % data, what="metadata", max_bytes=2 * len(data) + 16)
    except DamagedError as exc:
        raise InvalidInputError("input-argument", str(exc.args[0])) from exc
