"""Lightning: checkpoints of its Trainer as commits of a run (extra ``lightning``).

The module's weights keep their names, so that `embzarr.interop.torch.load` fills a module with
them; loops, optimizers, schedulers and callbacks lie beside them, as tensors and JSON: no pickle.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from embzarr.errors import InvalidInputError, NotFoundError
from embzarr.interop._door import needs
from embzarr.interop._frameworks.torch_models import TRAINER, load_beside, parts_of
from embzarr.interop._models import storing
from embzarr.interop._models.saves import Saves

with needs("lightning", extra="lightning"):
    from lightning.pytorch.plugins.io import CheckpointIO as _CheckpointIO

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["CheckpointIO", "tag_of"]

_STATE = "state_dict"
_SUFFIX = ".ckpt"
_NO_TAG = re.compile(r"[^A-Za-z0-9._-]+")
_TAG_CHARS, _DIGEST_CHARS = 100, 12


def tag_of(path: str | os.PathLike[str]) -> str:
    """Return the tag that a checkpoint of this path has in the run.

    It is the file's name without ``.ckpt``; where that has what no tag may have, with underscores
    in place of that, and a part of the name's SHA-256, so that two names never share a tag.

    Example:
        >>> from embzarr.interop.lightning import tag_of
        >>> tag_of("checkpoints/last.ckpt"), tag_of("checkpoints/epoch=0-step=10.ckpt")
        ('last', 'epoch_0-step_10-7f9a215f5444')
    """
    name = PurePosixPath(str(path).replace("\\", "/")).name.removesuffix(_SUFFIX)
    plain = _NO_TAG.sub("_", name)[:_TAG_CHARS].lstrip("._-") or "checkpoint"
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_CHARS]}"


class CheckpointIO(_CheckpointIO):  # type: ignore[misc]  # lightning is an extra
    """Saves what a Trainer saves to a run, in the background.

    ``Trainer(plugins=[CheckpointIO("s3://bucket/run")])``. The state is copied when Lightning
    saves, and sent while training goes on. Each path is a tag, see `tag_of`; the step is the
    trainer's global step. Removing takes the tag away: the commit stays until a garbage collection
    of the run gives it up.

    Example:
        >>> import torch
        >>> from embzarr.interop.lightning import CheckpointIO
        >>> checkpoints = CheckpointIO(folder)
        >>> checkpoints.save_checkpoint(
        ...     {"state_dict": {"w": torch.ones(2)}, "global_step": 3, "epoch": 0}, "last.ckpt"
        ... )
        >>> checkpoints.load_checkpoint("last.ckpt")
        {'global_step': 3, 'epoch': 0, 'state_dict': {'w': tensor([1., 1.])}}
    """

    def __init__(self, to: object, *, storage_options: Mapping[str, Any] | None = None) -> None:
        """Save to a run.

        Args:
            to: an `embzarr.Run`, or where one is.
            storage_options: credentials and endpoint, of a place.
        """
        super().__init__()
        self._saves = Saves(to, storage_options)

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any = None,  # noqa: ANN401 - as Lightning calls it
    ) -> None:
        """Copy a Trainer's state, and save it in the background.

        Raises:
            InvalidInputError: something of it is neither a tensor nor JSON; it is named.
            EmbzarrError: what the save before ended with; this one was not begun.
        """
        if storage_options is not None:
            raise InvalidInputError(
                "input-argument", "storage_options: expected them where CheckpointIO is made"
            )
        rest = {name: state for name, state in checkpoint.items() if name != _STATE}
        parts = parts_of(dict(checkpoint.get(_STATE, {})), {TRAINER: rest})
        how: storing.HowToSaveLater = {"metadata": {"path": str(path)}, "allow_new_dim": True}
        if isinstance(checkpoint.get("global_step"), int):
            how["step"] = checkpoint["global_step"]
        saving = storing.save_later(self._saves.run, parts, how=how)
        self._saves.named(saving, tag_of(path))

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any = None,  # noqa: ANN401 - as Lightning calls it
        weights_only: bool | None = None,  # noqa: FBT001 - as Lightning calls it
    ) -> dict[str, Any]:
        """Return a Trainer's state as it was saved, on the host.

        Args:
            path: that it was saved to.
            map_location: a device to move the module's weights to.
            weights_only: of no consequence: there is nothing but tensors and JSON.

        Raises:
            NotFoundError: nothing was saved to this path.
        """
        del weights_only
        self._saves.settle()
        checkpoint = self._saves.run.open(tag=tag_of(path))
        _, tensors, state = load_beside(checkpoint, TRAINER, {})
        if map_location is not None and not callable(map_location):
            tensors = {name: one.to(map_location) for name, one in tensors.items()}
        return {**state, _STATE: tensors}

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Take a checkpoint's tag away, if it has one."""
        self._saves.settle()
        try:
            self._saves.run.untag(tag_of(path))
        except NotFoundError as exc:
            if exc.code != "tag-missing":
                raise

    def teardown(self) -> None:
        """Wait until all is saved.

        Raises:
            EmbzarrError: what the last save ended with.
        """
        self._saves.close()
