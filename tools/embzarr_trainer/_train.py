"""Training from text to checkpoints."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import embzarr
from embzarr_trainer._corpus.cache import read_cached
from embzarr_trainer._corpus.reading import read_corpus
from embzarr_trainer._corpus.tokenizers import find_tokenizer
from embzarr_trainer._loops.requirement import require_numba
from embzarr_trainer._options import SaveOptions, TrainOptions, refused
from embzarr_trainer._session import Session
from embzarr_trainer._start import Wishes, check_place, find_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from embzarr_trainer._corpus.reading import Corpus
    from embzarr_trainer._corpus.sources import CorpusPaths
    from embzarr_trainer._corpus.tokenizers import Tokenizer
    from embzarr_trainer._progress import Progress

S = TypeVar("S", TrainOptions, SaveOptions, Wishes)


def train(  # noqa: PLR0913 - a trainer's settings under gensim's names; their one public place
    corpus: CorpusPaths,
    url: object,
    *,
    vector_size: int = 100,
    window: int = 5,
    negative: int = 5,
    sg: bool = True,
    epochs: int = 5,
    min_count: int = 5,
    max_vocab: int | None = None,
    sample: float = 1e-3,
    alpha: float = 0.025,
    min_alpha: float = 1e-4,
    workers: int | None = None,
    seed: int = 1,
    unicode_errors: str = "strict",
    tokenizer: str | Tokenizer = "words",
    corpus_cache: str | os.PathLike[str] | None = None,
    save_every: int | str | None = None,
    checkpoints: int | None = None,
    delta: bool = False,
    lossy: Literal["float16", "int8"] | None = None,
    keep_last: int | None = None,
    patience: float = 300.0,
    resume: bool = False,
    allow_changes: bool = False,
    restart: bool = False,
    init: object | None = None,
    only: Iterable[str] | None = None,
    progress: Callable[[Progress], object] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
    compression: str = "auto",
    chunk_bytes: int | None = None,
) -> embzarr.Checkpoint:
    """Train word vectors on text and save them, along the way and at the end.

    The model is skip-gram or CBOW with negative sampling (Mikolov et al. 2013). A checkpoint
    holds the words, commonest first; ``vectors`` float32 (words, vector_size); ``counts`` int64
    (words,); ``context``, the output matrix, shaped as ``vectors``. Its step is the number of
    words trained, and ``metadata["trainer"]`` tells the options, the corpus's digest and, as
    ``metrics``, a ``Metrics`` record.

    Training pauses only while a checkpoint's rows are copied; they are saved beside it. Where
    the store fails, training goes on, tells so as ``Progress.problem``, and saves again later;
    only the last checkpoint is waited for.

    Args:
        corpus: UTF-8 text: a file, a folder, a URL that fsspec knows, or several; gzip, bzip2, xz
            and zstd (Python 3.14, or extra ``zstd``) are unpacked. A line is a sentence; a file of
            one long line (text8) is cut into sentences of 10,000 words.
        url: where checkpoints go, as for ``embzarr.save``. Where a run is already there, say what
            is meant: ``resume``, ``restart``, or another URL.
        vector_size: dimensions, 1 .. 4096.
        window: widest distance, in words, between centre and context.
        negative: words drawn against each centre word, 1 .. 63.
        sg: skip-gram; or else CBOW, which predicts a word from the mean of its context.
        epochs: times that the corpus is gone through.
        min_count: words that occur fewer times are left out.
        max_vocab: the most words that are kept, the commonest; None for no bound.
        sample: share of the corpus above which a word's occurrences are thinned out; 0 for never.
        alpha: learning rate at the start, falling linearly; a small corpus wants 0.05.
        min_alpha: learning rate at the end.
        workers: threads, by default one for each CPU that this process may use. One worker gives
            the same vectors every time on one machine; several race on the same weights.
        seed: of start vectors, order and draws.
        unicode_errors: ``strict``, ``replace`` or ``ignore`` for bytes that are not UTF-8.
        tokenizer: ``words`` (lower-cased runs of letters and digits), ``jieba`` (Chinese; extra
            ``zh``), or a function from a line to its words; a resumed run must be given the same.
        corpus_cache: a folder that keeps encoded text from one run to the next, and for processes
            that share it; not with a function as ``tokenizer``. What is damaged or changed there is
            made anew. Delete it as you like.
        save_every: between checkpoints: words trained, or ``"20s"``, ``"5m"``, ``"1h"`` or
            ``"1000000w"``; there is always one at the end.
        checkpoints: evenly spaced checkpoints instead; by default 1.
        delta: save only the rows touched since the checkpoint before, as a layer upon it; a full
            step again after 8 of them, or once they take half as many bytes as that.
        lossy: of deltas: ``float16`` or ``int8``; the error is in the manifest. What was lost is
            lost to ``resume`` too: it then goes on from about the same state.
        keep_last: give up all but the newest so many checkpoints, after each that is saved.
        patience: seconds for which the last checkpoint is tried again where the store fails.
        resume: go on from the newest sound checkpoint of ``url``, if there is one. With one
            worker the end is bit for bit that of a run that was never interrupted.
        allow_changes: resume though the corpus or the settings are not those of the checkpoint.
            On other text a new schedule begins, and its new words join the vocabulary.
        restart: begin anew where a run is already there. Its checkpoints stay. With vectors of
            another length, say `allow_changes` as well.
        init: start from the vectors of another run or checkpoint (URL, or ``Checkpoint``) for the
            words that both have.
        only: train the rows of these words alone; all others stay as they are. A word that is not
            in the vocabulary is looked for as the tokenizer writes it; what is not found even so
            is logged as a warning.
        progress: called about five times a second, and after each save, from this thread.
        storage_options: credentials and endpoint, as for ``embzarr.save``; also for ``init``.
        single_writer: promise that nobody else saves there, where a store cannot exclude others.
        compression: of the checkpoints, as for ``embzarr.save``.
        chunk_bytes: of the checkpoints that are full steps, as for ``embzarr.save``.

    Returns:
        The last checkpoint, open.

    Raises:
        embzarr.InvalidInputError: a setting out of its bounds (``input-argument``), or the corpus:
            ``corpus-empty``, ``corpus-no-words``, ``corpus-not-text``; nothing was saved. Or a
            place that holds a run (``trainer-run-exists``), known before the corpus is read. Or,
            with ``resume``, a checkpoint of another trainer, or not as this one saves them
            (``trainer-foreign``), another corpus or other settings (``trainer-changed``). Or
            vectors that are no longer finite (``training-diverged``); those are not saved.
        embzarr.NotFoundError: no such corpus (``corpus-missing``), bucket or folder.
        embzarr.UnsupportedError: numba is not installed (``feature-unsupported``).
        embzarr.EmbzarrError: as from ``embzarr.save``; checkpoints saved before stay good.
    """
    settings = locals()
    run = embzarr.Run(url, single_writer=single_writer, storage_options=storage_options)
    return _trained(run, settings)


def _trained(run: embzarr.Run, settings: Mapping[str, Any]) -> embzarr.Checkpoint:
    """Train as `settings` say: all that `train` was given, by name."""
    tokenizer, workers = settings["tokenizer"], settings["workers"]
    named = {
        "tokenizer": find_tokenizer(tokenizer)[0],
        "workers": _usable_cpus() if workers is None else workers,
    }
    options = _taken(TrainOptions, {**settings, **named})
    saving, wishes = _taken(SaveOptions, settings), _taken(Wishes, settings)
    require_numba()
    check_place(run, wishes, vector_size=options.vector_size)
    text = _read(settings["corpus"], tokenizer, settings["corpus_cache"], options=options)
    access = settings["storage_options"]
    start = find_start(run, text, wishes, options=options, storage_options=access)
    progress = settings["progress"]
    return Session(start, run, options=options, saving=saving, progress=progress).run()


def _taken(kind: type[S], settings: Mapping[str, Any]) -> S:
    """Return those of the settings that are of one kind."""
    return kind(**{part.name: settings[part.name] for part in fields(kind)})


def _read(
    corpus: CorpusPaths,
    tokenizer: str | Tokenizer,
    cache: str | os.PathLike[str] | None,
    *,
    options: TrainOptions,
) -> Corpus:
    """Count and encode the text, or find that done."""
    _, split = find_tokenizer(tokenizer)
    if cache is None:
        return read_corpus(corpus, options=options, split=split)
    if not os.fspath(cache):
        raise refused("corpus_cache", "a folder", cache)
    if callable(tokenizer):
        raise embzarr.InvalidInputError(
            "input-argument", "corpus_cache: expected a tokenizer that has a name, found a function"
        )
    return read_cached(cache, corpus, options=options, split=split)


def _usable_cpus() -> int:
    """Count the CPUs that this process may use (Linux), or that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
