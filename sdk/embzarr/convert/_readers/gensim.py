"""gensim's own ``.kv`` and ``.model``, with the files beside them: pickles that gensim reads.

A model of fastText's keeps the rows of its n-grams, as the import of fastText's own file does.
Where the vectors lie in a file beside it, and the words are given, nothing is unpickled.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._reading import MOST_LETTERS, SUBWORDS
from embzarr.convert._blocks import Block, Table, check_dim, rows_in_block
from embzarr.convert._matrix import until_end
from embzarr.convert._readers import numpy as npy
from embzarr.errors import NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embzarr.convert._blocks import Given

_PLANE: Final = 2
_COUNT: Final = "count"
_ARRAYS: Final = (".vectors.npy", ".wv.vectors.npy")
"""How the names of files end in which gensim has the vectors of large models."""
_APART: Final = "__numpys"
_OWNERS: Final = "__recursive_saveloads"
"""Under which gensim notes what it has saved in files of their own, and parts that have such."""
_MOST_FILES: Final = 32
_PIECE_BYTES: Final = 1 << 21


def read(given: Given) -> Table:
    """Have gensim load a model, if the caller trusts it, and leave its rows to be read.

    Raises:
        InvalidInputError: code ``input-file``: a pickle, and `allow_pickle` was not said; or
            gensim cannot load it.
        UnsupportedError: code ``feature-unsupported``: gensim is not installed.
    """
    if not given.allow_pickle:
        return _of_array(given)
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        vectors = _loaded(path, given, stack)
        matrix = vectors.vectors
        words = [word.encode() for word in vectors.index_to_key]
        if matrix.ndim != _PLANE or len(matrix) != len(words):
            raise given.damage.error(
                f"found {len(words)} words and an array of shape {matrix.shape}", code="input-rows"
            )
        counts = vectors.expandos.get(_COUNT)
        dim = check_dim(given.damage, matrix.shape[1])
        return Table(
            dim=dim,
            dtype=matrix.dtype.name,
            blocks=_blocks(words, matrix, counts, stack.pop_all()),
            has_counts=counts is not None,
            metadata={"class": type(vectors).__name__},
            **_subwords(vectors, dim),
        )


def _subwords(vectors: Any, dim: int) -> dict[str, Any]:  # noqa: ANN401 - gensim has no types
    """Return the rows of n-grams, and how they are found; nothing of a model without."""
    rows = getattr(vectors, "vectors_ngrams", None)
    if rows is None or not 1 <= vectors.min_n <= vectors.max_n <= MOST_LETTERS:
        return {}
    if rows.shape != (vectors.bucket, dim):
        return {}  # cut down, as by those who ship small models, to buckets numbered otherwise
    record = {"minn": vectors.min_n, "maxn": vectors.max_n, "bucket": vectors.bucket}
    return {
        "tensors": {SUBWORDS: rows},
        "model": {"framework": "fasttext", "form": SUBWORDS, **record},
    }


def _of_array(given: Given) -> Table:
    """Read the array beside a pickle, which is left alone.

    Raises:
        InvalidInputError: code ``input-file``: there is none, or no words for it.
    """
    for ending in _ARRAYS if given.vocabulary is not None else ():
        with ExitStack() as stack:
            source = given.source.beside(ending)
            try:
                stream = stack.enter_context(source.stream())
            except NotFoundError:
                continue
            table = npy.read(replace(given, source=source, stream=stream))
            return replace(table, blocks=until_end(table.blocks, stack.pop_all()))
    raise given.damage.error(
        "a pickle, which can run any code: say allow_pickle=True for a file of your own, give the "
        "words as vocabulary= where the vectors lie beside it in a file that ends in "
        f"{' or '.join(_ARRAYS)}, or have gensim write it anew by "
        "save_word2vec_format(..., binary=True)"
    )


def _loaded(path: Path, given: Given, stack: ExitStack) -> Any:  # noqa: ANN401 - gensim has no types
    try:
        utils = importlib.import_module("gensim.utils")
    except ModuleNotFoundError as exc:
        raise UnsupportedError(
            "feature-unsupported", "a model of gensim needs gensim: pip install gensim"
        ) from exc
    for _ in range(_MOST_FILES):
        try:
            found = utils.SaveLoad.load(str(path), mmap="r")
            _note_beside(found, path, given)
            return _vectors_of(found, path)
        except FileNotFoundError as exc:
            _fetch_beside(path, str(exc.filename).removeprefix(str(path)), given, stack)
        except Exception as exc:
            raise given.damage.error(
                f"gensim cannot load it as word vectors: {type(exc).__name__}: {exc} (if an "
                "older gensim wrote it, have gensim 3.8.3 load and save it first)"
            ) from exc
    raise given.damage.error(f"gensim wants more than {_MOST_FILES} files beside it")


def _vectors_of(found: Any, path: Path) -> Any:  # noqa: ANN401 - as above
    found = type(found).load(str(path), mmap="r")  # which knows what older versions wrote
    found = getattr(found, "wv", found)
    _ = found.vectors.shape, len(found.index_to_key), found.expandos
    return found


def _note_beside(found: Any, path: Path, given: Given) -> None:  # noqa: ANN401 - as above
    """Note the files that gensim has read beside the source by itself."""
    for name in _arrays_apart(found):
        ending = f".{name}.npy"
        given.source.note(path.with_name(path.name + ending), given.source.own_name + ending)


def _arrays_apart(found: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Yield the attributes of a model that gensim keeps in files of their own."""
    yield from getattr(found, _APART, ())
    for owner in getattr(found, _OWNERS, ()):
        yield from (f"{owner}.{name}" for name in _arrays_apart(getattr(found, owner, None)))


def _fetch_beside(path: Path, ending: str, given: Given, stack: ExitStack) -> None:
    """Copy a file beside the source to its place beside a temporary copy, for gensim to find it.

    Raises:
        InvalidInputError: code ``input-file``: it is missing beside the source.
    """
    copy = path.with_name(path.name + ending)
    is_there = given.source.is_local or copy.parent != path.parent or copy.exists()
    try:
        if is_there or not ending.startswith("."):
            raise NotFoundError("object-missing", ending)  # noqa: TRY301 - told below
        with given.source.beside(ending).stream() as stream, copy.open("xb") as file:
            stack.callback(copy.unlink)
            while piece := stream.read(_PIECE_BYTES):
                file.write(piece)
    except NotFoundError:
        raise given.damage.error(f"expected a file beside it whose name ends in {ending}") from None


def _blocks(words: list[bytes], matrix: Any, counts: Any, stack: ExitStack) -> Iterator[Block]:  # noqa: ANN401 - as above
    most = rows_in_block(matrix.shape[1], matrix.dtype.itemsize)
    with stack:
        for first in range(0, len(words), most):
            part = slice(first, first + most)
            yield Block(
                words=words[part],
                vectors=np.array(matrix[part]),
                place=lambda row, first=first: f"row {first + row}",  # type: ignore[misc]  # bound
                counts=None if counts is None else np.asarray(counts[part], np.int64),
            )
