"""Saving: a whole matrix at once, or a stream of blocks, committed atomically at the end."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from embzarr._checkpoint import Checkpoint
from embzarr._format import (
    LayerSettings,
    arguments,
    dtypes,
    given_arrays,
    placements,
    spec,
    word_table,
)
from embzarr._history import Draft, Target, committing, history, root
from embzarr._storage import forks, interrupts, parallel
from embzarr._version import __version__
from embzarr._writing.given import checks
from embzarr._writing.given.extras import Extras
from embzarr._writing.layers.conversion import check_blocks
from embzarr._writing.layers.full_layer import LayerWriter
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from embzarr._format import Manifest, Placement, WordTable
    from embzarr._history import Record
    from embzarr._storage import CountingStore
    from embzarr._writing.given.given_files import Source


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
        metadata: dict[str, Any],
        *,
        base: Record | None,
        store_id: Callable[[], str],
        is_next: bool,
        may_come_after: Callable[[Manifest], object] | None,
    ) -> None:
        """Wrap a layer's writer; use `embzarr.create`."""
        self.metadata = metadata
        self.model: dict[str, Any] | None = None
        self._store = store
        self._layer = layer
        self._placement = placement
        self._base = base
        self._store_id = store_id
        self._is_next = is_next
        self._may_come_after = may_come_after
        self._open: forks.Process | None = forks.Process()
        self._turn = forks.Lock()
        """Held by whoever appends, commits or aborts: an interrupted call may still be ending."""
        self._is_whole = True
        """Whether all rows that were appended are there; not once a call was interrupted."""
        self._has_end = False
        """Whether it is in a block, at whose end it commits."""

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
            InvalidInputError: shapes, words, columns or numbers that do not fit; or, with code
                ``store-closed``, the writer has ended, or was interrupted: rows may then be half
                there, and none of them is committed.

        Example:
            >>> with embzarr.create(folder, dim=2) as writer:
            ...     writer.append(["king", "queen"], np.eye(2))
        """
        table = word_table.from_words(checks.taken(words), first_row=self._layer.rows)
        self._apart(lambda: self._append(table, {spec.VECTORS: vectors, **columns}))

    def add(
        self,
        *,
        tensors: Mapping[str, ArrayLike] | None = None,
        files: Mapping[str, Source] | None = None,
        model: Mapping[str, Any] | None = None,
        chunk_bytes: int | None = None,
    ) -> None:
        """Add tensors, files and the record of a model, as `embzarr.save` takes them.

        Args:
            tensors: arrays by name, which must stay as they are until the writer has ended.
            files: bytes, paths or open binary files, by name.
            model: any JSON, in place of an earlier one.
            chunk_bytes: rows of a tensor that are fetched together take so many bytes at most; by
                default what the writer was given, or a MiB.

        Raises:
            InvalidInputError: something of it cannot be saved, or was given before; or, with code
                ``store-closed``, the writer has ended, was interrupted, or could not read a file.

        Example:
            >>> with embzarr.create(folder, dim=2) as writer:
            ...     writer.append(["king"], np.ones((1, 2)))
            ...     writer.add(tensors={"bias": np.zeros(2)}, files={"a.json": b"{}"})
            >>> writer.checkpoint.tensors["bias"].shape
            (2,)
        """
        extras = Extras.of(tensors, files, model)
        nbytes = None if chunk_bytes is None else arguments.chunk_bytes(chunk_bytes)
        self._apart(lambda: self._add(extras, nbytes))

    def _apart(self, work: Callable[[], object]) -> None:
        """Do something in turn; where it is interrupted, rows may be half there."""
        if not self._has_end:
            raise InvalidInputError(
                "store-closed",
                "a writer commits at the end of its block: expected "
                "`with embzarr.create(...) as writer:`, found none",
            )

        def in_turn() -> None:
            with self._turn:
                self._require_open()
                work()

        try:
            interrupts.apart(in_turn)
        except Exception:
            raise
        except BaseException:
            self._is_whole = False
            raise

    def _add(self, extras: Extras, chunk_bytes: int | None) -> None:
        self._layer.contents.put(extras.tensors, extras.files, chunk_bytes=chunk_bytes)
        self.model = self.model if extras.model is None else extras.model

    def _append(self, words: WordTable, blocks: Mapping[str, ArrayLike]) -> None:
        taken = given_arrays.arrays_of(blocks)
        check_blocks(len(words), taken, self._layer.columns)
        self._layer.append(words, taken, copied=True)

    def _require_open(self) -> None:
        if not self._open:
            raise InvalidInputError(
                "store-closed", "this writer has committed, was aborted, or is another process's"
            )
        if not (self._is_whole and self._layer.contents.is_whole):
            raise InvalidInputError(
                "store-closed", "this writer was interrupted, or failed midway: begin anew"
            )

    def __enter__(self) -> Self:
        """Return the writer itself."""
        self._has_end = True
        return self

    def __exit__(self, _: object, cause: BaseException | None, __: object) -> None:
        """Commit; after an error inside the block, abort. A forked child does neither."""
        if not self._open:
            return
        if cause is None:
            self.checkpoint = interrupts.apart(self._end)
        else:
            self._is_whole = False
            interrupts.apart(partial(self._give_up, cause))

    def _end(self) -> Checkpoint:
        with self._turn:
            return self._commit()

    def _give_up(self, cause: BaseException) -> None:
        with self._turn:
            self._abort(cause)

    def _commit(self) -> Checkpoint:
        with self._aborted_on_error():
            self._require_open()
            metadata = checks.metadata_of(self.metadata)
            layer = self._layer.finish(self._placement, meanwhile=self._store_id)
            draft = Draft(
                store_id=self._store_id(),
                write_id=self._layer.write_id,
                step=self._layer.step,
                is_next=self._is_next,
                layers=[layer],
                metadata=metadata,
                model=self.model,
                base=self._base,
                may_come_after=self._may_come_after,
            )
        self._open = None
        # From here on nothing may be removed: the manifest may stand even where we are told not.
        commit = committing.publish(self._store, draft, writer=f"embzarr {__version__}")
        return Checkpoint(self._store, commit)

    @contextmanager
    def _aborted_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as exc:
            self._abort(exc)
            raise

    def _abort(self, cause: BaseException) -> None:
        if self._open:
            self._open = None
            self._layer.abort(cause)


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
    chunk_bytes: int | None = None,
    allow_nonfinite: bool = False,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Writer:
    """Start a save of unknown length in bounded memory.

    ``with embzarr.create(url, 300) as writer: writer.append(words, vectors)``

    Args:
        url: where to; see `embzarr.open`.
        dim: numbers in a vector.
        step: the step's number; by default one more than the newest commit's, or 0, also of what
            others commit meanwhile.
        dtype: float32, float16, bfloat16 or float64.
        columns: further columns: a data type, or a data type and the shape of one row; of text
            and bytes with the most that one has, ``U16``, of times with the unit,
            ``datetime64[s]``.
        metadata: any JSON; the writer's ``metadata`` may be changed until it commits.
        placement: ``given``, or ``lexical`` for words that come in byte order.
        compression: ``auto``, ``none``, ``lz4``, ``zstd[:LEVEL]``,
            ``blosc:CNAME[:SHUFFLE[:LEVEL]]``.
        chunk_bytes: see `embzarr.save`.
        allow_nonfinite: store NaN and infinity instead of refusing them.
        allow_new_dim: let vectors be longer or shorter than those of the newest commit.
        single_writer: promise that nobody else writes, for a store that cannot exclude others.
        storage_options: credentials and endpoint.

    Raises:
        InvalidInputError: a setting that cannot be used.
        UnsupportedError: a store that cannot be written to safely.

    Example:
        >>> with embzarr.create(folder, dim=2) as writer:
        ...     writer.append(["king"], [[1, 0]])
        ...     writer.append(["queen"], [[0, 1]])
        >>> writer.checkpoint["queen"]
        array([0., 1.], dtype=float32)
    """
    order = placements.parse(placement)
    if order.groups:
        raise InvalidInputError(
            "input-argument", f"rows in groups need all words at once: use save for {placement!r}"
        )
    settings = LayerSettings(
        dim=dim,
        dtype=dtypes.vector_name_of(dtype),
        columns={name: checks.column_kind(name, kind) for name, kind in (columns or {}).items()},
        compression=compression,
        chunk_bytes=chunk_bytes,
        allow_nonfinite=allow_nonfinite,
    )
    target = Target(url=url, options=storage_options, single_writer=single_writer)
    told = checks.metadata_of(metadata)
    begin = partial(start, target, settings, step=step, metadata=told, placement=order)
    return interrupts.apart(partial(begin, allow_new_dim=allow_new_dim))


def start(
    target: Target,
    settings: LayerSettings,
    *,
    step: int | None,
    metadata: dict[str, Any],
    placement: Placement,
    allow_new_dim: bool,
    caller_rows: NDArray[np.int64] | None = None,
) -> Writer:
    """Open the store, and prepare to write a step there.

    Args:
        target: where to.
        settings: how the layer is stored.
        step: the caller's, or None for the next.
        metadata: as `checks.metadata_of` returned it.
        placement: order of the rows.
        allow_new_dim: whether vectors may be longer or shorter than those of the newest commit.
        caller_rows: the caller's row of each row, where rows are moved.
    """
    store = target.open()
    # In any case: a store that cannot be read, or is of a later version, is refused here.
    base = history.tip(store)
    number = checks.check_follows(
        store, base, step=step, dim=settings.dim, allow_new_dim=allow_new_dim
    )
    write_id = committing.new_id()
    layer = LayerWriter(store, settings, step=number, write_id=write_id, caller_rows=caller_rows)
    sound = parallel.Later(lambda: target.require_sound(store))

    def claim() -> str:
        sound()
        return base.store if base else root.claim(store, committing.new_id())

    # While the first rows are sent: an unsound store is told of before it is committed to.
    layer.beside(sound)
    store_id = parallel.Later(claim)
    return Writer(
        store,
        layer,
        placement,
        metadata,
        base=base,
        store_id=store_id,
        is_next=step is None,
        may_come_after=None
        if allow_new_dim
        else partial(checks.require_dim, store.url, settings.dim),
    )
