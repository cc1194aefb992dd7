"""What a distributed checkpoint of PyTorch tells beside its tensors, as JSON: no pickle.

A tensor that is whole on one rank has its own name; one that lies on several is stored as their
pieces, which are named by where they begin and end: ``layer.weight[0:8, 4:8]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embzarr.errors import DamagedError, EmbzarrError
from embzarr.interop._door import needs
from embzarr.interop._frameworks.pieces import check_paths, check_whole
from embzarr.interop._frameworks.torch_state import nested

with needs("torch", extra="torch"):
    import torch
    from torch.distributed.checkpoint import metadata as dcp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embzarr._checkpoint import Checkpoint

TENSORS, VALUES, PATHS = "tensors", "values", "paths"
FRAMEWORK = "torch_distributed"


def piece_name(name: str, offsets: Sequence[int], sizes: Sequence[int], of: Sequence[int]) -> str:
    """Return the name of a piece of a tensor; its own, where it is all of it."""
    if tuple(sizes) == tuple(of):
        return name
    pairs = zip(offsets, sizes, strict=True)
    return f"{name}[{', '.join(f'{first}:{first + size}' for first, size in pairs)}]"


def told(metadata: Any, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - torch's own
    """Return the record of a checkpoint.

    Args:
        metadata: as its planner made it.
        values: what is no tensor, by name, as JSON.
    """
    tensors = {
        name: {
            "dtype": str(one.properties.dtype).removeprefix("torch."),
            "size": list(one.size),
            "pieces": [[list(piece.offsets), list(piece.sizes)] for piece in one.chunks],
        }
        for name, one in metadata.state_dict_metadata.items()
        if isinstance(one, dcp.TensorStorageMetadata)
    }
    paths = {name: list(path) for name, path in (metadata.planner_data or {}).items()}
    return {TENSORS: tensors, VALUES: dict(values), PATHS: paths}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a tensor."""

    name: str
    """Under which it is stored."""
    sizes: tuple[int, ...]


class Record:
    """What a checkpoint tells, checked against the tensors that it has."""

    def __init__(self, checkpoint: Checkpoint, record: Mapping[str, Any]) -> None:
        """Look at what anybody may have written.

        Raises:
            DamagedError: code ``model-invalid``.
        """
        self.pieces: dict[tuple[str, tuple[int, ...]], Piece] = {}
        self._checkpoint = checkpoint
        self._entries: dict[str, Any] = {}
        try:
            for name, one in record[TENSORS].items():
                self._entries[name] = self._tensor(name, one)
            self.values = {name: nested(one, {}) for name, one in record[VALUES].items()}
            self._paths = {name: tuple(path) for name, path in record[PATHS].items()}
            check_paths(self._paths)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as exc:
            if isinstance(exc, EmbzarrError):
                raise
            message = f"{checkpoint.url}: not a distributed checkpoint's record: {exc!r}"
            raise DamagedError("model-invalid", message) from exc

    def metadata(self) -> Any:  # noqa: ANN401 - torch's own
        """Return it as torch has it."""
        values = {name: dcp.BytesStorageMetadata() for name in self.values}
        entries = {**self._entries, **values}
        return dcp.Metadata(state_dict_metadata=entries, planner_data=self._paths)

    def _tensor(self, name: str, one: Mapping[str, Any]) -> Any:  # noqa: ANN401 - torch's own
        dtype, size = getattr(torch, one["dtype"]), torch.Size(one["size"])
        if not isinstance(dtype, torch.dtype):
            raise TypeError(f"{name}: {one['dtype']!r} is no data type")
        chunks = []
        for offsets, sizes in one["pieces"]:
            self._note(name, offsets, sizes, size, one["dtype"])
            chunk = dcp.ChunkStorageMetadata(torch.Size(offsets), torch.Size(sizes))
            chunks.append(chunk)
        check_whole(one["pieces"], size)
        return dcp.TensorStorageMetadata(dcp.TensorProperties(dtype=dtype), size, chunks)

    def _note(
        self, name: str, offsets: list[int], sizes: list[int], of: Sequence[int], dtype: str
    ) -> None:
        """Take note of a piece, which must be there, and lie within its tensor."""
        piece = Piece(name=piece_name(name, offsets, sizes, of), sizes=tuple(sizes))
        ends = [first + size for first, size in zip(offsets, sizes, strict=True)]
        lies = all(
            first >= 0 and end <= most for first, end, most in zip(offsets, ends, of, strict=True)
        )
        tensor = self._checkpoint.tensors.get(piece.name)
        if tensor is None or not lies or tensor.shape != piece.sizes or tensor.type != dtype:
            raise ValueError(f"{piece.name}: another shape, place or type than is told")
        self.pieces[name, tuple(offsets)] = piece
