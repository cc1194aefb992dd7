"""One commit of shares that many have written: all of their rows as a full step, or as a delta."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._checkpoint import Checkpoint
from embzarr._format import Manifest, placements, spec, word_table
from embzarr._history import Claim, Draft, committing, root
from embzarr._parts.publish import base_of
from embzarr._reading import TableReader, link_of, pages
from embzarr._storage import interrupts, known_of, parallel
from embzarr._version import __version__
from embzarr._writing import compacting, delta
from embzarr.errors import EmbzarrError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer, Placement, WordTable
    from embzarr._history import Commit, Record, Target
    from embzarr._parts.shares import Share, SharedStep
    from embzarr._storage import CountingStore, Store
    from embzarr._writing import DeltaOptions

MOST_APPENDED = 1024**3
"""Bytes of rows that a delta is made of at once, in memory."""
_JOB_BYTES = 32 * 1024**2
"""Of shards under way, two beside the one that is filled: a driver has other things to hold."""
_HDFS_JOB_BYTES = 112 * 1024**2
"""hdfs-native asks again after half a second whether a file is whole: eight wait side by side."""
_BATCH_BYTES = 6 * 1024**2
"""Of rows that are read at once; as many more are laid into their shard meanwhile."""


def gather(
    target: Target,
    plan: SharedStep,
    shares: Sequence[Share],
    *,
    metadata: dict[str, Any],
    placement: str = "given",
    compression: str = "auto",
    chunk_bytes: int | None = None,
) -> Checkpoint:
    """Make one atomic commit of all rows of the shares, in their order, and remove the shares.

    They are read and written once, in bounded memory: a few batches, and the vocabulary. It may be
    called again after a failure: what was committed before is returned as it is.

    Args:
        target: where to.
        plan: the plan.
        shares: all of them, in the order of their rows.
        metadata: plain JSON.
        placement: as `embzarr.save` takes it: rows are refused that are not in its order.
        compression: as `embzarr.save` takes it.
        chunk_bytes: see `embzarr.save`.

    Raises:
        InvalidInputError: a word stands in two shares, shares do not fit each other, or rows are
            not in the order of `placement`.
        ConflictError: codes ``write-revoked`` and ``history-expired``: a garbage collection took
            the shares for abandoned.
        StoreError: code ``commit-unknown``: the commit may have been made: call again.
    """
    order = placements.parse(placement)

    def write() -> Checkpoint:
        store = target.open()
        base = base_of(store, plan.base)
        made = committing.made_before(store, _claim(plan, shares))
        if made is None:
            layer = _assembled(store, plan, shares, order, (compression, chunk_bytes))
            made = _committed(store, plan, base, layer, metadata)
        discard(target, shares)
        return Checkpoint(store, made)

    return interrupts.apart(write)


def gather_delta(
    target: Target, plan: SharedStep, shares: Sequence[Share], options: DeltaOptions
) -> Checkpoint:
    """Lay all rows of the shares upon the newest commit, and remove the shares.

    Rows of words that it has replace what they were, those of others are appended, in order.

    Args:
        target: where to.
        plan: the plan, whose base must still be the newest checkpoint.
        shares: all of them; their rows are held in memory.
        options: how a delta is saved.

    Raises:
        InvalidInputError: as `gather`, or more than a GiB of rows.
        ConflictError: code ``commit-superseded``: another commit came after the plan; else as
            `gather`.
    """

    def write() -> Checkpoint:
        store = target.open()
        base_of(store, plan.base)
        committing.made_before(store, _claim(plan, shares))
        head = delta.newest(store, plan.base.commit if plan.base else None)
        readers = _readers(store, shares)
        _require_room(readers)
        words, _ = _distinct_words(readers, shares)
        rows, new = _rows_in(store, head, words)
        columns = _all_columns(readers)
        saved = delta.save_delta(
            store, head, dict.fromkeys(columns, rows), columns, [*words.take(new)], options
        )
        discard(target, shares)
        return saved

    return interrupts.apart(write)


def discard(target: Target, shares: Sequence[Share]) -> None:
    """Remove shares, which nothing names; what cannot be removed is a garbage collection's."""
    layers = [share.layer for share in shares if share.layer]
    with suppress(EmbzarrError):
        store = target.open()
        whole = [pages.whole_layer(store, layer) for layer in layers]
        names = [f"{layer.path}/{name}" for layer in whole for name in layer.objects]
        parallel.each(store.delete, names)


def _claim(plan: SharedStep, shares: Sequence[Share]) -> Claim:
    """Return what stands for the write where collections are looked at that came after its base."""
    folders = {share.layer.path for share in shares if share.layer}
    seen = plan.base.commit if plan.base else 0
    return Claim(write_id=plan.write_id, folders=frozenset(folders), seen=seen)


def _assembled(
    store: Store,
    plan: SharedStep,
    shares: Sequence[Share],
    placement: Placement,
    how: tuple[str, int | None],
) -> Layer:
    """Write the rows of all shares as one layer."""
    readers = _readers(store, shares)
    words, order = _distinct_words(readers, shares)
    placement = _in_order(placement, words, order)
    compression, chunk_bytes = how
    writer = compacting.writer_like(
        store,
        readers[0].manifest,
        step=plan.step,
        write_id=plan.write_id,
        compression=compression,
        chunk_bytes=chunk_bytes,
        job_bytes=_HDFS_JOB_BYTES if known_of(store).kind == "hdfs" else _JOB_BYTES,
    )
    writer.lossy = compacting.inherited(reader.manifest.base for reader in readers)
    with writer.withdrawn_on_error():
        writer.put_words(words, placement, order)
        del words, order
        for reader in readers:
            for blocks in compacting.blocks_of(reader, _BATCH_BYTES):
                writer.append_rows(blocks, copied=True)
        return writer.finish(placement)


def _committed(
    store: CountingStore,
    plan: SharedStep,
    base: Record | None,
    layer: Layer,
    metadata: dict[str, Any],
) -> Commit:
    draft = Draft(
        store_id=base.store if base else root.claim(store, committing.new_id()),
        write_id=plan.write_id,
        step=plan.step,
        is_next=plan.is_next,
        layers=[layer],
        metadata=metadata,
        base=base,
    )
    # From here on nothing may be removed: the manifest may stand even where we are told not.
    return committing.publish(store, draft, writer=f"embzarr {__version__}")


# Shares, read -------------------------------------------------------------------------------------
def _readers(store: Store, shares: Sequence[Share]) -> list[TableReader]:
    """Return what reads the shares that have rows, all of one kind."""
    layers = [(at, share.layer) for at, share in enumerate(shares) if share.layer]
    if not layers:
        raise InvalidInputError("input-rows", "expected rows to save, found none in any partition")
    kinds = [_kinds_of(layer) for _, layer in layers]
    usual = Counter(map(str, kinds)).most_common(1)[0][0]
    for (at, _), kind in zip(layers, kinds, strict=True):
        if str(kind) != usual:
            raise InvalidInputError(
                "input-shape", f"partition {at}: expected rows of {usual}, found {kind}"
            )
    link = link_of(store)
    return [TableReader(store, _alone(layer), link) for _, layer in layers]


def _kinds_of(layer: Layer) -> dict[str, tuple[str, list[int]]]:
    arrays = {name: layer.arrays[name] for name in layer.columns}
    return {name: (array.dtype, list(array.shape[1:])) for name, array in arrays.items()}


def _alone(layer: Layer) -> Manifest:
    """Return what would be the manifest of a share, were it committed."""
    return Manifest(
        format=spec.FORMAT,
        version=spec.VERSION,
        store="0" * 32,
        commit=1,
        write_id="0" * 32,
        parent=None,
        step=0,
        kind="full",
        created=committing.now(),
        writer="",
        layers=[layer],
        metadata={},
    )


def _distinct_words(
    readers: Sequence[TableReader], shares: Sequence[Share]
) -> tuple[WordTable, NDArray[np.int64]]:
    """Return the words of all shares, and their rows in byte order of the words.

    Raises:
        InvalidInputError: code ``input-duplicate-word``, with words and their partitions.
    """
    gathering = word_table.Gathering()
    for table in parallel.ahead(lambda one: one.vocabulary.words(0, one.manifest.rows), readers):
        gathering.add(table)
    words, ends = gathering.table(), np.cumsum([share.rows for share in shares])
    return words, words.argsort_unique(lambda row: _part(ends, row), places="partitions")


def _part(ends: NDArray[np.int64], row: int) -> int:
    return int(np.searchsorted(ends, row, side="right"))


def _in_order(placement: Placement, words: WordTable, sorted_rows: NDArray[np.int64]) -> Placement:
    """Return a placement with its groups, in whose order words must be.

    Raises:
        InvalidInputError: code ``input-argument``: they are not.
    """
    order: NDArray[np.int64] | None = sorted_rows  # of lexical ones, as they are
    found = placement
    if placement.kind != "lexical":
        found, order = placements.arrange(placement, words, None)
    if order is not None and np.any(np.diff(order) != 1):
        row = int(np.flatnonzero(np.diff(order) != 1)[0]) + 1
        raise InvalidInputError(
            "input-argument",
            f"placement {placement}: expected rows in its order, found {words.word(row)!r} in row "
            f"{row}, which belongs elsewhere",
        )
    return found


def _require_room(readers: Sequence[TableReader]) -> None:
    nbytes = sum(
        array.grid.row_bytes * array.grid.rows
        for reader in readers
        for array in reader.manifest.base.arrays.values()
    )
    if nbytes > MOST_APPENDED:
        raise InvalidInputError(
            "input-argument",
            f"expected at most {MOST_APPENDED} bytes of rows to append, which one process holds; "
            f"found {nbytes}: save a full step",
        )


def _rows_in(
    store: Store, head: Commit, words: WordTable
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of words in a commit or after its last, and which of the words are new there."""
    known = TableReader(store, head.manifest, link_of(store))
    rows = known.vocabulary.rows(words)
    new = np.flatnonzero(rows < 0)
    rows[new] = head.manifest.rows + np.arange(len(new))
    return rows, new


def _all_columns(readers: Sequence[TableReader]) -> dict[str, NDArray[Any]]:
    blocks = [block for reader in readers for block in compacting.blocks_of(reader)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
