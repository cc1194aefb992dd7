"""PyTorch Distributed Checkpoint: many ranks save one commit, and load it in any sharding.

Each rank sends the tensors that its planner gives it, small ones by way of the coordinator, who
commits once all have ended: before that nothing is visible. No pickle is stored or read: what is no
tensor is JSON. Source of the protocol: ``torch.distributed.checkpoint`` (extra ``torch``).
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr._history import Target
from embzarr._reading import fill_tensors
from embzarr._writing import SharedSave, TensorPart, TensorPartWriter
from embzarr.errors import ConflictError, InvalidInputError
from embzarr.interop._door import needs
from embzarr.interop._frameworks import dcp_record
from embzarr.interop._frameworks.dcp_record import FRAMEWORK, Record, piece_name
from embzarr.interop._frameworks.torch_state import flat, in_place, to_array, to_tensor
from embzarr.interop._models import storing

with needs("torch", extra="torch"):
    import torch
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.planner import LoadItemType, WriteItemType
    from torch.distributed.checkpoint.storage import WriteResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import Where

__all__ = ["StorageReader", "StorageWriter"]

_BATCH_BYTES = 64 * 1024 * 1024
"""Of what cannot be read in place, so much is read before it is copied to its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where all ranks store, as the coordinator tells them."""

    step: int
    write_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What a rank tells the coordinator of one item."""

    value: Any = None
    """As JSON, where it is no tensor."""
    part: TensorPart | None = None
    """With the first item: all tensors of the rank."""


class StorageWriter(dcp.StorageWriter):  # type: ignore[misc]  # torch is an extra
    """Saves what `torch.distributed.checkpoint.save` and ``async_save`` are given, as one commit.

    Every rank makes one for the same place. It may be used for one save after the other; `step`
    may be set before each.

    Example:
        >>> import torch, torch.distributed.checkpoint as dcp
        >>> from embzarr.interop.torch_distributed import StorageReader, StorageWriter
        >>> writer = StorageWriter(folder, step=10)
        >>> _ = dcp.save({"w": torch.ones(2, 2), "lr": 0.1}, storage_writer=writer, no_dist=True)
        >>> state = {"w": torch.zeros(2, 2), "lr": None}
        >>> dcp.load(state, storage_reader=StorageReader(folder), no_dist=True)
        >>> state["w"][0], state["lr"]
        (tensor([1., 1.]), 0.1)
    """

    def __init__(
        self,
        url: object,
        *,
        step: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        compression: str = "auto",
        allow_new_dim: bool = False,
        single_writer: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare to save; nothing is opened yet.

        Args:
            url: where to; see `embzarr.open`. A ``checkpoint_id`` that a save is given replaces it.
            step: the step's number; by default one more than the newest commit's, or 0.
            metadata: any JSON.
            compression: as `embzarr.save` takes it.
            allow_new_dim: let it follow a commit that has vectors.
            single_writer: promise that nobody else writes, for a store that cannot exclude others.
            storage_options: credentials and endpoint, of each rank its own.
        """
        super().__init__()
        self.step = step
        self.checkpoint: Checkpoint | None = None
        """What was committed last; on the coordinator alone."""
        self._url = url
        self._metadata = metadata
        self._compression = compression
        self._allow_new_dim = allow_new_dim
        self._single_writer = single_writer
        self._options = storage_options
        self._save: SharedSave | None = None

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Begin a new save, giving up one that has not ended."""
        if self._save is not None:
            self._save.give_up(RuntimeError("another save was begun"))
            self._save = None
        if checkpoint_id is not None:
            self._url = checkpoint_id

    def set_up_storage_writer(
        self,
        is_coordinator: bool,  # noqa: FBT001 - as torch calls it
        *args: Any,  # noqa: ANN401 - torch's own
        **kwargs: Any,  # noqa: ANN401 - torch's own
    ) -> None:
        """Do nothing: the coordinator opens the store when it plans.

        Raises:
            InvalidInputError: a save without collectives, whose ranks do not commit together.
        """
        del is_coordinator, args
        if not kwargs.get("use_collectives", True):
            raise InvalidInputError(
                "input-argument", "use_collectives: expected True: all ranks make one commit"
            )

    def prepare_local_plan(self, plan: Any) -> Any:  # noqa: ANN401 - torch's own
        """Return the plan as it is."""
        return plan

    def prepare_global_plan(self, plans: list[Any]) -> list[Any]:
        """Open the store, and tell all ranks where to write."""
        self._save = SharedSave(
            self._target(),
            step=self.step,
            metadata=self._metadata,
            compression=self._compression,
            allow_new_dim=self._allow_new_dim,
        )
        place = _Place(step=self._save.step, write_id=self._save.write_id)
        return [replace(plan, storage_data=place) for plan in plans]

    def write_data(self, plan: Any, planner: Any) -> Any:  # noqa: ANN401 - torch's own
        """Send this rank's tensors, and return a future that is done."""
        place = plan.storage_data
        if not isinstance(place, _Place):
            raise InvalidInputError(
                "input-argument", "planner: expected one without enable_plan_caching"
            )
        results, part = [], None
        items = [(item, _is_tensor(item)) for item in plan.items]
        if any(is_tensor for _, is_tensor in items):
            part = self._written(place, [item for item, is_tensor in items if is_tensor], planner)
        for item, is_tensor in items:
            value = None if is_tensor else _value(item, planner)
            size = (item.tensor_storage_size() or 0) if is_tensor else 0
            results.append(WriteResult(item.index, size, _Written(value=value, part=part)))
            part = None
        done = torch.futures.Future()
        done.set_result(results)
        return done

    def finish(self, metadata: Any, results: list[list[Any]]) -> None:  # noqa: ANN401 - torch's own
        """Commit what all ranks have sent."""
        save, self._save = self._save, None
        assert save is not None  # noqa: S101 - torch has asked for the plan before
        written = [(one.index.fqn, one.storage_data) for rank in results for one in rank]
        values = {name: one.value for name, one in written if one.value is not None}
        model = {
            "framework": FRAMEWORK,
            "version": torch.__version__,
            "class": "",
            "form": "tensors",
            **dcp_record.told(metadata, values),
        }
        self.checkpoint = save.commit([one.part for _, one in written if one.part], model)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        """Tell whether this may be the place of a run."""
        return isinstance(checkpoint_id, str | os.PathLike)

    def _target(self) -> Target:
        return Target(url=self._url, options=self._options, single_writer=self._single_writer)

    def _written(self, place: _Place, items: Sequence[Any], planner: Any) -> TensorPart:  # noqa: ANN401
        """Store tensors one by one, as they may be copied from another device for it."""
        store = self._target().open()
        with TensorPartWriter(
            store, step=place.step, write_id=place.write_id, compression=self._compression
        ) as writer:
            for item in items:
                data = item.tensor_data
                chunk = data.chunk
                name = piece_name(item.index.fqn, chunk.offsets, chunk.sizes, data.size)
                writer.put(name, to_array(name, planner.resolve_data(item)))
            return writer.finish()


class StorageReader(dcp.StorageReader):  # type: ignore[misc]  # torch is an extra
    """Loads what `StorageWriter` saved into any sharding, by `torch.distributed.checkpoint.load`.

    Each rank reads the rows that its shards need, side by side, tensors on the host in place.

    Example:
        >>> import torch, torch.distributed.checkpoint as dcp
        >>> from embzarr.interop.torch_distributed import StorageReader, StorageWriter
        >>> writer = StorageWriter(folder)
        >>> _ = dcp.save({"w": torch.eye(2)}, storage_writer=writer, no_dist=True)
        >>> state = {"w": torch.zeros(2, 2)}
        >>> dcp.load(state, storage_reader=StorageReader(folder, step=0), no_dist=True)
        >>> state["w"]
        tensor([[1., 0.],
                [0., 1.]])
    """

    def __init__(self, source: Source, **where: Unpack[Where]) -> None:
        """Prepare to load; nothing is opened yet.

        Args:
            source: an open checkpoint, or the place of a run. A ``checkpoint_id`` that a load is
                given replaces it.
            **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes
                them; by default the newest. While others save, name one: all ranks must read the
                same.
        """
        super().__init__()
        self._source = source
        self._where = where
        self._checkpoint: Checkpoint | None = None
        self._record: Record | None = None

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Begin a new load."""
        self._checkpoint = self._record = None
        if checkpoint_id is not None:
            self._source = checkpoint_id

    def read_metadata(self) -> Any:  # noqa: ANN401 - torch's own
        """Open the checkpoint, and return what it holds.

        Raises:
            NotFoundError: code ``model-missing``: it holds no model.
            UnsupportedError: code ``model-foreign``: one that something else saved.
            DamagedError: code ``model-invalid``.
        """
        self._checkpoint, record = storing.open_model(self._source, FRAMEWORK, self._where)
        self._record = Record(self._checkpoint, record)
        return self._record.metadata()

    def set_up_storage_reader(
        self,
        metadata: Any,  # noqa: ANN401 - torch's own
        is_coordinator: bool,  # noqa: FBT001 - as torch calls it
        *args: Any,  # noqa: ANN401 - torch's own
        **kwargs: Any,  # noqa: ANN401 - torch's own
    ) -> None:
        """Do nothing: the checkpoint is open."""

    def prepare_local_plan(self, plan: Any) -> Any:  # noqa: ANN401 - torch's own
        """Tell the coordinator which commit this rank has opened."""
        checkpoint, _ = self._opened()
        return replace(plan, storage_data=checkpoint.commit)

    def prepare_global_plan(self, plans: list[Any]) -> list[Any]:
        """Compare what the ranks have opened.

        Raises:
            ConflictError: code ``commit-superseded``: another commit came between.
        """
        found = sorted({plan.storage_data for plan in plans})
        if len(found) > 1:
            raise ConflictError(
                "commit-superseded",
                f"ranks opened the commits {', '.join(map(str, found))}: another was made "
                "meanwhile; name a step or a commit",
            )
        return plans

    def read_data(self, plan: Any, planner: Any) -> Any:  # noqa: ANN401 - torch's own
        """Read what this rank needs, and return a future that is done."""
        checkpoint, record = self._opened()
        reads = []
        for item in plan.items:
            if item.type == LoadItemType.BYTE_IO:
                planner.load_bytes(item, _as_torch_has_it(record.values[item.storage_index.fqn]))
            else:
                reads.append(_Read(item, record, checkpoint, planner))
        for batch in _batches(reads):
            fill_tensors(checkpoint.tensors, [read.part for read in batch])
            for read in batch:
                read.commit(planner)
        done = torch.futures.Future()
        done.set_result(None)
        return done

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        """Tell whether this may be the place of a run."""
        return isinstance(checkpoint_id, str | os.PathLike)

    def _opened(self) -> tuple[Checkpoint, Record]:
        if self._checkpoint is None or self._record is None:
            self.read_metadata()
        assert self._checkpoint is not None  # noqa: S101 - just read
        assert self._record is not None  # noqa: S101 - the same
        return self._checkpoint, self._record


class _Read:
    """A stretch of one piece, and where it goes."""

    def __init__(self, item: Any, record: Record, checkpoint: Checkpoint, planner: Any) -> None:  # noqa: ANN401
        index = item.storage_index
        piece = record.pieces[index.fqn, tuple(index.offset or [0] * len(item.lengths))]
        offsets, lengths = tuple(item.storage_offsets), tuple(item.lengths)
        first = offsets[0] if offsets else 0
        last = first + lengths[0] if lengths else 1
        tensor = checkpoint.tensors[piece.name]
        self._item = item
        self._target = planner.resolve_tensor(item).detach()
        self._within = tuple(
            slice(start, start + length)
            for start, length in zip(offsets[1:], lengths[1:], strict=True)
        )
        shape = (last - first, *piece.sizes[1:]) if piece.sizes else ()
        out = in_place(self._target)
        self.is_in_place = out is not None and (out.shape, out.dtype) == (shape, tensor.dtype)
        self.out: NDArray[Any] | None = out if self.is_in_place else None
        self.nbytes = 0 if self.is_in_place else int(np.prod(shape)) * tensor.dtype.itemsize
        self._made = (shape, tensor.dtype)
        self._range = (piece.name, first, last)

    @property
    def part(self) -> tuple[str, int, int, NDArray[Any]]:
        """What to read, and the array for it, which is made now where there is none."""
        if self.out is None:
            self.out = np.empty(*self._made)
        return (*self._range, self.out)

    def commit(self, planner: Any) -> None:  # noqa: ANN401 - torch's own
        """Copy what was read to its place, and tell the planner."""
        if not self.is_in_place:
            assert self.out is not None  # noqa: S101 - just filled
            cut = self.out[(slice(None), *self._within)] if self.out.ndim else self.out
            self._target.copy_(to_tensor(np.ascontiguousarray(cut)))
            self.out = None
        planner.commit_tensor(self._item, self._target)


def _batches(reads: Sequence[_Read]) -> Iterator[list[_Read]]:
    """Divide reads so that what is not read in place stays within some MiB, or is alone."""
    batch: list[_Read] = []
    room = _BATCH_BYTES
    for read in reads:
        if batch and read.nbytes > room:
            yield batch
            batch, room = [], _BATCH_BYTES
        batch.append(read)
        room -= read.nbytes
    if batch:
        yield batch


def _is_tensor(item: Any) -> bool:  # noqa: ANN401 - torch's own
    return bool(item.type != WriteItemType.BYTE_IO)


def _value(item: Any, planner: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what is no tensor as JSON, asked of the planner before it pickles it."""
    look = getattr(planner, "lookup_object", None)
    if look is None:
        raise InvalidInputError(
            "input-argument",
            f"planner: expected one that has lookup_object, as DefaultSavePlanner; "
            f"{type(planner).__name__} has pickles alone",
        )
    told, tensors = flat(look(item.index), item.index.fqn)
    if tensors:
        raise InvalidInputError(
            "input-argument", f"{item.index.fqn}: tensors inside of what is no tensor"
        )
    return told


def _as_torch_has_it(value: Any) -> io.BytesIO:  # noqa: ANN401 - JSON
    """Return a value as planners take it: as bytes that were made here, and so may be unpickled."""
    data = io.BytesIO()
    torch.save(value, data)
    data.seek(0)
    return data
