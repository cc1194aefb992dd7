"""PyTorch: models, embedding layers with their vocabulary, and rows (extra ``torch``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from embzarr._format import arguments, placements
from embzarr.errors import InvalidInputError, WordNotFoundError
from embzarr.interop._door import Source, loaded_once, needs, opened
from embzarr.interop._frameworks.torch_models import load, save, save_async
from embzarr.interop._frameworks.torch_state import to_array
from embzarr.interop._models.embeddings import save_rows

with needs("torch", extra="torch"):
    import torch
    from torch import nn
    from torch.utils.data import IterableDataset, get_worker_info

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._models.storing import HowToSave

__all__ = [
    "RowDataset",
    "Vocabulary",
    "embedding",
    "embedding_bag",
    "load",
    "save",
    "save_async",
    "save_embedding",
]

_MISSING = ("raise", "skip", "zeros")
_UNKNOWN = ("zeros", "mean")
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The words of a layer, and their rows in it. Made by `embedding` and `embedding_bag`.

    Example:
        >>> from embzarr.interop.torch import embedding
        >>> layer, vocabulary = embedding(checkpoint, ["queen", "king"], padding=True)
        >>> vocabulary.padded([["king"], ["queen", "king"]])
        tensor([[2, 0],
                [1, 2]])
    """

    rows: dict[str, int]
    """Of each word."""
    padding: int | None
    """The row for places without a word."""
    unknown: int | None
    """The row of words that are not among them."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in the order of their rows."""
        return tuple(self.rows)

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.rows)

    def __contains__(self, word: object) -> bool:
        """Tell whether a word has a row of its own."""
        return word in self.rows

    def __getitem__(self, word: str) -> int:
        """Return the row of a word, or that of unknown words."""
        row = self.rows.get(word, self.unknown)
        if row is None:
            raise WordNotFoundError(
                "word-missing",
                f"no word {word!r} among the {len(self)} of this layer; unknown= gives it a row",
            )
        return row

    def encode(self, words: Iterable[str]) -> Any:  # noqa: ANN401 - torch is an extra
        """Return the rows of words, int64, shape (k,).

        Raises:
            WordNotFoundError: code ``word-missing``, without a row for unknown words.
        """
        listed = arguments.words("words", words)
        return torch.tensor([self[word] for word in listed], dtype=torch.int64)

    def padded(self, texts: Iterable[Iterable[str]]) -> Any:  # noqa: ANN401 - torch is an extra
        """Return the rows of texts, int64, shape (texts, longest), the rest of each padded.

        Raises:
            InvalidInputError: the layer has no row for padding.
        """
        if self.padding is None:
            raise InvalidInputError("input-argument", "padded: this layer was made without padding")
        rows = [self.encode(words) for words in texts]
        if not rows:
            return torch.empty((0, 0), dtype=torch.int64)
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.padding)

    def bags(self, texts: Iterable[Iterable[str]]) -> tuple[Any, Any]:
        """Return rows and offsets of texts, as `torch.nn.EmbeddingBag` takes them, both int64."""
        rows = [self.encode(words) for words in texts]
        ends = np.cumsum([0, *map(len, rows)])[:-1]
        return torch.cat(rows or [self.encode([])]), torch.from_numpy(ends.astype(np.int64))


def embedding(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    *,
    freeze: bool = True,
    padding: bool = False,
    unknown: Literal["zeros", "mean"] | None = None,
    missing: str = "raise",
) -> tuple[Any, Vocabulary]:
    """Return a `torch.nn.Embedding` with the vectors of words, and its vocabulary.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        freeze: do not let training change them.
        padding: have row 0, of zeros, for places without a word; training leaves it so.
        unknown: have a row for all other words, before those: ``zeros``, or the ``mean`` of all.
        missing: what to do about words that the checkpoint does not hold: ``raise``, ``skip`` them,
            or give them rows of ``zeros``.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        InvalidInputError: code ``input-duplicate-word``: a word twice; a setting of no use.

    Example:
        >>> from embzarr.interop.torch import embedding
        >>> layer, vocabulary = embedding(checkpoint, ["queen", "king"], unknown="mean")
        >>> layer(vocabulary.encode(["king", "emperor"]))
        tensor([[1.0000, 0.0000, 0.0000, 0.0000],
                [0.5000, 0.5000, 0.0000, 0.0000]])
    """
    weights, vocabulary = _table(checkpoint, words, padding, unknown, missing)
    arguments.check_flags(freeze=freeze)
    layer = nn.Embedding.from_pretrained(weights, freeze=freeze, padding_idx=vocabulary.padding)
    return layer, vocabulary


def embedding_bag(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    *,
    mode: Literal["mean", "sum", "max"] = "mean",
    freeze: bool = True,
    padding: bool = False,
    unknown: Literal["zeros", "mean"] | None = None,
    missing: str = "raise",
) -> tuple[Any, Vocabulary]:
    """Return a `torch.nn.EmbeddingBag` with the vectors of words, and its vocabulary.

    Args:
        checkpoint: see `embedding`, as for all that is not said here.
        words: see `embedding`.
        mode: how the vectors of a bag become one: ``mean``, ``sum`` or ``max``.
        freeze: see `embedding`.
        padding: see `embedding`; it counts for nothing in a bag.
        unknown: see `embedding`.
        missing: see `embedding`.

    Example:
        >>> from embzarr.interop.torch import embedding_bag
        >>> layer, vocabulary = embedding_bag(checkpoint, ["queen", "king"])
        >>> layer(*vocabulary.bags([["king", "queen"], [], ["king"]]))
        tensor([[0.5000, 0.5000, 0.0000, 0.0000],
                [0.0000, 0.0000, 0.0000, 0.0000],
                [1.0000, 0.0000, 0.0000, 0.0000]])
    """
    arguments.choice("mode", mode, ("mean", "sum", "max"))
    weights, vocabulary = _table(checkpoint, words, padding, unknown, missing)
    arguments.check_flags(freeze=freeze)
    layer = nn.EmbeddingBag.from_pretrained(
        weights, freeze=freeze, mode=mode, padding_idx=vocabulary.padding
    )
    return layer, vocabulary


def save_embedding(
    url: object,
    layer: Any,  # noqa: ANN401 - torch is an extra
    words: Iterable[str | bytes] | Vocabulary,
    **how: Unpack[HowToSave],
) -> Checkpoint:
    """Save the vectors of a layer with its words, as a table to be read by word.

    Args:
        url: where to; see `embzarr.open`.
        layer: a `torch.nn.Embedding` or `torch.nn.EmbeddingBag`.
        words: of all rows, in their order; or the vocabulary that came with the layer, whose rows
            for padding and unknown words are left out.
        **how: ``step``, ``metadata``, ``storage_options`` and others, as `embzarr.save` takes them.

    Raises:
        InvalidInputError: no such layer, or another number of words than of rows.

    Example:
        >>> from embzarr.interop.torch import embedding, save_embedding
        >>> layer, vocabulary = embedding(checkpoint, ["queen", "king"], padding=True)
        >>> save_embedding(folder, layer, vocabulary)["king"]
        array([1., 0., 0., 0.], dtype=float32)
    """
    if not isinstance(layer, nn.Embedding | nn.EmbeddingBag):
        raise arguments.refusal("layer", "a torch.nn.Embedding or EmbeddingBag", layer)
    listed = words.rows if isinstance(words, Vocabulary) else words
    return save_rows(url, listed, to_array("weight", layer.weight), how)


class RowDataset(IterableDataset):  # type: ignore[misc]  # torch is an extra
    """All rows of a checkpoint, for a `torch.utils.data.DataLoader`.

    The rows are shared out: each worker of the loader streams a range of its own, and each process
    of `torch.distributed` its share, so that every row comes once. It yields batches of words and
    vectors, a list of k texts and a tensor of shape (k, dim), so that the loader is made with
    ``batch_size=None``.

    Args:
        checkpoint: one that is open, or the place of a run, whose newest is taken here and now.
        batch_rows: rows of a batch; the last of a worker's may be shorter.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from embzarr.interop.torch import RowDataset
        >>> for words, vectors in DataLoader(RowDataset(checkpoint, batch_rows=3), batch_size=None):
        ...     print(words, vectors.shape)
        ['king', 'queen', 'man'] torch.Size([3, 4])
        ['woman'] torch.Size([1, 4])
    """

    def __init__(self, checkpoint: Source, *, batch_rows: int = _BATCH_ROWS) -> None:
        """Open the checkpoint; nothing is read but its manifest."""
        self.checkpoint = opened(checkpoint)
        self.batch_rows = arguments.whole("batch_rows", batch_rows, least=1)

    def __iter__(self) -> Iterator[tuple[list[str], Any]]:
        """Yield the batches of this worker's rows; the next one is fetched meanwhile."""
        start, stop = placements.part_by_rows(len(self.checkpoint), *_place())
        row_bytes = self.checkpoint.dim * self.checkpoint.dtype.itemsize
        nbytes = self.batch_rows * row_bytes
        for batch in self.checkpoint.stream(start=start, stop=stop, batch_bytes=nbytes):
            yield list(batch.words), _tensor(batch.vectors)


def _place() -> tuple[int, int]:
    """Return which share of the rows is this worker's, and of how many."""
    worker = get_worker_info()
    index, count = (0, 1) if worker is None else (worker.id, worker.num_workers)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        processes = torch.distributed.get_world_size()
        return torch.distributed.get_rank() * count + index, processes * count
    return index, count


def _table(
    checkpoint: Source,
    words: Iterable[str | bytes] | None,
    padding: bool,  # noqa: FBT001 - inside
    unknown: str | None,
    missing: str,
) -> tuple[Any, Vocabulary]:
    """Return the weights of a layer, and which row is whose."""
    found = opened(checkpoint)
    arguments.check_flags(padding=padding)
    if unknown is not None:
        arguments.choice("unknown", unknown, _UNKNOWN)
    loaded = loaded_once(found, words, missing=missing, allowed=_MISSING)
    special = _special_rows(loaded.vectors, padding=padding, unknown=unknown)
    weights = np.concatenate((*special, loaded.vectors)) if special else loaded.vectors
    return _tensor(weights), Vocabulary(
        rows={word: row for row, word in enumerate(loaded.words, len(special))},
        padding=0 if padding else None,
        unknown=None if unknown is None else int(padding),
    )


def _special_rows(
    vectors: NDArray[Any], *, padding: bool, unknown: str | None
) -> Sequence[NDArray[Any]]:
    zeros = np.zeros((1, vectors.shape[1]), vectors.dtype)
    of_all = zeros
    if unknown == "mean" and len(vectors):
        of_all = vectors.mean(axis=0, dtype=np.float64, keepdims=True).astype(vectors.dtype)
    return [*([zeros] if padding else []), *([] if unknown is None else [of_all])]


def _tensor(vectors: NDArray[Any]) -> Any:  # noqa: ANN401 - torch is an extra
    """Return vectors as a tensor over the same memory, also bfloat16, which numpy lacks."""
    if vectors.dtype.name == "bfloat16":
        return torch.from_numpy(vectors.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(vectors.astype(vectors.dtype.newbyteorder("="), copy=False))
