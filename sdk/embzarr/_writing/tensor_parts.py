"""Tensors of one layer written by several processes: each sends its own, and one commits them all.

What a process has stored is a value that goes to whoever commits, by whatever way they have.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from embzarr._format import LayerSettings, Placement
from embzarr._storage import interrupts
from embzarr._writing.given import tensor_rows
from embzarr._writing.given.checks import metadata_of
from embzarr._writing.layers.contents import ContentsWriter, TensorPart
from embzarr._writing.layers.layer_files import LayerFiles
from embzarr._writing.writer import start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._history import Target
    from embzarr._storage import Store
    from embzarr._writing.given.tensor_rows import GivenTensor


class TensorPartWriter:
    """Takes tensors one by one, and stores the large ones below a layer's folder.

    No two processes may give tensors of one name. After an error what this one stored is removed:
    whoever is to commit them all must not, then.
    """

    def __init__(self, store: Store, *, step: int, write_id: str, compression: str) -> None:
        """Prepare to write; nothing is stored yet.

        Args:
            store: where to, which whoever commits has found to be sound.
            step: the step's number.
            write_id: names the layer's folder together with it.
            compression: as `embzarr.save` takes it.
        """
        self._files = LayerFiles(store, step=step, write_id=write_id)
        self._contents = ContentsWriter(self._files, compression)
        self._small: dict[str, GivenTensor] = {}

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Take a tensor, which must stay as it is until this has ended.

        Raises:
            InvalidInputError: it cannot be stored.
        """
        given = tensor_rows.given({name: array})
        if given[name].is_small:
            self._small |= given
        else:
            self._contents.put(given, {})

    def finish(self) -> TensorPart:
        """Wait until all is stored, and return what it is."""
        members = dict(self._contents.finish().tensors)
        self._files.wait()
        written = self._files.written()
        self._files.close()
        return TensorPart(
            tensors=members, arrays=written, objects=self._files.digests, small=self._small
        )

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(self, _: object, cause: BaseException | None, __: object) -> None:
        """Remove what was stored, if the block failed."""
        if cause is not None:
            self._files.abort(cause)


class SharedSave:
    """A commit of tensors that several processes store: held by the one that will make it."""

    def __init__(
        self,
        target: Target,
        *,
        step: int | None,
        metadata: Mapping[str, Any] | None,
        compression: str,
        allow_new_dim: bool = False,
    ) -> None:
        """Open the store, and prepare a step there; nothing is written yet.

        Args:
            target: where to.
            step: the step's number; None for one more than the newest commit's, or 0.
            metadata: any JSON.
            compression: as `embzarr.save` takes it.
            allow_new_dim: whether it may follow a commit that has vectors.

        Raises:
            InvalidInputError: a setting that cannot be used.
            UnsupportedError: a store that cannot be written to safely.
        """
        settings = LayerSettings(
            dim=None,
            dtype="float32",
            columns={},
            compression=compression,
            chunk_bytes=None,
            allow_nonfinite=True,
        )
        told, order = metadata_of(metadata), Placement(kind="given")
        begin = partial(start, target, settings, step=step, metadata=told, placement=order)
        self._writer = interrupts.apart(partial(begin, allow_new_dim=allow_new_dim))
        layer = self._writer._layer  # noqa: SLF001 - one write, in two modules
        self.step = layer.step
        self.write_id = layer.write_id
        """With the step, what those who store need to know."""

    def commit(self, parts: Iterable[TensorPart], model: Mapping[str, Any]) -> Checkpoint:
        """Commit what all have stored.

        Raises:
            InvalidInputError: two have stored tensors of one name.
            StoreError: the store failed; with code ``commit-unknown`` the commit may stand.
        """
        with self._writer as writer:
            writer.add(model=model)
            contents = writer._layer.contents  # noqa: SLF001 - one write, in two modules
            for part in parts:
                interrupts.apart(partial(contents.adopt, part))
        return self._writer.checkpoint

    def give_up(self, cause: BaseException) -> None:
        """End without a commit, where there was none."""
        self._writer.__exit__(type(cause), cause, None)
