"""Saving what changed since a commit: as a delta upon it, or as a full step where that pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._checkpoint import Checkpoint
from embzarr._format import arguments, chunk_coding, dtypes, row_changes, spec, word_table
from embzarr._history import Draft, committing, history
from embzarr._reading import VocabularyReader, link_of
from embzarr._version import __version__
from embzarr._writing import changed_contents, compacting
from embzarr._writing.given.checks import check_step
from embzarr._writing.given.extras import NO_EXTRAS, Upon
from embzarr._writing.layers.conversion import check_finite
from embzarr._writing.layers.delta_layer import DeltaWriter, stored_bytes
from embzarr.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from embzarr._format import Change, Layer, Manifest, WordTable
    from embzarr._history import Commit
    from embzarr._storage import CountingStore, Store
    from embzarr._writing.given.extras import Extras
    from embzarr._writing.layers.delta_layer import LossyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaPolicy:
    """When a full step is written in place of a delta.

    Example:
        >>> policy = embzarr.DeltaPolicy(max_deltas=8)  # a full step after eight deltas
        >>> run.save_delta([0], [[3, 3, 3, 3]], policy=policy)["king"]
        array([3., 3., 3., 3.], dtype=float32)
    """

    max_deltas: int = 8
    """Deltas that may lie upon one full step: at most 63; 0 for full steps alone."""
    max_share: float = 0.5
    """What all of them together may take, as a share of what the full step takes."""

    def __post_init__(self) -> None:
        """Refuse what no chain can be.

        Raises:
            InvalidInputError: a number out of range.
        """
        if not 0 <= self.max_deltas < spec.MAX_LAYERS or not self.max_share >= 0:
            raise InvalidInputError(
                "input-argument",
                f"expected max_deltas from 0 to {spec.MAX_LAYERS - 1} and max_share from 0; "
                f"found {self.max_deltas} and {self.max_share}",
            )

    def allows(
        self,
        manifest: Manifest,
        counts: Mapping[str, int],
        lossy: LossyKind | None,
        *,
        beside: int = 0,
    ) -> bool:
        """Tell whether a delta may be laid upon a commit.

        Args:
            manifest: the commit.
            counts: rows of each column that the delta would hold.
            lossy: how it would store them.
            beside: bytes of tensors and files that it would hold.
        """
        base, *deltas = manifest.layers
        nbytes = (
            stored_bytes(base, counts, lossy) + beside + sum(layer.bytes_stored for layer in deltas)
        )
        rows = max((_held(deltas, name) + count for name, count in counts.items()), default=0)
        return (
            len(deltas) < self.max_deltas
            and nbytes <= self.max_share * base.bytes_stored
            and rows <= spec.MAX_DELTA_ROWS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaOptions:
    """How a delta is saved."""

    step: int | None
    metadata: dict[str, Any]
    """As `checks.metadata_of` returned it."""
    lossy: LossyKind | None
    policy: DeltaPolicy
    compression: str
    allow_nonfinite: bool
    chunk_bytes: int | None = None
    """Of a full step where no delta is saved; None for what its base has, or 128 KiB."""
    allow_new_dim: bool = False
    """Of a full step where no delta can be."""

    def __post_init__(self) -> None:
        """Refuse settings that do not exist.

        Raises:
            InvalidInputError: code ``input-argument``.
        """
        arguments.check_flags(
            allow_nonfinite=self.allow_nonfinite, allow_new_dim=self.allow_new_dim
        )
        if self.step is not None:
            check_step(None, self.step)
        if self.lossy is not None:
            arguments.choice("lossy", self.lossy, ("float16", "int8"))
        if not isinstance(self.policy, DeltaPolicy):
            raise arguments.refusal("policy", "a DeltaPolicy", self.policy)
        chunk_coding.parse(self.compression, 1)
        if self.chunk_bytes is not None:
            object.__setattr__(self, "chunk_bytes", arguments.chunk_bytes(self.chunk_bytes))


def newest(store: Store, base: int | Checkpoint | None) -> Commit:
    """Return the newest commit, if it is the one that the caller builds on.

    Raises:
        NotFoundError: code ``checkpoint-missing``: there is none to build on.
        ConflictError: code ``commit-superseded``: another one was committed after `base`.
    """
    head = history.head(store)
    if head is None:
        raise history.nothing(store)
    expected = base.commit if isinstance(base, Checkpoint) else base
    if expected is not None and head.number != expected:
        raise ConflictError(
            "commit-superseded",
            f"expected commit {expected} to be the newest, found commit {head.number}: changes "
            "since the one would undo those of the other",
        )
    return head


def save_delta(
    store: CountingStore,
    head: Commit,
    rows: ArrayLike | Mapping[str, ArrayLike] | None,
    values: ArrayLike | Mapping[str, ArrayLike] | None,
    words: Iterable[str | bytes],
    options: DeltaOptions,
    given: Extras | None = None,
) -> Checkpoint:
    """Commit changes to the newest commit; see `embzarr.Run.save_delta`.

    Args:
        store: where to.
        head: the newest commit.
        rows: row numbers for all columns, or for each.
        values: rows of the vectors, or of each column; None, as `rows`, only beside `given`.
        words: appended.
        options: how.
        given: tensors and files, changed or not.
    """
    step, extras = check_step(head, options.step), given or NO_EXTRAS
    table = word_table.from_words(words, first_row=head.manifest.rows)
    changes: Mapping[str, Change] = {}
    if given is None or len(table) or rows is not None or values is not None:
        numbers, blocks = ({} if one is None else one for one in (rows, values))
        changes = row_changes.changes(numbers, blocks, head.manifest, len(table))
    if not options.allow_nonfinite and spec.VECTORS in changes:
        _check_vectors(changes[spec.VECTORS], head.manifest.base.arrays[spec.VECTORS].dtype)
    _check_new(store, head.manifest, table)
    write_id = committing.new_id()
    changed = changed_contents.changed(store, head.manifest, extras)
    upon = Upon(changes=changes, words=table, extras=changed)
    layers = _write(store, head, upon, options, step=step, write_id=write_id)
    draft = Draft(
        store_id=head.store,
        write_id=write_id,
        step=step,
        layers=layers,
        metadata=options.metadata,
        model=head.manifest.model if extras.model is None else extras.model,
        base=head,
        follows=True,
    )
    # From here on nothing may be removed: the manifest may stand even where we are told not.
    commit = committing.publish(store, draft, writer=f"embzarr {__version__}")
    return Checkpoint(store, commit)


def _write(
    store: Store,
    head: Commit,
    upon: Upon,
    options: DeltaOptions,
    *,
    step: int,
    write_id: str,
) -> list[Layer]:
    """Write the delta, or a full step, and return the layers of the commit."""
    manifest = head.manifest
    beside = upon.extras.nbytes
    if not options.policy.allows(manifest, upon.counts, options.lossy, beside=beside):
        full = compacting.write_full(
            store,
            head,
            step=step,
            write_id=write_id,
            compression=options.compression,
            chunk_bytes=options.chunk_bytes,
            upon=upon,
        )
        return [full]
    writer = DeltaWriter(
        store,
        step=step,
        write_id=write_id,
        layers=manifest.layers,
        compression=options.compression,
        lossy=options.lossy,
        allow_nonfinite=options.allow_nonfinite,
    )
    with writer.withdrawn_on_error():
        return [*manifest.layers, writer.write(upon)]


def _check_vectors(change: Change, stored: str) -> None:
    """Refuse NaN and infinity, also those that numbers become in the type of the base."""
    check_finite(change.values, row_of=change.row_of)
    dtype = dtypes.numpy_dtype(stored)
    if dtype != change.values.dtype:
        with np.errstate(over="ignore", invalid="ignore"):
            check_finite(change.values.astype(dtype), row_of=change.row_of, what=f"as {stored}")


def _check_new(store: Store, manifest: Manifest, words: WordTable) -> None:
    """Refuse words that stand twice, or that the commit has already."""
    if not len(words):
        return
    words.argsort_unique()
    known = VocabularyReader(store, manifest.layers, link_of(store))
    rows = known.rows(words)
    twice = (rows >= 0).nonzero()[0]
    if len(twice):
        first = int(twice[0])
        raise InvalidInputError(
            "input-duplicate-word",
            f"{words.word(first)!r} is in row {rows[first]} already; {len(twice)} such words",
        )


def _held(layers: list[Layer], name: str) -> int:
    return sum(layer.arrays[name].shape[0] for layer in layers if name in layer.columns)
