"""Who keeps models: one class each, its packages imported when it is made."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import obstore
import obstore.store

import embzarr
from embzarr_bench.models import _state
from embzarr_bench.models._cases import ModelCase
from embzarr_bench.peers import OURS, RAW, library
from embzarr_bench.peers._obstore import get_shards, put
from embzarr_bench.peers._ours import notes_of
from embzarr_bench.peers._safetensors import client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embzarr_bench._place import Place
    from embzarr_bench.models._state import State

WHOLE = frozenset({ModelCase.SAVE, ModelCase.LOAD})
_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """What loading gave."""

    state: Mapping[str, Any] = field(default_factory=dict)
    """Arrays, or tensors of PyTorch, by name."""
    check: Callable[[], bool] | None = None
    """In place of them, for stored bytes: whether they are those that were stored."""
    nbytes: int = 0
    """Bytes of the result, where it is no state."""
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the result."""
        return self.nbytes or sum(one.nbytes for one in self.state.values())


Loading: TypeAlias = "Callable[[], Loaded]"
Saving: TypeAlias = "Callable[[], Mapping[str, int] | None]"


class ModelPeer:
    """A way to keep a model; what it returns is timed, and makes its own clients."""

    name: ClassVar[str]
    settings: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    distributions: ClassVar[tuple[str, ...]] = ()
    cases: ClassVar[frozenset[ModelCase]] = WHOLE

    def __init__(self) -> None:
        """Import the packages.

        Raises:
            PeerMissingError: one is not installed.
        """
        self.library = {name: library(name) for name in self.packages}

    def setup(self, place: Place, state: State) -> None:
        """Store what is then loaded. Not timed."""
        self.saving(ModelCase.SAVE, place, state)()

    def saving(self, case: ModelCase, place: Place, state: State) -> Saving:
        """Return work that stores a state at a place where nothing is yet."""
        raise NotImplementedError

    def loading(self, case: ModelCase, place: Place, state: State) -> Loading:
        """Return work that loads; `state` tells names, shapes and types, and is not read."""
        raise NotImplementedError


class Ours(ModelPeer):
    """embzarr, every chunk's CRC-32C checked, all digests made."""

    name: ClassVar[str] = OURS
    settings: ClassVar[str] = "tensors, compression none; a step as a delta"
    distributions: ClassVar[tuple[str, ...]] = ("embzarr",)
    cases: ClassVar[frozenset[ModelCase]] = frozenset(ModelCase)

    def setup(self, place: Place, state: State) -> None:
        """Store the state, a step after it, and the two small models."""
        _save(place, state)
        _save_step(place, _state.changed(state))
        for name, small in (("many", _state.many()), ("one", _state.one())):
            _save(place.below(name), small)

    def saving(self, case: ModelCase, place: Place, state: State) -> Saving:
        """Return a save; of a step, with the one before at its place."""
        if case is ModelCase.SAVE:
            return lambda: notes_of(_save(place, state))
        _save(place, state)
        changed = _state.changed(state)
        return lambda: notes_of(_save_step(place, changed))

    def loading(self, case: ModelCase, place: Place, state: State) -> Loading:
        """Return a load, from the address."""
        del state
        names = [_state.ONE_TENSOR] if case is ModelCase.TENSOR else None
        if case in {ModelCase.MANY, ModelCase.ONE}:
            place = place.below(case.value)
        at = 0 if case is ModelCase.LOAD else None

        def load() -> Loaded:
            checkpoint = embzarr.open(place.url, step=at, storage_options=place.options)
            found = checkpoint.tensors.load(names)
            return Loaded(state=found, notes=notes_of(checkpoint))

        return load


def _save(place: Place, state: State, **options: Any) -> embzarr.Checkpoint:  # noqa: ANN401
    how = {"storage_options": place.options, **options}
    return embzarr.save(place.url, tensors=state, compression="none", step=0, **how)


def _save_step(place: Place, state: State) -> embzarr.Checkpoint:
    run = embzarr.Run(place.url, storage_options=place.options)
    return run.save_delta(tensors=state, compression="none", step=1)


class RawObstore(ModelPeer):
    """Moves the very bytes that embzarr needs, and does nothing with them."""

    name: ClassVar[str] = RAW
    settings: ClassVar[str] = "embzarr's own objects, ranges of 8 MiB or whole objects, 16 at once"
    distributions: ClassVar[tuple[str, ...]] = ("obstore",)

    def setup(self, place: Place, state: State) -> None:
        """Store with embzarr."""
        _save(place, state)

    def saving(self, case: ModelCase, place: Place, state: State) -> Saving:
        """Return work that puts the objects of a save, which are at hand in memory."""
        del case
        # In a forked worker this makes obstore's modules show a copy of its own.
        embzarr.Run(place.url, storage_options=place.options)
        memory = obstore.store.MemoryStore()
        embzarr.save(memory, tensors=state, compression="none", step=0)
        keys = [item["path"] for page in obstore.list(memory) for item in page]
        objects = {key: memoryview(memory.get(key).bytes()) for key in keys}
        return partial(put, place, objects)

    def loading(self, case: ModelCase, place: Place, state: State) -> Loading:
        """Return work that gets the bytes of all shards."""
        del case, state
        checkpoint = embzarr.open(place.url, storage_options=place.options)
        (layer,) = checkpoint._commit.manifest.layers  # noqa: SLF001 - it is told where they lie
        shards = {
            f"{layer.path}/{name}": (one.size, one.sha256)
            for name, one in layer.objects.items()
            if "/c/" in name
        }

        def load() -> Loaded:
            answer = get_shards(place, shards)
            check = answer.check
            assert check is not None  # noqa: S101 - of stored bytes
            nothing = np.empty(0)
            return Loaded(check=lambda: check(nothing), nbytes=answer.nbytes, notes=answer.notes)

        return load


class Safetensors(ModelPeer):
    """One file, moved whole by boto3."""

    name: ClassVar[str] = "safetensors + boto3"
    settings: ClassVar[str] = "one file, by boto3's parallel upload and download"
    packages: ClassVar[tuple[str, ...]] = ("safetensors.numpy", "boto3")
    distributions: ClassVar[tuple[str, ...]] = ("safetensors", "boto3")

    def saving(self, case: ModelCase, place: Place, state: State) -> Saving:
        """Return work that writes the file in memory and uploads it."""
        del case

        def save() -> None:
            data = io.BytesIO(self.library["safetensors.numpy"].save(state))
            client(place).upload_fileobj(data, place.bucket, f"{place.prefix}/{_FILE}")

        return save

    def loading(self, case: ModelCase, place: Place, state: State) -> Loading:
        """Return work that downloads the file and takes it apart."""
        del case, state

        def load() -> Loaded:
            data = io.BytesIO()
            client(place).download_fileobj(place.bucket, f"{place.prefix}/{_FILE}", data)
            return Loaded(state=self.library["safetensors.numpy"].load(data.getvalue()))

        return load


class DistributedCheckpoint(ModelPeer):
    """PyTorch's own, over fsspec."""

    name: ClassVar[str] = "torch.distributed.checkpoint + s3fs"
    settings: ClassVar[str] = "FsspecWriter and FsspecReader, 8 threads, one process"
    packages: ClassVar[tuple[str, ...]] = (
        "torch",
        "torch.distributed.checkpoint",
        "torch.distributed.checkpoint._fsspec_filesystem",
        "s3fs",
    )
    distributions: ClassVar[tuple[str, ...]] = ("torch", "s3fs")

    def saving(self, case: ModelCase, place: Place, state: State) -> Saving:
        """Return a save of tensors that share the arrays' memory."""
        del case
        torch, dcp, over = (self.library[name] for name in self.packages[:3])
        tensors = {name: torch.from_numpy(one) for name, one in state.items()}

        def save() -> None:
            writer = over.FsspecWriter(place.url, thread_count=8, **_fsspec(place))
            dcp.save(tensors, storage_writer=writer, no_dist=True)

        return save

    def loading(self, case: ModelCase, place: Place, state: State) -> Loading:
        """Return a load into fresh tensors."""
        del case
        torch, dcp, over = (self.library[name] for name in self.packages[:3])

        def load() -> Loaded:
            tensors = {name: torch.empty(one.shape) for name, one in state.items()}
            reader = over.FsspecReader(place.url, **_fsspec(place))
            dcp.load(tensors, storage_reader=reader, no_dist=True)
            return Loaded(state=tensors)

        return load


def _fsspec(place: Place) -> dict[str, Any]:
    return {
        "key": place.access_key,
        "secret": place.secret_key,
        "client_kwargs": {"endpoint_url": place.endpoint_url, "region_name": place.region},
        "use_listings_cache": False,
        "skip_instance_cache": True,
    }


class ModelStreamer(ModelPeer):
    """The Run:ai model streamer, of a safetensors file."""

    name: ClassVar[str] = "Run:ai model streamer"
    settings: ClassVar[str] = "SafetensorsStreamer, 16 threads, each tensor copied from its buffer"
    packages: ClassVar[tuple[str, ...]] = (
        "runai_model_streamer",
        "runai_model_streamer_s3",
        "safetensors.numpy",
        "boto3",
    )
    distributions: ClassVar[tuple[str, ...]] = ("runai-model-streamer", "runai-model-streamer-s3")
    cases: ClassVar[frozenset[ModelCase]] = frozenset({ModelCase.LOAD})

    def setup(self, place: Place, state: State) -> None:
        """Store one file with safetensors."""
        Safetensors().setup(place, state)

    def loading(self, case: ModelCase, place: Place, state: State) -> Loading:
        """Return a load by streaming."""
        del case, state
        os.environ |= {
            "AWS_ACCESS_KEY_ID": place.access_key,
            "AWS_SECRET_ACCESS_KEY": place.secret_key,
            "AWS_REGION": place.region,
            "AWS_ENDPOINT_URL": place.endpoint_url,
            "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING": "0",
            "RUNAI_STREAMER_CONCURRENCY": "16",
        }
        streaming = self.library["runai_model_streamer"].SafetensorsStreamer

        def load() -> Loaded:
            with streaming() as streamer:
                streamer.stream_file(f"{place.url}/{_FILE}")
                found = {name: one.clone() for name, one in streamer.get_tensors()}
            return Loaded(state=found)

        return load


ALL: dict[str, type[ModelPeer]] = {
    peer.name: peer
    for peer in (Ours, RawObstore, Safetensors, DistributedCheckpoint, ModelStreamer)
}
"""Every peer by its name."""
