"""Saving a whole matrix at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from embzarr._format import LayerSettings, Placement, arguments, placements, spec, word_table
from embzarr._history import Target
from embzarr._storage import interrupts, parallel
from embzarr._writing.given.checks import (
    arrays_of,
    check_lengths,
    kinds_of,
    metadata_of,
    taken,
    vectors_of,
)
from embzarr._writing.given.extras import Extras
from embzarr._writing.writer import start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._format import WordTable
    from embzarr._writing.given.given_files import Source
    from embzarr._writing.writer import Writer


class SaveSettings(TypedDict, total=False):
    """Keywords of `save` that do not say where to; `embzarr.Run.save` takes them."""

    step: int | None
    counts: ArrayLike | None
    columns: Mapping[str, ArrayLike] | None
    tensors: Mapping[str, ArrayLike] | None
    files: Mapping[str, Source] | None
    model: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    placement: str
    families: Sequence[str | int] | None
    compression: str
    chunk_bytes: int | None
    dtype: DTypeLike | None
    allow_nonfinite: bool
    allow_new_dim: bool


def save(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    words: Iterable[str | bytes] | None = None,
    vectors: ArrayLike | None = None,
    *,
    step: int | None = None,
    counts: ArrayLike | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    tensors: Mapping[str, ArrayLike] | None = None,
    files: Mapping[str, Source] | None = None,
    model: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    placement: str = "given",
    families: Sequence[str | int] | None = None,
    compression: str = "auto",
    chunk_bytes: int | None = None,
    dtype: DTypeLike | None = None,
    allow_nonfinite: bool = False,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Save words and vectors, tensors and files as one atomic commit and return it, opened.

    Either everything becomes visible at once or, after an error, an interrupt or a crash, nothing.
    An interrupt waits for the requests that are under way, a second one does not.

    Args:
        url: where to; see `embzarr.open`.
        words: any distinct texts that UTF-8 can hold, one for each row; None, as `vectors`, for a
            checkpoint of tensors and files alone.
        vectors: shape (rows, dim); a memory-mapped array is read in stretches. It is not copied,
            and must stay as it is until this returns; so must the other arrays.
        step: the step's number; by default one more than the newest commit's, or 0, also of what
            others commit meanwhile. The newest checkpoint is the one that was saved last, whatever
            its step: after a training that went back to step 50, step 60 is what `embzarr.open`
            opens, also where there is a step 100.
        counts: whole numbers, shape (rows,): how often each word was seen; short for a column
            ``counts``.
        columns: further arrays of as many rows: numbers, text, bytes or times. A list of texts is
            as wide as its longest; NULs at the end of one are not kept, as everywhere in numpy.
        tensors: named arrays of any shape and type, such as the weights of a model; they must stay
            as they are until this returns.
        files: bytes, paths or open binary files, by name.
        model: any JSON: what makes a model of tensors and files.
        metadata: any JSON; what would let anybody in, such as the signature of a URL, is left out.
        placement: order of the rows: ``given``, ``lexical``, ``hash[:GROUPS]`` or
            ``family[:GROUPS]``.
        families: with ``family``: a label for each word; words of a label lie together.
        compression: ``auto``, ``none``, ``lz4``, ``zstd[:LEVEL]``,
            ``blosc:CNAME[:SHUFFLE[:LEVEL]]``.
        chunk_bytes: rows that are fetched together take so many bytes at most, but one row at
            least; by default 128 KiB. Less, down to 1 KiB, has scattered words fetch less; each
            chunk takes 24 bytes of a table that is read for them, compresses by itself, and costs a
            save's time. Of 300 words among a million of 50 dimensions 28 MB are fetched at 128 KiB,
            4 MB at 16 KiB and 1 MB at 4 KiB. Of tensors the same, by default a MiB.
        dtype: stored type of the vectors, by default their own, which must be floating point then;
            the loss is in the manifest.
        allow_nonfinite: store NaN and infinity instead of refusing them.
        allow_new_dim: let vectors be longer or shorter than those of the newest commit.
        single_writer: promise that nobody else writes, for a store that cannot exclude others.
        storage_options: credentials and endpoint.

    Raises:
        InvalidInputError: input that cannot be saved; nothing was committed, and what was sent
            before a NaN or infinity was met is removed, as it is where something writes to the
            arrays meanwhile (``input-changed``).
        AccessDeniedError: the store refused the credentials.
        StoreError: the store failed; with code ``commit-unknown`` the commit may have been made.

    Example:
        >>> saved = embzarr.save(folder, ["king", "queen"], np.eye(2, dtype="f4"), step=7)
        >>> saved.step, saved.commit, saved["queen"]
        (7, 1, array([0., 1.], dtype=float32))
    """
    write = partial(save_given, url, words, vectors, Extras.of(tensors, files, model))
    return write(
        step=step,
        counts=counts,
        columns=columns,
        metadata=metadata,
        placement=placement,
        families=families,
        compression=compression,
        chunk_bytes=chunk_bytes,
        dtype=dtype,
        allow_nonfinite=allow_nonfinite,
        allow_new_dim=allow_new_dim,
        single_writer=single_writer,
        storage_options=storage_options,
    )


def save_given(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    words: Iterable[str | bytes] | None,
    vectors: ArrayLike | None,
    extras: Extras,
    *,
    step: int | None = None,
    counts: ArrayLike | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    metadata: Mapping[str, Any] | None = None,
    placement: str = "given",
    families: Sequence[str | int] | None = None,
    compression: str = "auto",
    chunk_bytes: int | None = None,
    dtype: DTypeLike | None = None,
    allow_nonfinite: bool = False,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Save, as `save`, tensors and files that were looked at before."""
    further = arrays_of(columns, counts)
    given = _Given.of(words, vectors, further, extras, dtype).arranged(placement, families)
    settings = LayerSettings(
        dim=given.dim,
        dtype=given.dtype,
        columns=kinds_of(further),
        compression=compression,
        chunk_bytes=chunk_bytes,
        allow_nonfinite=allow_nonfinite,
    )
    target = Target(url=url, options=storage_options, single_writer=single_writer)
    begin = partial(start, target, settings, step=step, metadata=metadata_of(metadata))
    begin = partial(begin, placement=given.placement, caller_rows=given.order)
    begin = partial(begin, allow_new_dim=allow_new_dim)
    return interrupts.apart(lambda: _write(begin(), given, extras))


_NO_MAPPING = (
    "words, and vectors beside them (of a mapping from words to vectors list(d) and"
    " list(d.values()); named arrays are tensors={...})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """The table that is to be saved: words and columns as given, and the order of their rows."""

    words: WordTable | None = None
    """None where there is no table."""
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    dtype: str = "float32"
    """The vectors' as they are stored."""
    placement: Placement = field(default_factory=lambda: Placement(kind="given"))
    order: NDArray[np.int64] | None = None
    """For each row, where it stands in what was given; None for as given."""

    @classmethod
    def of(
        cls,
        words: Iterable[str | bytes] | None,
        vectors: ArrayLike | None,
        further: Mapping[str, NDArray[Any]],
        extras: Extras,
        dtype: DTypeLike | None,
    ) -> _Given:
        """Check words and columns, of which there may be none where `extras` holds something.

        Raises:
            InvalidInputError: they cannot be saved.
        """
        if words is None and vectors is None:
            extras.require_something(further)
            return cls()
        if vectors is None and isinstance(words, Mapping):
            raise arguments.refusal("words", _NO_MAPPING, words)
        matrix, name = vectors_of(vectors, dtype)
        table = word_table.from_words(taken(() if words is None else words))
        columns = {spec.VECTORS: matrix, **further}
        check_lengths(len(table), columns)
        return cls(words=table, columns=columns, dtype=name)

    @property
    def dim(self) -> int | None:
        """Numbers in a vector; None where there is no table."""
        return self.columns[spec.VECTORS].shape[1] if self.columns else None

    def arranged(self, placement: str, families: Sequence[str | int] | None) -> _Given:
        """Return the same with its rows in the order of a placement."""
        if self.words is None:
            return self
        found = placements.parse(placement)
        order, rows = placements.arrange(found, self.words, families)
        return replace(self, placement=order, order=rows)


def _write(writer: Writer, given: _Given, extras: Extras) -> Checkpoint:
    """Append everything, in the order of rows, write the words meanwhile, and commit."""
    writer.model = extras.model
    layer = writer._layer  # noqa: SLF001 - one write, in two modules
    with writer._aborted_on_error():  # noqa: SLF001
        layer.require_room(0 if given.words is None else len(given.words))
        layer.contents.put(extras.tensors, extras.files)
        if given.words is None:
            return writer._commit()  # noqa: SLF001
        step = layer.columns[spec.VECTORS].shard_rows
        rows = given.order
        listed = given.words if rows is None else given.words.take(rows)

        def append() -> None:
            for first in range(0, len(listed), step):
                stop = min(first + step, len(listed))
                take = slice(first, stop) if rows is None else rows[first:stop]
                layer.append_rows({name: col[take] for name, col in given.columns.items()})

        parallel.together(append, lambda: layer.put_words(listed, writer._placement))  # noqa: SLF001
    return writer._commit()  # noqa: SLF001
