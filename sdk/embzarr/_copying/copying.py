"""Copies checkpoints to another store: objects first, each by its SHA-256, and commits at the end.

A whole run that goes where nothing is, or where an earlier copy of it is, becomes the same store
again: same identity, numbers and bytes, so that tags, parents and collections stay true, and what
is copied later follows. Anything else gets the next numbers of the destination: ``parent`` of a
manifest names the commit before (R-MAN-09) and ``store`` is one in all of a store (R-MAN-10), so
that no manifest of another history can stand there as it is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from embzarr._copying.report import CopyReport
from embzarr._copying.survey import (
    Held,
    checkpoint_of,
    content_of,
    require_no_runs,
    survey,
    tags_of,
)
from embzarr._copying.transfer import Transfer
from embzarr._format import ObjectDigest, arguments, digests, keys, manifests, spec, zarr_json
from embzarr._history import Draft, Target, committing, history, root, tagging
from embzarr._open import find
from embzarr._storage import CountingStore, get_at_most, interruptible, open_store
from embzarr._version import __version__
from embzarr._writing import checks
from embzarr.errors import ConflictError, EmbzarrError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embzarr._copying.survey import Survey
    from embzarr._format import Layer
    from embzarr._history import Commit, Record
    from embzarr._storage import Readable, Store

_WRITER = f"embzarr {__version__} copy"


@interruptible
def copy(  # noqa: PLR0913 - what may be copied and how, all keyword-only
    source: object,
    url: object,
    *,
    step: int | None = None,
    tag: str | None = None,
    commit: int | None = None,
    append: bool = False,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    progress: Callable[[int, int], None] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    source_options: Mapping[str, Any] | None = None,
) -> CopyReport:
    """Copy a run, or one checkpoint of it, to another store.

    Only what is missing is sent. Every object is read whole and has the SHA-256 that its manifest
    lists before it is stored, and commits are made when all of them are there: after an error or an
    interrupt nothing new is to be seen, and the same call goes on where it ended. Chains of deltas
    stay chains. A destination that is empty, or holds an earlier copy of the whole run, becomes the
    same store again, with its numbers and tags; else, with `append`, each checkpoint follows what
    is there under the next number, those that are there already and those in quarantine left out.

    Memory: some 200 MB, or the largest object a few times, and an identity for each commit.

    Args:
        source: the run; see `embzarr.open`.
        url: where to.
        step: only the newest commit of this step.
        tag: only the commit of this name.
        commit: only the commit of this number.
        append: add to a destination that holds other checkpoints, of which the last that is added
            becomes the newest; or that is a folder with other runs.
        allow_new_dim: let vectors be longer or shorter than those that are there.
        single_writer: see `embzarr.create`.
        progress: called with the bytes that are done with, copied or there, and those in all.
        storage_options: credentials and endpoint of `url`.
        source_options: those of `source`.

    Raises:
        NotFoundError: codes ``checkpoint-missing``, ``step-missing``, ``tag-missing``,
            ``commit-missing``; ``object-missing``: an object of the source is gone.
        DamagedError: code ``object-digest``: an object of the source is damaged; or a manifest is.
        InvalidInputError: codes ``input-argument``: the destination holds other checkpoints, or is
            a folder of runs, and `append` was not said; ``input-shape``: it holds vectors of
            another length.
        ConflictError: another writer came between, codes as of `embzarr.save`; call again.
        StoreError: one of the stores failed.

    Example:
        >>> report = embzarr.copy(url, f"{folder}/copy")
        >>> report.commits, embzarr.open(f"{folder}/copy", step=100)["king"]
        ((1,), array([1., 0., 0., 0.], dtype=float32))
        >>> embzarr.copy(url, f"{folder}/copy").commits
        ()
    """
    arguments.check_flags(allow_new_dim=allow_new_dim, append=append)
    origin = CountingStore(open_store(source, storage_options=source_options))
    target = Target(url=url, options=storage_options, single_writer=single_writer)
    store = target.open()
    is_one = any(name is not None for name in (step, tag, commit))
    one = find(origin, step=step, tag=tag, commit=commit) if is_one else None
    target.require_sound(store)
    there = survey(store)
    if there.top is None and not append:
        require_no_runs(store)
    if one is not None:
        appending = _Appending(origin, store, None, there, progress, append)
        return appending.run([one.number], allow_new_dim)
    whole = survey(origin)
    if whole.top is None:
        raise history.nothing(origin)
    _require_readable(whole)
    if not whole.marked and there.is_begun_as(whole) and _is_ours(store, whole, there):
        return _Mirroring(origin, store, whole, there, progress).run()
    wanted = [number for number in whole.checkpoints if number not in whole.marked]
    return _Appending(origin, store, whole, there, progress, append).run(wanted, allow_new_dim)


def _require_readable(found: Survey) -> None:
    if found.unread:
        raise found.unread[0]


def _is_ours(store: Store, whole: Survey, there: Survey) -> bool:
    """Give an empty store the identity of the source, unless it has one already."""
    store_id = whole.store_id or committing.new_id()
    return there.top is not None or root.claim(store, store_id) == store_id


class _Copying:
    """What both ways share."""

    def __init__(
        self,
        source: Readable,
        target: Store,
        there: Survey,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._there = there
        self._progress = progress
        self._made: list[int] = []
        self._present: list[int] = []
        self._tags: list[str] = []
        self._tags_kept: list[str] = []

    def _commit(self, number: int) -> Commit:
        return history.read(self._source, number)

    def _transfer(self, numbers: list[int]) -> Transfer:
        """Return what carries the layers of some checkpoints, whose sizes are added up."""
        sizes = {
            layer.path: layer.bytes_stored
            for number in numbers
            for layer in self._commit(number).manifest.layers
        }
        return Transfer(
            self._source, self._target, total=sum(sizes.values()), progress=self._progress
        )

    def _name(self, copied: Mapping[int, int], *, replace: bool) -> None:
        """Give the names of what was copied to the copies: number there by number here."""
        before = tags_of(self._target)
        for name, parent in tags_of(self._source).items():
            if parent.commit not in copied:
                continue
            commit = history.read(self._target, copied[parent.commit])
            if name in before and before[name].sha256 == commit.sha256:
                continue
            if name in before and not replace:
                self._tags_kept.append(name)
                continue
            tagging.write_tag(self._target, name, commit)
            self._tags.append(name)

    def _report(self, transfer: Transfer, *, mirrored: bool) -> CopyReport:
        return CopyReport(
            commits=tuple(self._made),
            present=tuple(self._present),
            mirrored=mirrored,
            objects=transfer.objects,
            bytes=transfer.bytes,
            objects_present=transfer.objects_present,
            bytes_present=transfer.bytes_present,
            tags=tuple(self._tags),
            tags_kept=tuple(self._tags_kept),
        )


class _Appending(_Copying):
    """Checkpoints become commits under the next numbers of a history of its own."""

    def __init__(
        self,
        source: Readable,
        target: Store,
        whole: Survey | None,
        there: Survey,
        progress: Callable[[int, int], None] | None,
        append: bool,  # noqa: FBT001 - as given
    ) -> None:
        super().__init__(source, target, there, progress)
        self._whole = whole
        self._append = append

    def run(self, numbers: list[int], allow_new_dim: bool) -> CopyReport:  # noqa: FBT001 - as given
        """Copy checkpoints of these numbers, oldest first."""
        _require_readable(self._there)
        missing, copied = self._missing(numbers)
        self._require_meant(missing)
        for number in missing[:1]:
            manifest = self._commit(number).manifest
            checks.check_follows(
                self._target,
                self._there.top,
                step=manifest.step,
                dim=checks.dim_of(manifest),
                allow_new_dim=allow_new_dim,
            )
        transfer = self._transfer(missing)
        placed: dict[str, Held] = {}
        for number in missing:
            below: list[Layer] = []
            for layer in self._commit(number).manifest.layers:
                if layer.path not in placed:
                    placed[layer.path] = self._carry(transfer, layer, below)
                below.append(_at(placed[layer.path], layer))
        base = self._there.top
        store_id = base.store if base else root.claim(self._target, committing.new_id())
        for number in missing:
            base = self._publish(self._commit(number), placed, store_id, base)
            copied[number] = base.number
            self._made.append(base.number)
        self._name(copied, replace=False)
        return self._report(transfer, mirrored=False)

    def _require_meant(self, missing: list[int]) -> None:
        """Refuse to follow checkpoints of another run unasked: its readers would find these."""
        if not missing or self._append or not self._there.contents:
            return
        whole = self._whole or survey(self._source)
        others = len(self._there.contents.keys() - whole.contents.keys())
        if others:
            raise InvalidInputError(
                "input-argument",
                f"{self._target.url} holds {others} other checkpoints: copy to another URL, or say "
                "append=True to have these follow them",
            )

    def _missing(self, numbers: list[int]) -> tuple[list[int], dict[int, int]]:
        """Return the numbers of what is not there, and of the others those that they have there."""
        missing: list[int] = []
        copied: dict[int, int] = {}
        for number in numbers:
            found = self._there.contents.get(checkpoint_of(self._commit(number).manifest))
            if found is None:
                missing.append(number)
            else:
                copied[number] = found
                self._present.append(found)
        return missing, copied

    def _carry(self, transfer: Transfer, layer: Layer, below: list[Layer]) -> Held:
        """Have a layer at the target, and return where.

        It is where a commit names it already, or in a folder that none names and no collection
        empties, the same for each try. The layer's own ``zarr.json`` tells its folder, and that of
        the layer below (R-ZARR-06): it is made anew where one of them is another.
        """
        held = self._there.layers.get((content_of(layer), below[-1].path if below else None))
        if held is not None and held.path not in self._there.revoked:
            transfer.pass_over(layer)
            return held
        path = self._free(layer.path)
        group = zarr_json.documents_of([*below, msgspec.structs.replace(layer, path=path)])
        made, was = group[spec.ZARR_JSON], layer.objects.get(spec.ZARR_JSON)
        if was is not None and digests.sha256(made) == was.sha256:
            transfer.carry(layer, path)
            return Held(path=path, group=was)
        transfer.carry(layer, path, group=made)
        return Held(path=path, group=ObjectDigest(size=len(made), sha256=digests.sha256(made)))

    def _free(self, path: str) -> str:
        taken = self._there.folders | self._there.revoked
        named = keys.layer_name(path)
        step, write_id = named or (0, digests.sha256(path.encode())[:32])
        path = keys.layer_path(step, write_id)
        while path in taken:
            write_id = digests.sha256(write_id.encode())[:32]
            path = keys.layer_path(step, write_id)
        return path

    def _publish(
        self, commit: Commit, placed: Mapping[str, Held], store_id: str, base: Record | None
    ) -> Commit:
        manifest = commit.manifest
        draft = Draft(
            store_id=store_id,
            write_id=committing.new_id(),
            step=manifest.step,
            layers=[_at(placed[layer.path], layer) for layer in manifest.layers],
            metadata=manifest.metadata,
            model=manifest.model,
            base=base,
            shared=True,
        )
        return committing.publish(self._target, draft, writer=_WRITER)


def _at(held: Held, layer: Layer) -> Layer:
    """Return a layer as it is where it lies at the target."""
    objects = {**layer.objects, spec.ZARR_JSON: held.group}
    return msgspec.structs.replace(layer, path=held.path, objects=objects)


class _Mirroring(_Copying):
    """A whole history stands at the target as it stands at the source, byte by byte."""

    def __init__(
        self,
        source: Readable,
        target: Store,
        whole: Survey,
        there: Survey,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        super().__init__(source, target, there, progress)
        self._whole = whole

    def run(self) -> CopyReport:
        """Copy all that the target has not."""
        numbers = self._whole.checkpoints
        self._present = [number for number in numbers if number in self._there.identities]
        transfer = self._transfer(numbers)
        seen: set[str] = set()
        for number in numbers:
            for layer in self._commit(number).manifest.layers:
                if layer.path in seen:
                    continue
                seen.add(layer.path)
                if layer.path in self._there.folders:
                    transfer.pass_over(layer)
                else:
                    transfer.carry(layer, layer.path)
        self._commit_all()
        self._name({number: number for number in numbers}, replace=True)
        return self._report(transfer, mirrored=True)

    def _commit_all(self) -> None:
        """Create what follows, oldest first, so that each moment shows a history as it once was."""
        last = self._there.top.number if self._there.top else 0
        data = b""
        for number in sorted(history.numbers_of(self._source)):
            if number <= last or number > self._newest:
                continue
            data = self._bytes(number)
            self._create(number, data)
            self._made.append(number)
        for number in sorted(self._whole.tombstones & self._there.identities.keys()):
            if number not in self._there.tombstones:
                # What its collection, which stands here now, leaves of it.
                self._target.put(keys.commit_key(number), self._bytes(number))
        if data:
            with suppress(EmbzarrError):  # a hint, which a reader does without
                self._target.put(spec.LATEST, data)

    @property
    def _newest(self) -> int:
        return self._whole.top.number if self._whole.top else 0

    def _bytes(self, number: int) -> bytes:
        """Return the manifest of a number, unless it is another by now."""
        key = keys.commit_key(number)
        data = bytes(get_at_most(self._source, key, spec.MAX_MANIFEST_BYTES))
        known = self._whole.identities.get(number)
        is_tombstone = known is None or number in self._whole.tombstones
        if not is_tombstone and manifests.identity(data) != known:
            raise NotFoundError("commit-expired", f"{key} of the source changed meanwhile")
        return data

    def _create(self, number: int, data: bytes) -> None:
        key = keys.commit_key(number)
        try:
            self._target.create(key, data)
        except ConflictError:
            # By an earlier request whose answer was lost, or by another copy of the same.
            if bytes(get_at_most(self._target, key, spec.MAX_MANIFEST_BYTES)) != data:
                raise ConflictError(
                    "commit-superseded", f"{key}: another writer has committed there meanwhile"
                ) from None
