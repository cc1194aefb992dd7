"""``embzarr train``: word vectors from text, saved along the way."""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._failures import going_on
from embzarr_tools._options import AsJson, ChunkBytes, Compression, Place, SingleWriter
from embzarr_tools._plot import Plot
from embzarr_tools._screen import on_terminal, say, say_aside, show_json
from embzarr_tools._selection import read_from, require_one_input, words_of
from embzarr_tools._train_log import Log, training_log

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr train corpus.txt runs/mine
embzarr train part-*.txt.gz s3://bucket/run --vector-size 300 --epochs 3 --checkpoints 10
embzarr train text8 s3://bucket/run --save-every 20s --delta --keep-last 5 --resume
zcat wiki.txt.gz | embzarr train - runs/wiki
embzarr train news.txt runs/new --init runs/mine --only names.txt
embzarr train corpus.txt runs/mine --checkpoints 10 --plot run.svg --eval wordsim353.tsv
"""


_OF_A_SESSION = frozenset({"workers"})
"""Options of the trainer that each session may choose anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The trainer's settings, under gensim's names and with the trainer's defaults."""

    vector_size: Annotated[int, typer.Option(help="Numbers in a vector.")] = 100
    window: Annotated[int, typer.Option(help="Widest distance between a word and its context.")] = 5
    negative: Annotated[int, typer.Option(help="Words drawn against each word.")] = 5
    sg: Annotated[
        bool, typer.Option("--sg/--cbow", help="Skip-gram, or continuous bag of words.")
    ] = True
    epochs: Annotated[int, typer.Option(help="Times that the corpus is gone through.")] = 5
    min_count: Annotated[int, typer.Option(help="Leave out words that occur fewer times.")] = 5
    max_vocab: Annotated[
        int | None, typer.Option(help="Keep at most so many words, the commonest.")
    ] = None
    sample: Annotated[
        float, typer.Option(help="Thin out words above this share of the corpus; 0 for none.")
    ] = 1e-3
    alpha: Annotated[float, typer.Option(help="Learning rate at the start.")] = 0.025
    min_alpha: Annotated[float, typer.Option(help="Learning rate at the end.")] = 1e-4
    workers: Annotated[
        int | None,
        typer.Option(
            help="Threads, by default one a CPU; with one, a run gives the same vectors each time."
        ),
    ] = None
    seed: Annotated[int, typer.Option(help="Of start values, order and draws.")] = 1
    unicode_errors: Annotated[
        str,
        typer.Option(
            "--unicode-errors",
            "--errors",
            metavar="HOW",
            help="For what is not UTF-8: strict, replace or ignore.",
        ),
    ] = "strict"
    tokenizer: Annotated[
        str, typer.Option(metavar="NAME", help="words, or jieba for Chinese (extra zh).")
    ] = "words"
    corpus_cache: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Keep encoded text in this folder for the next run."),
    ] = None
    save_every: Annotated[
        str | None,
        typer.Option(
            metavar="INTERVAL", help="Between checkpoints: 20s, 5m, 1h, or words, as 1000000w."
        ),
    ] = None
    checkpoints: Annotated[
        int | None,
        typer.Option(help="So many checkpoints instead, evenly spaced, the last at the end."),
    ] = None
    delta: Annotated[
        bool, typer.Option("--delta", help="Save only rows that were touched, where that pays.")
    ] = False
    lossy: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="Deltas in float16 or int8.")
    ] = None
    keep_last: Annotated[
        int | None, typer.Option(help="Give up all but the newest so many checkpoints.")
    ] = None
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="How long to try to save the end to a store that fails."
        ),
    ] = 300.0
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from URL's newest sound checkpoint, if any, with its settings.",
        ),
    ] = False
    allow_changes: Annotated[
        bool,
        typer.Option(
            "--allow-changes",
            help="Resume on other text too, whose new words join, or otherwise; restart with "
            "vectors of another length.",
        ),
    ] = False
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Begin anew where URL holds a run; its checkpoints stay."),
    ] = False
    init: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Start from the vectors of another run, for the words it shares."
        ),
    ] = None
    only: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Train only the words of this file, or of - for standard input, one a line.",
        ),
    ] = None
    compression: Compression = "auto"
    chunk_bytes: ChunkBytes = None
    single_writer: SingleWriter = False


def train(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS",
            help="UTF-8 text: files, folders, URLs, or - for standard input; .gz, .bz2, .xz, .zst "
            "are unpacked.",
        ),
    ],
    place: Place,
    settings: Settings,
    plot: Plot,
    context: typer.Context,
    *,
    as_json: AsJson = False,
) -> None:
    """Train word vectors on text and save them to URL.

    The model is word2vec with negative sampling. The step of a checkpoint is the number of words
    trained. With --resume settings that are not given are those of the checkpoint that is gone on
    from; what differs from the defaults is said. Text is read twice, so that of standard input a
    copy is made in this machine's temporary folder. Needs numba: pip install 'embzarr[train]'.
    """
    import embzarr_eval  # noqa: PLC0415 - imports embzarr, which --help need not wait for
    import embzarr_trainer  # noqa: PLC0415 - loads a compiler, which no other command needs

    require_one_input(*corpus, settings.only, *(plot.eval or ()))
    with plot.checked() as drawn:
        settings = _as_before(settings, place, context)
        begin = time.perf_counter()
        losses = embzarr_eval.LossLine()
        with (
            read_from(*corpus) as texts,
            going_on(),
            training_log(losses, silent=as_json) as log,
        ):
            checkpoint = embzarr_trainer.train(
                texts,
                place.url,
                storage_options=place.storage_options,
                progress=log,
                **{**asdict(settings), "only": _words_of(settings.only)},
            )
        _tell(checkpoint, log, time.perf_counter() - begin, as_json=as_json)
        if settings.resume and not log.checkpoints:
            say_aside("the run was trained to its end; more --epochs need --allow-changes")
        drawn.draw(place.run(), losses.points)


def _tell(checkpoint: "embzarr.Checkpoint", log: Log, seconds: float, *, as_json: bool) -> None:
    """Print what was made."""
    if as_json:
        known = {"step": checkpoint.step, "commit": checkpoint.commit, "rows": len(checkpoint)}
        told = {"dim": checkpoint.dim, "seconds": seconds, "checkpoints": log.checkpoints}
        show_json({**known, **told})
    elif on_terminal():
        say(
            f"{len(checkpoint):,} words x {checkpoint.dim} at step {checkpoint.step}, commit "
            f"{checkpoint.commit}, in {seconds:.1f} s."
        )


def _as_before(settings: Settings, place: Place, context: typer.Context) -> Settings:
    """Return settings of which, on resuming, those not given are the run's; say which differ."""
    if not settings.resume:
        return settings
    from embzarr_trainer import recorded_options  # noqa: PLC0415 - loads a compiler, as above

    before = recorded_options(place.run())
    told = {} if before is None else before.to_json()
    kept: dict[str, Any] = {
        name: value
        for name, value in told.items()
        if name not in _OF_A_SESSION and not _is_given(context, name)
        if value != getattr(settings, name)
    }
    if kept:
        shown = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in kept.items())
        say_aside(f"as the run was trained before: {shown}")
    return replace(settings, **kept)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _words_of(file: Path | None) -> list[str] | None:
    # No word of the tokenizers that have a name holds white space.
    return None if file is None else [word for line in words_of(file) for word in line.split()]
