"""``embzarr train-spark``: word vectors by many machines, none of which holds the model."""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from embzarr_tools._failures import UsageError, going_on
from embzarr_tools._options import AsJson, Place
from embzarr_tools._screen import on_terminal, say, say_aside, show_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    import embzarr
    import embzarr_spark

EXAMPLES = """
embzarr train-spark hdfs://name:9000/texts s3://bucket/run --master yarn
embzarr train-spark corpus.txt s3://bucket/run --master 'local-cluster[2,1,1024]' --resume
embzarr train-spark corpus.txt runs/mine --processes 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSettings:
    """The settings of training in blocks, with that package's defaults."""

    vector_size: Annotated[int, typer.Option(help="Numbers in a vector.")] = 100
    window: Annotated[int, typer.Option(help="Widest distance between a word and its context.")] = 5
    negative: Annotated[int, typer.Option(help="Words drawn against each word.")] = 5
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
    seed: Annotated[int, typer.Option(help="Of start values, order and draws.")] = 1
    tokenizer: Annotated[
        str, typer.Option(metavar="NAME", help="words, or jieba for Chinese (extra zh).")
    ] = "words"
    groups: Annotated[
        int | None,
        typer.Option(
            help="Groups of words, and tasks of a round: by default two to four for each task at "
            "once, at least 4, and those of the run on --resume."
        ),
    ] = None
    segments: Annotated[
        int,
        typer.Option(
            help="Rounds through all groups in the first epoch; later ones have a quarter, or one "
            "where the text is short."
        ),
    ] = 8
    checkpoints: Annotated[
        int, typer.Option(help="So many checkpoints, evenly spaced, the last at the end.")
    ] = 1
    keep_last: Annotated[
        int | None, typer.Option(help="Give up all but the newest so many checkpoints.")
    ] = None
    state: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where rounds are kept; by default URL.state."),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from what is there, if anything is.")
    ] = False


def train_spark(
    corpus: Annotated[
        list[str], typer.Argument(metavar="CORPUS", help="UTF-8 text: paths that Spark reads.")
    ],
    place: Place,
    settings: BlockSettings,
    *,
    master: Annotated[
        str | None,
        typer.Option(metavar="MASTER", help="Spark's; by default what spark-submit says."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Without Spark: so many processes of this machine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train word vectors by many machines and save them to URL.

    No machine holds the model: each task loads two groups of words from the store, trains what the
    text has of them, and writes them back. While a model fits one machine, `embzarr train` is
    quicker, and this says so. Needs pip install 'embzarr[spark,train]', on executors too.
    """
    import embzarr_spark  # noqa: PLC0415 - loads a compiler, which no other command needs

    if master is not None and processes is not None:
        raise UsageError("--processes is without Spark, and --master with it: give one")
    begin = time.perf_counter()
    report = _Report()
    with going_on(), ExitStack() as stack:
        engine = _engine(stack, corpus, master=master, processes=processes)
        stack.enter_context(engine)
        checkpoint = embzarr_spark.train(
            engine,
            place.url,
            storage_options=place.storage_options,
            progress=report,
            **asdict(settings),
        )
    _tell(checkpoint, time.perf_counter() - begin, report.bytes, as_json=as_json)


def _tell(
    checkpoint: "embzarr.Checkpoint", seconds: float, moved: "Mapping[str, int]", *, as_json: bool
) -> None:
    """Print what was made, and whether one machine would have been quicker."""
    from embzarr_spark import quicker_alone  # noqa: PLC0415 - as above

    alone = quicker_alone(len(checkpoint), checkpoint.dim)
    if as_json:
        known = {"step": checkpoint.step, "commit": checkpoint.commit, "rows": len(checkpoint)}
        told = {"dim": checkpoint.dim, "seconds": seconds, "quicker_alone": alone}
        show_json({**known, **told, **moved})
        return
    if on_terminal():
        say(
            f"{len(checkpoint):,} words x {checkpoint.dim} at step {checkpoint.step}, commit "
            f"{checkpoint.commit}, in {seconds:.1f} s."
        )
    if alone:
        say_aside(alone)


def _engine(
    stack: ExitStack, corpus: list[str], *, master: str | None, processes: int | None
) -> "embzarr_spark.LocalEngine | embzarr_spark.SparkEngine":
    import embzarr_spark  # noqa: PLC0415 - as above

    if processes is not None:
        return embzarr_spark.LocalEngine(corpus, processes=processes)
    session = embzarr_spark.start_session(master)
    stack.callback(session.stop)
    return embzarr_spark.SparkEngine(session, corpus)


class _Report:
    """Tells of each round, and adds up what tasks moved."""

    def __init__(self) -> None:
        self.bytes = {"bytes_read": 0, "bytes_written": 0, "bytes_shuffled": 0}

    def __call__(self, now: "embzarr_spark.BlockProgress") -> None:
        """Print a line on standard error."""
        for name in self.bytes:
            self.bytes[name] += getattr(now, name)
        metrics = now.metrics
        say_aside(
            f"round {now.round} of {now.rounds}, epoch {metrics.epoch:.2f}, loss "
            f"{metrics.loss:.4f}, alpha {metrics.alpha:.5f}, {metrics.words_per_second:,.0f} "
            "words/s" + ("" if now.step is None else f", step {now.step} saved")
        )
