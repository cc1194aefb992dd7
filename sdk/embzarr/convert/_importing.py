"""Takes a file of another program into a checkpoint, block by block."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import embzarr
from embzarr._format import arguments
from embzarr._storage import interrupts
from embzarr.convert import _readers
from embzarr.convert._blocks import Given
from embzarr.convert._damage import Damage, OnError
from embzarr.convert._folders import at_hand, folder_of, found_in
from embzarr.convert._origin import origin_of
from embzarr.convert._provenance import Imported
from embzarr.convert._selecting import Choice, Selection, last_rows
from embzarr.convert._source import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from numpy.typing import DTypeLike

    from embzarr.convert._blocks import Table
    from embzarr.convert._origin import Origin
    from embzarr.convert._stream import Stream

_SCATTERED_CHUNK_BYTES: Final = 16 * 1024
_MEMBER: Final = "import"
"""Of the checkpoint's metadata, which holds what came of the import."""


def import_vectors(  # noqa: PLR0913 - the choices of an import, all keyword-only
    source: str | os.PathLike[str] | BinaryIO,
    url: object,
    *,
    format: str | None = None,  # noqa: A002 - as it is called on the command line
    vocabulary: str | os.PathLike[str] | BinaryIO | None = None,
    on_error: OnError = "stop",
    duplicates: Literal["error", "first", "last"] = "error",
    limit: int | None = None,
    words: Iterable[str] | None = None,
    subwords: bool = True,
    dtype: DTypeLike | None = None,
    step: int | None = None,
    compression: str = "auto",
    metadata: Mapping[str, Any] | None = None,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    source_options: Mapping[str, Any] | None = None,
    allow_pickle: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Imported:
    r"""Save the vectors of a file that another program wrote as a checkpoint.

    ``import_vectors("GoogleNews-vectors-negative300.bin.gz", "s3://bucket/news")``

    The file is read once, in blocks of a few MiB, whatever its size. Where the network to a URL
    breaks, it is read on from there, if the server comes back within a minute, knows ranges and has
    the same file. Nothing is visible at `url` before all of it was read and found sound, and
    nothing after an error. The checkpoint's metadata
    tell what came of it under ``import``: the format, name, size and SHA-256 of the file, of that
    of its words, and of each that was read beside it or in a folder, and the counts of the result,
    which name the first ten of each kind.

    Args:
        source: a path, any URL of fsspec's (``https://...``, ``s3://...``,
            ``zip://MEMBER::archive.zip``, ``tar://MEMBER::archive.tar.gz``), or an open binary
            file. What is compressed by gzip, bzip2, xz or zstd, and a zip or tar archive of one
            file, is unpacked as it is read. A folder may be spaCy's vectors, a static model with
            its ``tokenizer.json``, a store of Lance, LMDB or Zarr, or a table of several files of
            Parquet or Arrow, whose size and digest are those of all, by name. Of a folder of a
            store, whose URL ends in a slash, a temporary copy is made.
        url: where to; see `embzarr.open`.
        format: where the file's beginning is not to decide what it is: one of the names that the
            error of an unknown one lists, such as ``word2vec`` or ``glove``.
        vocabulary: the file of words, for a format that has none: a ``tokenizer.json``, or a word
            on each line. Of a line
            with tabs, the word is the first field that is no row number; a whole number behind
            it is the word's count.
        on_error: ``stop`` at the first thing that is wrong; ``skip`` the rows that are damaged; or
            ``replace`` in them what is no UTF-8 by U+FFFD and what is not finite by 0, and skip
            those of another length. Rows behind a place where a binary file is cut, or does not
            go on as a row should, cannot be found, and are lost.
        duplicates: what to do where a word stands twice: ``error``, or keep its ``first`` or its
            ``last`` row. The first holds all words in memory; for the last the file is read twice.
        limit: read no more than the first so many rows.
        words: keep only these words.
        subwords: of fastText's ``.bin``, gensim's FastText, floret's tables and finalfusion, keep
            the rows of n-grams, all of them, as the tensor ``subwords``, so that vectors of unknown
            words are computed.
        dtype: float32, float16, bfloat16 or float64; by default as in the file.
        step: see `embzarr.create`.
        compression: see `embzarr.create`.
        metadata: any JSON object, stored beside ``import``.
        allow_new_dim: see `embzarr.create`.
        single_writer: see `embzarr.create`.
        storage_options: credentials and endpoint of `url`.
        source_options: fsspec's options for `source` and `vocabulary`.
        allow_pickle: have gensim unpickle its own models. **A pickle can run any code**: say so
            only of files of your own.
        progress: called with the stored bytes read so far and the size of the file, 0 where it is
            not known; of a file of this machine in another thread than the caller's.

    Returns:
        The checkpoint, and the counts.

    Raises:
        InvalidInputError: codes ``input-file``: the file is damaged, or of no format that is read;
            ``input-duplicate-word``; ``input-nonfinite``; ``input-word``; ``input-changed``: it
            was written to meanwhile, or replaced; ``input-argument``.
        UnsupportedError: code ``feature-unsupported``: a part of a format that is not read, or a
            library that is not installed.
        NotFoundError: code ``object-missing``: no such file.
        StoreError: the file or the store cannot be reached.

    Example:
        >>> _ = Path(folder, "glove.txt").write_text("king 1 0\nqueen 0 1\n")
        >>> found = import_vectors(f"{folder}/glove.txt", f"{folder}/glove")
        >>> found.format, found.rows_read, found.checkpoint["queen"]
        ('glove', 2, array([0., 1.], dtype=float32))
    """
    choice = _choice(limit, words, duplicates)
    stored = {"dtype": dtype, "step": step, "compression": compression, "metadata": metadata}
    saving = {
        **stored,
        "allow_new_dim": allow_new_dim,
        "single_writer": single_writer,
        "storage_options": storage_options,
    }
    with at_hand(source, source_options) as file:
        return _Import(
            _sources(file, vocabulary, source_options, format),
            on_error=on_error,
            allow_pickle=allow_pickle,
            progress=progress,
            choice=choice,
            subwords=subwords,
        ).into(url, saving)


@contextmanager
def _telling_of_duplicates() -> Iterator[None]:
    """Add to the error of a word that stands twice what goes on all the same."""
    try:
        yield
    except embzarr.InvalidInputError as exc:
        if exc.code == "input-duplicate-word":
            exc.add_note("duplicates='first' or duplicates='last' takes one row of each word")
        raise


def _choice(limit: object, words: object, duplicates: Any) -> Choice:  # noqa: ANN401 - checked here
    """Return what a caller wants of a file.

    Raises:
        InvalidInputError: code ``input-argument``.
    """
    arguments.choice("duplicates", duplicates, ("error", "first", "last"))
    some = None if words is None else arguments.words_in_any_order("words", words)
    return Choice(
        limit=None if limit is None else arguments.whole("limit", limit, least=0),
        words=None if some is None else frozenset(some),
        duplicates=duplicates,
    )


def _sources(
    source: object, vocabulary: object, options: Mapping[str, Any] | None, form: str | None
) -> tuple[Source, Source | None, str | None]:
    """Return the file to begin with, that of its words, and its format, as far as they are known.

    Raises:
        InvalidInputError: codes ``input-argument``; ``input-file``, a folder of no known kind.
    """
    if form is not None:
        arguments.choice("format", form, _readers.FORMATS)
    folder = folder_of(source)
    if folder is None:
        file = Source(source, options, what="source")
    else:
        found = found_in(folder)
        file = Source(found.file, None, what="source", folder=folder)
        form = form or found.format
        if vocabulary is None and found.vocabulary is not None:
            return file, file.sibling(found.vocabulary), form
    words = None if vocabulary is None else Source(vocabulary, options, what="vocabulary")
    return file, words, form


class _Import:
    """One import, whose file may be read twice."""

    def __init__(
        self,
        sources: tuple[Source, Source | None, str | None],
        *,
        on_error: OnError,
        allow_pickle: bool,
        progress: Callable[[int, int], object] | None,
        choice: Choice,
        subwords: bool,
    ) -> None:
        arguments.check_flags(subwords=subwords)
        arguments.choice("on_error", on_error, get_args(OnError))
        self._file, self._vocabulary, self._format = sources
        self._on_error = on_error
        self._allow_pickle = allow_pickle
        self._progress = progress
        self._choice = choice
        self._subwords = subwords

    def into(self, url: object, saving: dict[str, Any]) -> Imported:
        """Save what was chosen.

        A file of this machine is never waited for long, so that all of it may be done apart: to
        hand each block over takes as long as half of what is done with it.
        """
        save = partial(self._save, url, saving)
        return interrupts.apart(save) if self._file.is_local else save()

    def _save(self, url: object, saving: dict[str, Any]) -> Imported:
        damage = self._damage()
        selection = Selection(self._choice, damage, kept=self._last_rows())
        with _telling_of_duplicates(), self._file.stream() as stream:
            name, table = self._table(stream, damage)
            settings = self._settings(table, saving)
            with _let_go_of(table), embzarr.create(url, table.dim, **settings) as writer:
                if self._subwords and table.tensors:
                    few = _SCATTERED_CHUNK_BYTES  # a word wants some rows from anywhere
                    writer.add(tensors=table.tensors, model=table.model, chunk_bytes=few)
                for block in selection.of(table.blocks):
                    interrupts.check()
                    writer.append(block.words, block.vectors, **block.columns)
                    self._tell(stream)
                # What is behind the last row: a limit leaves it out, and so does a format.
                if not selection.is_limited:
                    stream.drain()
                stream.check()
                origin = origin_of(
                    self._file, self._vocabulary, stream, is_limited=selection.is_limited
                )
                told = _told(name, table, origin, selection)
                writer.metadata = {**writer.metadata, _MEMBER: told}
        return _result(writer.checkpoint, name, origin, selection)

    def _damage(self) -> Damage:
        return Damage(self._file.base_name, self._on_error)

    def _last_rows(self) -> frozenset[int] | None:
        if self._choice.duplicates != "last":
            return None
        damage = self._damage()
        with self._file.stream() as stream:
            _, table = self._table(stream, damage)
            with _let_go_of(table):
                return last_rows(Selection(self._choice, damage, kept=None).of(table.blocks))

    def _table(self, stream: Stream, damage: Damage) -> tuple[str, Table]:
        name = self._format or _readers.detect(stream, damage)
        given = Given(
            source=self._file,
            stream=stream,
            vocabulary=self._vocabulary,
            damage=damage,
            allow_pickle=self._allow_pickle,
        )
        table = _readers.FORMATS[name](given)
        if self._vocabulary is not None and not self._vocabulary.was_read:
            with _let_go_of(table):
                raise embzarr.InvalidInputError(
                    "input-argument",
                    f"{self._file.base_name}: words of {name} stand in the file itself: "
                    "vocabulary= is for what has none",
                )
        return name, table

    def _settings(self, table: Table, saving: dict[str, Any]) -> dict[str, Any]:
        dtype = table.dtype if saving["dtype"] is None else saving["dtype"]
        columns = {"counts": "int64"} if table.has_counts else None
        # The selection has looked at each number already; another type may not hold all of them.
        checked = saving["dtype"] is None
        return {**saving, "dtype": dtype, "columns": columns, "allow_nonfinite": checked}

    def _tell(self, stream: Stream) -> None:
        if self._progress is not None:
            self._progress(stream.stored_bytes, stream.size or 0)


@contextmanager
def _let_go_of(table: Table) -> Iterator[None]:
    """Have a reader close what it opened, though not all of its rows were taken."""
    try:
        yield
    finally:
        close = getattr(table.blocks, "close", None)  # as generators have, which readers are
        if close is not None:
            close()


def _told(name: str, table: Table, origin: Origin, selection: Selection) -> dict[str, Any]:
    """Return what the checkpoint's metadata say of the import."""
    damage = selection.damage
    told: dict[str, Any] = {
        "format": name,
        **origin.to_json(),
        "rows_read": selection.rows_read + damage.lost,
        "skipped": damage.skipped,
        "replaced": damage.replaced,
        "duplicates": selection.duplicates,
    }
    further = {
        "problems": damage.problems,
        "duplicate_words": selection.duplicate_words,
        "limit": selection.limit,
        "unwanted": selection.unwanted,
        "missing": selection.missing,
        "missing_words": selection.missing_words,
        "file": dict(table.metadata),
    }
    return {**told, **{key: value for key, value in further.items() if value}}


def _result(
    checkpoint: embzarr.Checkpoint, name: str, origin: Origin, selection: Selection
) -> Imported:
    return Imported(
        checkpoint=checkpoint,
        format=name,
        rows_read=selection.rows_read + selection.damage.lost,
        skipped=selection.damage.skipped,
        replaced=selection.damage.replaced,
        duplicates=selection.duplicates,
        duplicate_words=tuple(selection.duplicate_words),
        limit=selection.limit,
        unwanted=selection.unwanted,
        missing=selection.missing,
        missing_words=tuple(selection.missing_words),
        problems=tuple(selection.damage.problems),
        source=origin.source,
        vocabulary=origin.vocabulary,
        files=origin.files,
    )
