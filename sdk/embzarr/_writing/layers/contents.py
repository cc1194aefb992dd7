"""Writes the tensors and files of a layer: large ones by themselves, small ones end to end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from embzarr._format import Contents, FileMember, TensorMember, chunk_coding, dtypes, keys, spec
from embzarr._reading import Files, Tensors, link_of, pages
from embzarr._writing.given.given_files import GivenFile
from embzarr._writing.given.tensor_rows import GivenTensor
from embzarr._writing.layers import copying
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from embzarr._format import Manifest, ObjectDigest
    from embzarr._storage import Store
    from embzarr._writing.layers.array import ArrayWriter, WrittenArray
    from embzarr._writing.layers.layer_files import LayerFiles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TensorPart:
    """The tensors and files that one process has stored, and small tensors that it has not."""

    tensors: dict[str, TensorMember] = field(default_factory=dict)
    files: dict[str, FileMember] = field(default_factory=dict)
    arrays: dict[str, WrittenArray] = field(default_factory=dict)
    objects: dict[str, ObjectDigest] = field(default_factory=dict)
    small: dict[str, GivenTensor] = field(default_factory=dict)


class ContentsWriter:
    """Takes tensors and files, and sends them as they come; nothing is copied but what is small."""

    def __init__(
        self,
        files: LayerFiles,
        compression: str,
        chunk_bytes: int | None = None,
        *,
        part: int | None = None,
    ) -> None:
        """Prepare to write beside what else a layer has.

        Args:
            files: the layer.
            compression: as `embzarr.save` takes it.
            chunk_bytes: the most that a chunk of several rows of a tensor takes; None for a MiB.
            part: number of the part of a step that this is, whose arrays of small tensors are its
                own; None for the whole of a layer, or what its publisher adds.
        """
        self._files = files
        self._part = part
        self._compression = compression
        self._chunk_bytes = chunk_bytes
        self._small: dict[str, ArrayWriter] = {}
        self._filled: dict[str, int] = {}
        self._tensors: dict[str, TensorMember] = {}
        self._given: dict[str, FileMember] = {}
        self.is_whole = True
        """Whether all that was given is there: not after an error midway."""

    def put(
        self,
        tensors: Mapping[str, GivenTensor],
        files: Mapping[str, GivenFile],
        *,
        chunk_bytes: int | None = None,
    ) -> None:
        """Take tensors and files; after an error some of them may be there.

        Args:
            tensors: by name.
            files: by name.
            chunk_bytes: of these tensors; None for what the writer was made with.

        Raises:
            InvalidInputError: a name that was given before, whose bytes may still be under way to
                the same place; a file that cannot be read, or changes meanwhile.
        """
        self._require_new(tensors, files)
        self.is_whole = False
        for name, tensor in tensors.items():
            self._tensors[name] = self._put_tensor(name, tensor, chunk_bytes)
        for name, file in files.items():
            self._given[name] = self._put_file(name, file)
        self.is_whole = True

    def _require_new(self, tensors: Iterable[str], files: Iterable[str]) -> None:
        given = {"tensor": self._tensors.keys() & tensors, "file": self._given.keys() & files}
        for kind, twice in given.items():
            for name in sorted(twice)[:1]:
                raise InvalidInputError("input-argument", f"{kind} {name[:64]!r} was given before")

    def adopt(self, part: TensorPart) -> None:
        """Take tensors that another process has stored in this layer; its small ones are sent.

        Raises:
            InvalidInputError: code ``input-argument``: a name that another one has given.
        """
        names = part.tensors.keys() | part.small.keys()
        twice = sorted(names & self._tensors.keys())
        if twice:
            message = f"{len(twice)} tensors given by two processes, such as {twice[0][:64]!r}"
            raise InvalidInputError("input-argument", message)
        for at, (name, array) in enumerate(part.arrays.items()):
            self._files.adopt(name, array, {} if at else part.objects)
        self._tensors |= part.tensors
        self._given |= part.files
        self.put(part.small, {})

    def take_over(self, store: Store, manifest: Manifest) -> None:
        """Copy the tensors and files of a commit that were not put: large ones as they are stored.

        Raises:
            DamagedError: one of them cannot be read.
        """
        link = link_of(store)
        manifest = pages.whole(store, manifest)
        tensors = Tensors(store, manifest.tensors, link)
        files = Files(store, manifest.files, link)
        left = {name: at for name, at in manifest.tensors.items() if name not in self._tensors}
        small = [name for name, (_, member) in left.items() if member.start is not None]
        for name, array in tensors.load(small, raw=True).items():
            layer, member = left[name]
            dtype = layer.arrays[member.array].dtype
            tensor = GivenTensor(array=array, dtype=dtype, type=member.type)
            self._tensors[name] = self._put_tensor(name, tensor)
        for name, (layer, member) in left.items():
            if member.start is None:
                copying.copy(store, self._files, layer, member.array)
                self._tensors[name] = member
        for name, (layer, file) in manifest.files.items():
            if name in self._given:
                continue
            if file.start is None:
                copying.copy(store, self._files, layer, file.array)
                self._given[name] = file
            else:
                data = files[name].read()
                again = GivenFile(name=name, source=data, known_type=file.media_type)
                self._given[name] = self._put_file(name, again)

    def finish(self) -> Contents:
        """Send what is left, and return what the manifest says."""
        for writer in self._small.values():
            writer.finish()
        return Contents(tensors=self._tensors, files=self._given)

    def _put_tensor(
        self, name: str, tensor: GivenTensor, chunk_bytes: int | None = None
    ) -> TensorMember:
        shape = list(tensor.shape)
        if tensor.is_small:
            array, start = self._put_small(tensor.dtype, tensor.flat())
            return TensorMember(array=array, start=start, shape=shape, type=tensor.type)
        array, cut = (
            keys.tensor_array(spec.TENSORS, name),
            tensor.cut(chunk_bytes or self._chunk_bytes),
        )
        codec = chunk_coding.parse(self._compression, dtypes.itemsize(tensor.dtype))
        writer = self._files.add(
            array, dtype=tensor.dtype, row_shape=cut.row_shape, codec=codec, shards=cut
        )
        for rows in tensor.rows(cut):
            writer.append(rows)
        writer.finish()
        return TensorMember(array=array, shape=shape, type=tensor.type)

    def _put_file(self, name: str, file: GivenFile) -> FileMember:
        digest, size, writer, first = hashlib.sha256(), 0, None, b""
        array, start = keys.tensor_array(spec.FILES, name), None
        with file.stretches() as parts:
            for part in parts:
                digest.update(part)
                size += len(part)
                if writer is None and size > spec.SMALL_BYTES:
                    writer = self._file_writer(array)
                    part, first = first + part, b""  # noqa: PLW2901 - what came before, too
                if writer is None:
                    first += part
                else:
                    writer.append(np.frombuffer(part, np.uint8))
        if writer is None:
            array, start = self._put_small("uint8", np.frombuffer(first, np.uint8))
        else:
            writer.finish()
        return FileMember(
            array=array,
            start=start,
            size=size,
            sha256=digest.hexdigest(),
            media_type=file.media_type,
        )

    def _file_writer(self, array: str) -> ArrayWriter:
        codec = chunk_coding.parse(self._compression, 1)
        return self._files.add(
            array, dtype="uint8", codec=codec, chunk_bytes=spec.TENSOR_CHUNK_BYTES
        )

    def _put_small(self, dtype: str, numbers: np.ndarray) -> tuple[str, int]:
        """Lay numbers behind those of their data type; return the array and where they begin."""
        array = keys.tensor_array(spec.SMALL, dtype)
        if self._part is not None:
            array = keys.part_array(array, self._part)
        if array not in self._small:
            codec = chunk_coding.parse(self._compression, dtypes.itemsize(dtype))
            self._small[array] = self._files.add(array, dtype=dtype, codec=codec)
        start = self._filled.get(array, 0)
        self._filled[array] = start + len(numbers)
        # Copied: what is small may be a view of what is large, which else stayed in memory.
        self._small[array].append(numbers, copied=True)
        return array, start
