"""Spark: text from any of its sources, words counted and windows dealt out by its shuffles.

What tasks return to the driver is a few numbers each; the model goes from executors to the store
and back. A task that Spark tries again, or runs twice, does no harm, and an executor that dies
takes only shuffled windows with it, which Spark makes again.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import re
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

import embzarr
from embzarr_spark._shards import encode, fingerprint
from embzarr_spark._tasks import train_block
from embzarr_spark._windows import deal
from embzarr_spark._words import Counted, count_words
from embzarr_trainer import LINE_END, find_tokenizer, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from embzarr_spark._places import Places
    from embzarr_spark._plan import BlockPlan, Position
    from embzarr_spark._shards import Shard
    from embzarr_spark._tasks import Report, Round
    from embzarr_trainer import TrainOptions

T = TypeVar("T")
_Place: TypeAlias = tuple[int, int]
"""Of a shard in the text: which partition of lines, and which shard of it."""
_PARTS_OF_A_SLOT: Final = 3
"""Partitions of the text for each task that runs at once, so that none is waited for long."""
_NO_PACKAGE: Final = "No module named 'embzarr"
_RAISED: Final = re.compile(r"embzarr\.errors\.(\w+Error): (.*) \[([a-z-]+)\]")
"""What Python on an executor says of a typed error; Spark hands on its text alone."""


class SparkEngine:
    """Runs a block plan on the executors of a Spark session.

    Example:
        >>> with embzarr_spark.SparkEngine(session, "hdfs://name:9000/texts") as engine:
        ...     embzarr_spark.train(engine, "s3://bucket/run", groups=64)  # doctest: +SKIP
    """

    def __init__(self, spark: Any, corpus: Any) -> None:  # noqa: ANN401 - pyspark is untyped here
        """Remember the text; read nothing yet.

        Args:
            spark: a session (``SparkSession``).
            corpus: paths that Spark reads, one or several; or a data frame whose first column is
                text, a row of it a line; or an RDD of lines.

        Raises:
            embzarr.UnsupportedError: ``feature-unsupported``: the executors have no embzarr.
        """
        self._context = spark.sparkContext
        self.slots = int(self._context.defaultParallelism)
        self._lines = _lines_of(self._context, corpus, parts=self.slots * _PARTS_OF_A_SLOT)
        self._shards: Any = None
        self._dealt: Any = None
        self._before: dict[_Place, int] = {}
        with _explaining():
            self._context.parallelize(range(self.slots), self.slots).map(_are_you_there).count()

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let Spark forget the encoded text; the session goes on."""
        if self._shards is not None:
            self._shards.unpersist()

    def count(self, options: TrainOptions) -> Sequence[Counted]:
        """Count words, as `Engine.count`; rare ones never reach the driver."""
        name, least = options.tokenizer, options.min_count
        with _explaining():
            counted = self._lines.mapPartitions(lambda lines: _counted(lines, name)).reduceByKey(
                lambda one, other: one + other
            )
            packed = counted.mapPartitions(lambda words: [Counted.of(words, least)])
            found: list[Counted] = packed.collect()
        return found

    def encode(self, places: Places, options: TrainOptions, total: int) -> int:
        """Encode each partition by looking its words up, as `Engine.encode`.

        Shards are then spread over as many partitions as there are tasks: a text that is one line
        is one partition of lines.
        """
        name, sample = options.tokenizer, options.sample
        self.close()
        self._shards = (
            self._lines.mapPartitionsWithIndex(
                lambda index, lines: _encoded(index, lines, places, name, total, sample)
            )
            .partitionBy(self.slots * _PARTS_OF_A_SLOT, sum)
            .persist(_on_disk())
        )
        with _explaining():
            sums = sorted(self._shards.mapValues(lambda shard: shard.sums).collect())
        at = 0
        self._before = {}
        for place, (words, *_) in sums:
            self._before[place] = at
            at += words
        return fingerprint(one for _, one in sums)

    def run(self, task: Callable[[T, int], object], job: T, count: int) -> None:
        """Run tasks, as `Engine.run`."""
        with _explaining():
            numbers = self._context.parallelize(range(count), count)
            numbers.foreach(lambda number: task(job, number))

    def deal(self, plan: BlockPlan, position: Position) -> None:
        """Prepare the shuffle of a segment, as `Engine.deal`; its first round runs it."""
        before = self._before
        self._dealt = self._shards.mapPartitions(
            lambda shards: _dealt(shards, before, plan, position)
        ).partitionBy(plan.groups**2, int)

    def train(self, job: Round) -> Sequence[Report]:
        """Train a round, as `Engine.train`: a job on those partitions that are its blocks."""
        groups = job.plan.groups
        blocks = [task * groups + job.plan.input_group(job.number, task) for task in range(groups)]
        tasks = {block: task for task, block in enumerate(blocks)}
        expected = len(self._before)

        def train(index: int, shares: Iterable[tuple[int, bytes]]) -> Iterator[Report]:
            _spare_collections()
            yield train_block(job, tasks[index], _whole(shares, expected))

        with _explaining():
            trained = self._dealt.mapPartitionsWithIndex(train)
            reports: list[Report] = self._context.runJob(trained, list, blocks)
        return reports


def _lines_of(context: Any, corpus: Any, *, parts: int) -> Any:  # noqa: ANN401 - pyspark's
    if isinstance(corpus, str | os.PathLike):
        return context.textFile(os.fspath(corpus), parts)
    if isinstance(corpus, list | tuple) and corpus:
        return context.textFile(",".join(map(os.fspath, corpus)), parts)
    if hasattr(corpus, "rdd"):
        return corpus.rdd.map(lambda row: row[0] or "")
    if hasattr(corpus, "mapPartitions"):
        return corpus
    raise refused("corpus", "paths, a data frame or an RDD of lines", corpus)


def _on_disk() -> Any:  # noqa: ANN401 - pyspark's
    from pyspark import StorageLevel  # noqa: PLC0415 - an extra

    return StorageLevel.MEMORY_AND_DISK


@functools.cache
def _spare_collections() -> None:
    """Take what was imported out of garbage collections: PySpark makes one after each task."""
    gc.freeze()


def _are_you_there(number: int) -> str:
    """Return the version that an executor has: that it can be called says enough."""
    return f"{number}: {embzarr.__version__}"


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    """Say what to do where executors lack this package; raise the typed errors of tasks as such."""
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415 - an extra
    from pyspark.errors import PythonException  # noqa: PLC0415

    try:
        yield
    except (Py4JJavaError, PythonException) as exc:
        told = str(exc)
        if _NO_PACKAGE in told:
            raise embzarr.UnsupportedError(
                "feature-unsupported",
                "executors have no embzarr: install 'embzarr[spark,train]' there, or name a Python"
                " that has it as PYSPARK_PYTHON",
            ) from None
        failed = _RAISED.findall(told)
        if not failed:
            raise
        name, message, code = failed[-1]
        kind = getattr(embzarr, name, embzarr.StoreError)
        raise kind(code, f"a task failed as often as Spark allows: {message}") from None


def _blocks(lines: Iterable[str], tokenizer: str) -> Iterator[list[str]]:
    _, split = find_tokenizer(tokenizer)
    for line in lines:
        yield [*split(line), LINE_END]


def _counted(lines: Iterable[str], tokenizer: str) -> Iterable[tuple[str, int]]:
    return count_words(_blocks(lines, tokenizer)).items()


def _encoded(
    index: int, lines: Iterable[str], places: Places, tokenizer: str, total: int, sample: float
) -> Iterator[tuple[_Place, Shard]]:
    with places.open(places.words) as words:
        shards = encode(_blocks(lines, tokenizer), words, total=total, sample=sample)
        for number, shard in enumerate(shards):
            yield (index, number), shard


def _dealt(
    shards: Iterable[tuple[_Place, Shard]],
    before: Mapping[_Place, int],
    plan: BlockPlan,
    position: Position,
) -> Iterator[tuple[int, bytes]]:
    """Yield one share of each shard for each block, so that whoever gets them can count them."""
    epoch, segment, _ = position
    _spare_collections()
    for place, shard in shards:
        shares = dict(deal(shard, plan, before=before[place], epoch=epoch, segment=segment))
        for block in range(plan.groups**2):
            yield block, shares[block].to_bytes() if block in shares else b""


def _whole(shares: Iterable[tuple[int, bytes]], expected: int) -> list[bytes]:
    """Return a block's shares, once all are there.

    Where an executor dies, Spark ends the stream to a worker that still reads from it, and PySpark
    takes the end of a stream for the end of the data: the attempt would train some of its windows,
    and write what no other attempt does, before Spark calls it failed.
    """
    found = [share for _, share in shares]
    if len(found) != expected:
        raise EOFError(f"expected windows of {expected} shards, found {len(found)}")
    return [share for share in found if share]
