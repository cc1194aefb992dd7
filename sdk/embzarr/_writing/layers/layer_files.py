"""What every layer has, whatever its rows: arrays, chunk tables, and ``zarr.json`` documents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from embzarr._format import Layer, chunk_coding, dtypes, keys, pages, spec, zarr_json
from embzarr._history import withdrawing
from embzarr._writing.layers import jobs
from embzarr._writing.layers.array import ArrayWriter, ObjectWriter, SharedObjectWriter
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from embzarr._format import (
        Array,
        Codec,
        Contents,
        Cut,
        LookupImage,
        Lossy,
        ObjectDigest,
        PlacementMember,
        WordTable,
    )
    from embzarr._storage import Data, Store
    from embzarr._writing.layers.array import Shards, WrittenArray

JOB_BYTES = 80 * 1024 * 1024
"""Rows and what is made of them, over all background work of a writer: five full shards."""
_LOOKUP_BYTES = 2**20
"""Of blocks of a lookup that are made at once."""


class LayerFiles:
    """Writes the objects of one layer below a fresh folder."""

    def __init__(
        self,
        store: Store,
        *,
        step: int,
        write_id: str,
        shared: bool = False,
        staged: bool = False,
        job_bytes: int = JOB_BYTES,
    ) -> None:
        """Prepare to write; nothing is written yet.

        Args:
            store: where to.
            step: the step's number.
            write_id: names the folder together with the step.
            shared: whether other processes write to the folder too: nothing is replaced then, and
                nothing may be removed.
            staged: whether nobody opens it as Zarr, so that no documents are written.
            job_bytes: what all background work may hold at once.
        """
        self.step = step
        self.write_id = write_id
        self.path = keys.layer_path(step, write_id)
        self._store = store
        self._jobs = jobs.Jobs(job_bytes)
        kind = SharedObjectWriter if shared else ObjectWriter
        self._objects = kind(store, self.path, self._jobs)
        self._arrays: dict[str, ArrayWriter] = {}
        self._adopted: dict[str, WrittenArray] = {}
        self.is_staged = staged
        self._is_heavy = False

    @property
    def digests(self) -> dict[str, ObjectDigest]:
        """Size and SHA-256 of each object written so far, by its key below the layer."""
        return self._objects.digests

    def beside(self, work: Callable[[], object]) -> None:
        """Do something else meanwhile; where it fails, this write fails."""
        self._jobs.submit(0, work)

    def add(
        self,
        name: str,
        *,
        dtype: str,
        row_shape: tuple[int, ...] = (),
        codec: Codec | None = None,
        chunk: int | None = None,
        chunk_bytes: int | None = None,
        shards: Shards | Cut | None = None,
    ) -> ArrayWriter:
        """Return the writer of a new array; see `embzarr._writing.layers.array.ArrayWriter`."""
        writer = ArrayWriter(
            self._objects,
            name,
            dtype=dtype,
            row_shape=row_shape,
            codec=codec,
            chunk=chunk,
            chunk_bytes=chunk_bytes,
            shards=shards,
        )
        self._arrays[name] = writer
        return writer

    def adopt(self, name: str, array: WrittenArray, objects: Mapping[str, ObjectDigest]) -> None:
        """Take an array into the layer that others have written, with all of its objects."""
        self._adopted[name] = array
        self._objects.digests.update(objects)

    def copy(
        self,
        name: str,
        array: WrittenArray,
        shards: Mapping[str, int],
        fetch: Callable[[str], Data],
    ) -> None:
        """Start copying an array that stands elsewhere.

        Args:
            name: the array's path below the layer.
            array: what it is.
            shards: the size of each of its objects, by name.
            fetch: returns one of them.
        """
        self._adopted[name] = array
        for shard, size in shards.items():
            self._jobs.submit(size, partial(self._fetched, shard, fetch))

    def _fetched(self, name: str, fetch: Callable[[str], Data]) -> None:
        self._objects.put(name, fetch(name))

    def put(
        self, name: str, rows: NDArray[Any], codec: Codec | None, *, chunk: int | None = None
    ) -> None:
        """Start writing a whole array."""
        dtype = dtypes.stored_name(rows.dtype)
        writer = self.add(name, dtype=dtype, row_shape=rows.shape[1:], codec=codec, chunk=chunk)
        writer.append(rows)
        writer.finish()

    def put_texts(self, words: WordTable) -> None:
        """Start writing the arrays that hold words, in the order of their rows."""
        numbers = chunk_coding.parse("blosc:zstd", 8)
        self.put(spec.WORDS_DATA, words.data, chunk_coding.ZSTD)
        self.put(spec.WORDS_OFFSETS, words.offsets.view("<u8"), numbers)

    def put_words(self, words: WordTable, lookup: LookupImage) -> None:
        """Start writing the arrays that hold a vocabulary."""
        self.put_texts(words)
        quick = chunk_coding.parse("blosc:lz4:shuffle", 8)
        writer = self.add(
            spec.LOOKUP_BLOCKS, dtype="uint8", row_shape=(lookup.size,), codec=quick, chunk=1
        )
        step = max(_LOOKUP_BYTES // lookup.size, 1)
        for start in range(0, len(lookup), step):
            # Small parts, laid into their shard: the allocator keeps what is large and short-lived.
            writer.append(lookup.blocks(start, start + step), copied=len(lookup) > step)
        writer.finish()

    def finish(
        self,
        columns: list[str],
        lossy: Mapping[str, Lossy],
        *,
        rows: int,
        placement: PlacementMember,
        fences: Sequence[str],
        contents: Contents,
        below: Layer | None = None,
        room: int = 0,
    ) -> Layer:
        """Write chunk tables and documents, wait for everything, and return all of the layer.

        Args:
            columns: names of the layer's columns.
            lossy: what the conversion of a column cost.
            rows: of the checkpoint, from this layer down.
            placement: their order.
            fences: of the lookup.
            contents: the layer's tensors and files.
            below: of a delta, the layer under it.
            room: bytes of copies that the manifest may hold.
        """
        self._jobs.made()
        written = self._adopted | self.written()
        tables = self._write_tables(written)
        # Of a table all is known by now but where its chunks lie, which no document tells.
        members = {name: one.member() for name, one in (written | _written(tables)).items()}
        self._put_documents(members, columns, contents, rows=rows, below=below)
        self._jobs.wait()
        written |= _written(tables)
        copied = _copied(written, room)
        arrays = {
            name: array.member(
                table=keys.table_array(name) if name in tables else None,
                lossy=lossy.get(name),
                copied=name in copied,
            )
            for name, array in written.items()
        }
        return Layer(
            kind="delta" if below else "full",
            path=self.path,
            rows=rows,
            placement=placement,
            columns=columns,
            arrays=arrays,
            fences=list(fences),
            objects=dict(self.digests),
            tensors=dict(contents.tensors),
            files=dict(contents.files),
        )

    def _put_documents(
        self,
        members: dict[str, Array],
        columns: list[str],
        contents: Contents,
        *,
        rows: int,
        below: Layer | None,
    ) -> None:
        if self.is_staged:
            return
        self._is_heavy = pages.is_heavy(members, contents)
        documents = zarr_json.layer_documents(
            members,
            step=self.step,
            write_id=self.write_id,
            columns=columns,
            contents=contents,
            below=below,
            rows=rows,
            alone=self._is_heavy,
        )
        _require_readable(documents)
        for item in documents.items():
            self._jobs.submit(0, partial(self._objects.put, *item))

    def paged(self, layer: Layer, *, room: int | None = None) -> Layer:
        """End the write of a layer: what would make the manifest large is written into pages.

        Args:
            layer: all of it, as `finish` has told.
            room: bytes that it may take in the manifest; all that one may have where it is alone.

        Returns:
            What the manifest is to say of it.

        Raises:
            InvalidInputError: code ``input-argument``: more than pages can tell of.
        """
        if room is None:
            room = pages.room_beside(())
        told, written = pages.split(layer, room=room, heavy=self._is_heavy)
        for item in written.items():
            self._jobs.submit(0, partial(self._objects.put, *item))
        self._jobs.wait()
        self._jobs.close()
        return told

    def written(self) -> dict[str, WrittenArray]:
        """Return the arrays that were written here, all of which is made."""
        return {name: one.written() for name, one in self._arrays.items()}

    def wait(self) -> None:
        """Wait for the shards that are under way.

        Raises:
            Exception: what the first that failed raised.
        """
        self._jobs.wait()

    def close(self) -> None:
        """Stop, and remove nothing."""
        self._jobs.close()

    def withdrawn_on_error(self) -> AbstractContextManager[None]:
        """Stop, and remove what was written, if the block fails.

        Only for what comes before the manifest is sent: an object that a manifest may name is never
        removed.
        """
        return withdrawing.withdrawn_on_error(self._store, self.path, self._ended)

    def abort(self, cause: BaseException) -> None:
        """Stop, and remove what was written: as `withdrawn_on_error` does after `cause`."""
        withdrawing.withdraw(self._store, self.path, self._ended(), cause)

    def _ended(self) -> set[str]:
        """Stop, and return the objects that may have been stored."""
        self._jobs.close()
        return self._objects.begun

    def _write_tables(self, written: Mapping[str, WrittenArray]) -> dict[str, ArrayWriter]:
        """Start writing chunk tables where an index is too long for the manifest; by the array."""
        return {
            name: self._write_table(keys.table_array(name), array.index.table())
            for name, array in written.items()
            if len(array.index) > spec.INLINE_CHUNKS and not _is_read_first(name)
        }

    def _write_table(self, name: str, table: NDArray[np.uint64]) -> ArrayWriter:
        writer = ArrayWriter(
            self._objects,
            name,
            dtype="uint64",
            row_shape=(spec.TABLE_COLUMNS,),
            codec=chunk_coding.parse("blosc:zstd", 8),
            chunk=_table_chunk(len(table)),
        )
        writer.append(table)
        writer.finish()
        return writer


def _table_chunk(rows: int) -> int:
    """Return the rows of a chunk of a chunk table, whose own index the manifest must hold."""
    chunk = spec.TABLE_CHUNK_ROWS
    while rows > chunk * spec.MAX_INLINE_INDEX:
        chunk *= 2
    return chunk


def _require_readable(documents: Mapping[str, bytes]) -> None:
    """Refuse a document that no reader may parse: that of a layer tells of all that it holds.

    Raises:
        InvalidInputError: code ``input-argument``.
    """
    largest = max(map(len, documents.values()))
    if largest > spec.MAX_ZARR_JSON_BYTES:
        raise InvalidInputError(
            "input-argument",
            f"expected names of tensors and files that a zarr.json of {spec.MAX_ZARR_JSON_BYTES} "
            f"bytes can hold, found {largest}: fewer, or one archive of many files",
        )


def _copied(written: Mapping[str, WrittenArray], room: int) -> set[str]:
    """Return the arrays that the manifest is to hold a copy of: those that are read first."""
    copied: set[str] = set()
    for name in filter(_is_read_first, written):
        nbytes = len(written[name].only_chunk or b"")
        if 0 < nbytes <= room:
            copied.add(name)
            room -= nbytes
    return copied


def _written(tables: Mapping[str, ArrayWriter]) -> dict[str, WrittenArray]:
    """Return chunk tables as they were written so far, by their own names."""
    return {keys.table_array(name): table.written() for name, table in tables.items()}


def _is_read_first(name: str) -> bool:
    """Tell whether an array is read in the round trip of the tables, and so can have none."""
    beside = (f"{spec.CHUNKS}/", f"{spec.ROWS}/", f"{spec.SCALES}/")
    return name == spec.LOOKUP_BLOCKS or name.startswith(beside)
