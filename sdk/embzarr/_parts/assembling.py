"""Putting a layer together of what the parts of a step have stored, and what its publisher adds."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embzarr._format import (
    Contents,
    PlacementMember,
    TensorMember,
    chunk_coding,
    chunk_index,
    lookups,
)
from embzarr._parts import plan as planning
from embzarr._parts.receipts import given_twice
from embzarr._verify import Findings, verifying
from embzarr._writing import (
    ContentsWriter,
    LayerFiles,
    LossMeter,
    WrittenArray,
    check_order,
)
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._format import Layer, Lossy, Placement, WordTable
    from embzarr._parts.plan import Divided, StepPlan
    from embzarr._parts.receipts import Receipt
    from embzarr._storage import Store
    from embzarr._writing import Extras


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What a publisher adds, which fits the plan."""

    words: WordTable | None = None
    """None where the plan has no table."""
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """In their stored types."""
    placement: Placement
    extras: Extras


class Assembly:
    """Puts a layer together of what the parts stored."""

    def __init__(self, store: Store, plan: StepPlan) -> None:
        """Prepare to write; nothing is written yet."""
        self._store = store
        self._plan = plan
        self._files = LayerFiles(store, step=plan.step, write_id=plan.write_id, shared=True)

    def layer(self, receipts: Sequence[Receipt], given: Given) -> Layer:
        """Write what the parts lack, and return what the manifest says of the layer.

        Raises:
            ConflictError: code ``part-conflict``: a tensor or file that two have given, or another
                publisher that has written other objects.
            DamagedError: something that a receipt names is not there.
            InvalidInputError: a word that stands twice, words that are not in order, or nothing at
                all to commit.
        """
        _require_apart(self._plan, receipts, given.extras)
        with closing(self._files):
            for one in planning.arrays_of(self._plan).values():
                self._adopt(one, receipts)
            fences = self._put_table(given)
            layer = self._files.finish(
                [*planning.columns_of(self._plan), *given.columns],
                _lossy(receipts),
                rows=self._plan.rows,
                placement=PlacementMember(kind=given.placement.kind),
                fences=fences,
                contents=self._contents(receipts, given.extras),
            )
            self._require_objects(layer)
            return self._files.paged(layer)

    def _put_table(self, given: Given) -> Sequence[str]:
        """Write the publisher's columns and the words, and return the fences."""
        if given.words is None:
            return ()
        order = given.words.argsort_unique()
        check_order(given.placement, order)
        lookup = lookups.encode(given.words, order)
        for name, rows in given.columns.items():
            self._files.put(name, rows, chunk_coding.parse("auto", rows.itemsize))
        self._files.put_words(given.words, lookup)
        return lookup.fences

    def _contents(self, receipts: Sequence[Receipt], extras: Extras) -> Contents:
        """Take over the tensors and files of the parts, write the publisher's, return all."""
        plan = self._plan
        writer = ContentsWriter(self._files, planning.compression_of(plan), plan.chunk_bytes)
        for receipt in receipts:
            writer.adopt(receipt.stored)
        writer.put(extras.tensors, extras.files)
        contents = writer.finish()
        planned = {
            name: TensorMember(array=one.array, shape=one.shape, type=one.type)
            for name, one in plan.tensors.items()
        }
        return Contents(tensors={**planned, **contents.tensors}, files=contents.files)

    def _adopt(self, one: Divided, receipts: Sequence[Receipt]) -> None:
        array = WrittenArray(
            rows=one.rows,
            row_shape=one.row_shape,
            dtype=one.dtype,
            chunk=one.chunk,
            shard=one.shard,
            codec=one.codec,
            index=chunk_index.concatenate([r.places[one.name].index for r in receipts]),
        )
        objects = {
            name: receipt.objects[name]
            for receipt in receipts
            for name in one.shards_of(receipt.part)
        }
        self._files.adopt(one.name, array, objects)

    def _require_objects(self, layer: Layer) -> None:
        """Refuse a layer of which an object is not there any more, whoever took it away."""
        findings = Findings(0, None)
        verifying.check_sizes(self._store, layer, findings)
        for problem in findings.problems():
            raise DamagedError(problem.code, f"{problem.key}: {problem.message}")


def _require_apart(plan: StepPlan, receipts: Sequence[Receipt], extras: Extras) -> None:
    """Refuse tensors, files and arrays that two parts have, or a part and the publisher.

    Raises:
        ConflictError: code ``part-conflict``.
        InvalidInputError: code ``input-argument``: there is nothing at all.
    """
    owners: dict[tuple[str, str], str] = {}
    for what, owner in _owned(plan, receipts, extras):
        other = owners.setdefault(what, owner)
        if other != owner:
            raise given_twice(plan, what, (other, owner))
    if not plan.columns and not owners:
        raise InvalidInputError(
            "input-argument", f"{plan.path}: expected tensors or files to commit, found none"
        )


def _owned(
    plan: StepPlan, receipts: Sequence[Receipt], extras: Extras
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield kind and name of all that one alone may have, and who has it."""
    yield from ((("tensor", name), "the plan") for name in plan.tensors)
    for receipt in receipts:
        # Tensors first: an array has no name that its maker knows.
        owned = sorted(receipt.owned, reverse=True)
        yield from ((what, f"part {receipt.part}") for what in owned)
    yield from ((what, "the publisher") for what in sorted(extras.names))


def _lossy(receipts: Sequence[Receipt]) -> dict[str, Lossy]:
    meters: dict[str, LossMeter] = {}
    for receipt in receipts:
        for name, sums in receipt.losses.items():
            meters.setdefault(name, LossMeter(sums.source_dtype)).merge(sums)
    return {name: meter.lossy() for name, meter in meters.items()}
