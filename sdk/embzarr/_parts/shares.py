"""A step of shares whose sizes nobody knows before they are written: as engines hand rows out.

Who writes a share stores its rows as a layer of its own, under a write id that he draws, and tells
what it is. It is read once, from its first row to its last, and has nothing else. Nobody else
writes there, so that an attempt which failed, or lost to another one, is no more than a layer that
nothing names. `embzarr._parts.gather` makes one commit of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from embzarr._format import (
    Layer,
    LayerSettings,
    Parent,
    Placement,
    arguments,
    dtypes,
    given_arrays,
    spec,
    word_table,
)
from embzarr._history import Target, committing, history
from embzarr._storage import interrupts
from embzarr._writing import LayerWriter, check_blocks, checks
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._history import Commit
    from embzarr._storage import Store

_STAGED_AS = "none"
"""Compression of shares, which are read once and removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedStep:
    """What those who write shares of one step agree on; it may be pickled."""

    base: Parent | None
    """The newest commit when it was planned: collections after it are heeded."""
    write_id: str
    """Of the step that is made of the shares."""
    step: int
    is_next: bool
    """Whether the caller gave none."""
    dim: int | None
    """Numbers in a vector; None where any will do that all shares have."""
    dtype: str
    columns: Mapping[str, str]
    """Data types of the columns beside the vectors; shapes are those of the first rows."""
    allow_nonfinite: bool
    is_delta: bool = False
    """Whether it is laid upon the newest commit, which then has words and vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Rows that one writer has stored; without a layer where it had none. It may be pickled."""

    layer: Layer | None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.layer.rows if self.layer else 0


def plan_shares(
    target: Target,
    *,
    dtype: str,
    columns: Mapping[str, str],
    step: int | None = None,
    upon: bool = False,
    allow_nonfinite: bool = False,
    allow_new_dim: bool = False,
) -> SharedStep:
    """Plan a step of shares upon the newest commit; nothing is written.

    Args:
        target: where to.
        dtype: stored data type of the vectors.
        columns: those of the other columns.
        step: the step's number; by default one more than the newest commit's, or 0.
        upon: lay rows upon the newest commit, if it has any, whose data types they then take.
        allow_nonfinite: store NaN and infinity instead of refusing them.
        allow_new_dim: let vectors be longer or shorter than those of the newest commit.

    Raises:
        InvalidInputError: a setting that cannot be used.
        UnsupportedError: a store that cannot be written to safely.
    """
    arguments.check_flags(allow_nonfinite=allow_nonfinite, allow_new_dim=allow_new_dim)
    kinds = {name: checks.column_kind(name, kind)[0] for name, kind in columns.items()}
    store = target.open()
    target.require_sound(store)
    base = history.tip(store)
    head = history.newest_of(store, base)
    held = checks.dim_of(head.manifest) if head else None
    stored, is_delta = dtypes.vector_name_of(dtype), upon and held is not None
    if head and is_delta:
        stored, kinds = _like(head, kinds)
    return SharedStep(
        base=Parent(commit=base.number, sha256=base.sha256) if base else None,
        write_id=committing.new_id(),
        step=checks.check_step(head, step),
        is_next=step is None,
        dim=None if allow_new_dim and not is_delta else held,
        dtype=stored,
        columns=kinds,
        allow_nonfinite=allow_nonfinite,
        is_delta=is_delta,
    )


def _like(head: Commit, columns: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the data types of a commit's vectors and columns, of which all must be given.

    Raises:
        InvalidInputError: code ``input-argument``: others are.
    """
    base = head.manifest.base
    kinds = {name: base.arrays[name].dtype for name in base.columns}
    vectors = kinds.pop(spec.VECTORS)
    if kinds.keys() != columns.keys():
        raise InvalidInputError(
            "input-argument",
            f"expected the columns of the newest commit, {sorted(kinds)} beside vectors; found "
            f"{sorted(columns)}",
        )
    return vectors, kinds


class ShareWriter:
    """Takes the rows of one share block by block; after an error all of it is removed.

    Memory stays bounded, as that of an `embzarr.create` does.
    """

    share: Share
    """What was written, once the ``with`` block has ended."""

    def __init__(self, target: Target, plan: SharedStep) -> None:
        """Open the store; nothing is written before there are rows."""
        self._store: Store = target.open()
        self._plan = plan
        self._layer: LayerWriter | None = None

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def append(self, words: Iterable[str], columns: Mapping[str, NDArray[Any]]) -> None:
        """Add rows; the arrays must stay as they are until the block ends.

        Args:
            words: one for each row.
            columns: ``vectors`` and the others.

        Raises:
            InvalidInputError: words, shapes or numbers that do not fit.
        """
        layer = self._layer or self._begin(columns)
        table = word_table.from_words(words, first_row=layer.rows)
        taken = given_arrays.arrays_of(columns)
        check_blocks(len(table), taken, layer.columns)
        interrupts.apart(lambda: layer.append(table, taken))

    def _begin(self, columns: Mapping[str, NDArray[Any]]) -> LayerWriter:
        plan, shapes = self._plan, {name: block.shape[1:] for name, block in columns.items()}
        settings = LayerSettings(
            dim=plan.dim or shapes[spec.VECTORS][0],
            dtype=plan.dtype,
            columns={name: (kind, shapes.get(name, ())) for name, kind in plan.columns.items()},
            compression=_STAGED_AS,
            chunk_bytes=None,
            allow_nonfinite=plan.allow_nonfinite,
        )
        write_id = committing.new_id()
        self._layer = LayerWriter(
            self._store, settings, step=plan.step, write_id=write_id, staged=True
        )
        return self._layer

    def __exit__(self, _: object, cause: BaseException | None, __: object) -> None:
        """Wait for what is being stored; after an error, remove it."""
        layer = self._layer
        if layer is None:
            self.share = Share(layer=None)
        elif cause is None:
            self.share = Share(layer=interrupts.apart(lambda: _finished(layer)))
        else:
            interrupts.apart(lambda: layer.abort(cause))


def _finished(layer: LayerWriter) -> Layer:
    with layer.withdrawn_on_error():
        return layer.finish(Placement(kind="given"))
