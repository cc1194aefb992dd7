"""``embzarr bench train``: the trainer beside gensim and fastText, and what checkpoints cost."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embzarr_tools._commands.bench import JsonFile, benchmark, failing, write_figures
from embzarr_tools._screen import Cell, Column, Ratio, Size, progress, say, show_table

if TYPE_CHECKING:
    from embzarr_bench import training

EXAMPLES = """
embzarr bench train --corpus text8
embzarr bench train --corpus text8 --part speed --dim 100 --repeats 5 --json speed.json
embzarr bench train --corpus text8 --part quality --eval wordsim353.tsv --eval questions-words.txt
"""
_SPEED = (
    Column("trainer"),
    Column("dims", right=True),
    Column("training words/s", right=True),
    Column("whole words/s", right=True),
    Column("min-max", right=True),
    Column("ours x", right=True),
)
_QUALITY = (
    Column("file"),
    Column("trainer"),
    Column("mean", right=True),
    Column("spread", right=True),
    Column("by seed"),
)
_COST = (
    Column("matrices"),
    Column("every"),
    Column("without words/s", right=True),
    Column("with words/s", right=True),
    Column("lost", right=True),
    Column("checkpoints", right=True),
    Column("median stall s", right=True),
    Column("longest stall s", right=True),
    Column("own CPU s", right=True),
    Column("server's CPU s", right=True),
)
_DELTAS = (
    Column("interval", right=True),
    Column("matrices"),
    Column("vectors touched", right=True),
    Column("context touched", right=True),
    Column("full", right=True),
    Column("lossless", right=True),
    Column("x", right=True),
    Column("float16", right=True),
    Column("x", right=True),
    Column("int8", right=True),
    Column("x", right=True),
    Column("read full s", right=True),
    Column("read 8 deltas s", right=True),
    Column("x", right=True),
    Column("default policy", right=True),
    Column("read s", right=True),
    Column("x", right=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to measure, with the benchmark's defaults."""

    corpus: Annotated[
        Path, typer.Option(metavar="FILE", help="The text that all train on, in UTF-8.")
    ]
    nbytes: Annotated[
        int, typer.Option("--bytes", min=1, metavar="N", help="Take so many bytes of it.")
    ] = 30_000_000
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this: speed, quality, checkpoints, deltas; repeatable."
        ),
    ] = None
    dim: Annotated[
        list[int] | None,
        typer.Option(
            min=1, metavar="N", help="Numbers in a vector; repeatable. By default 100 and 300."
        ),
    ] = None
    workers: Annotated[int, typer.Option(min=1, help="Threads of each trainer.")] = 2
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of speed and checkpoints.")] = 3
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each trainer for quality.")] = 3
    speed_epochs: Annotated[int, typer.Option(min=1, help="Epochs for speed.")] = 1
    quality_epochs: Annotated[int, typer.Option(min=1, help="Epochs for quality.")] = 5
    checkpoint_pairs: Annotated[
        int, typer.Option(min=1, help="Intervals with a checkpoint and without, 20 s each.")
    ] = 12
    eval: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Word pairs or analogies for quality; repeatable. By default gensim's.",
        ),
    ] = None


def train(
    wanted: Wanted,
    *,
    json_file: JsonFile = None,
) -> None:
    """Measure the trainer beside gensim and fastText, and what checkpoints cost.

    All train skip-gram with negative sampling on the same text with the same settings, each time
    in a new process, in turns. Words per second are the text's words times epochs: of training
    alone, and of the whole way from text to vectors. Checkpoints go to a MinIO on this machine,
    in every other 20 seconds of one training; deltas hold the rows that changed in a part of an
    epoch; chains of eight are read, and the longest that the default policy writes, which stops
    when deltas take half of what the full step takes. What is not installed is left out.
    """
    benchmark()
    from embzarr_bench import training  # noqa: PLC0415 - loads a compiler

    plan = training.Plan(
        corpus=wanted.corpus,
        nbytes=wanted.nbytes,
        parts=wanted.part or training.PARTS,
        dims=wanted.dim or (100, 300),
        workers=wanted.workers,
        repeats=wanted.repeats,
        seeds=wanted.seeds,
        speed_epochs=wanted.speed_epochs,
        quality_epochs=wanted.quality_epochs,
        checkpoint_pairs=wanted.checkpoint_pairs,
        files=wanted.eval or (),
    )
    with failing(), progress("preparing") as advance:
        found = training.compare(plan, progress=lambda label: advance(0, 0, label))
    write_figures(json_file, found.as_json())
    _show(found)


def _show(found: "training.Comparison") -> None:
    if found.speed:
        show_table(_SPEED, [_speed_row(found, one) for one in found.speed], title="Words a second")
    if found.quality:
        show_table(_QUALITY, [_quality_row(one) for one in found.quality], title="Quality")
    if found.checkpoints:
        show_table(_COST, [_cost_row(found.checkpoints)], title="Checkpoints to MinIO")
    if found.deltas:
        show_table(
            _DELTAS, [_delta_row(one) for one in found.deltas], title="Row deltas, by epoch's part"
        )
    for name, version in found.trainers.items():
        say(f"{name}: {version}")
    for name, reason in found.skipped.items():
        say(f"Left out: {name}: {reason}")
    for name, reason in found.failures.items():
        say(f"Failed: {name}: {reason}")


def _speed_row(found: "training.Comparison", one: "training.Speed") -> list[Cell]:
    times = found.times_faster(one)
    return [
        one.trainer,
        one.vector_size,
        None if one.training is None else round(one.training),
        round(one.whole),
        f"{one.slowest:.0f}-{one.fastest:.0f}",
        None if times is None else Ratio(times),
    ]


def _quality_row(one: "training.Quality") -> list[Cell]:
    scores = " ".join(f"{score:.4f}" for score in one.scores)
    return [one.file, one.trainer, one.mean, one.spread, scores]


def _cost_row(cost: "training.CheckpointCost") -> list[Cell]:
    return [
        f"2 x {cost.rows} x {cost.vector_size}",
        f"{cost.interval:g} s",
        round(statistics.median(cost.without)),
        round(statistics.median(cost.with_checkpoints)),
        cost.loss,
        len(cost.stalls),
        statistics.median(cost.stalls) if cost.stalls else None,
        max(cost.stalls, default=None),
        cost.own_cpu,
        cost.server_cpu,
    ]


def _delta_row(one: "training.DeltaCost") -> list[Cell]:
    sizes: list[Cell] = []
    for name, size in one.delta_bytes.items():
        sizes += [Size(size), Ratio(one.times_fewer[name])]
    return [
        one.interval,
        f"2 x {one.rows} x {one.vector_size}",
        *one.touched.values(),
        Size(one.full_bytes),
        *sizes,
        statistics.median(one.full_seconds),
        statistics.median(one.chain_seconds),
        Ratio(one.chain_over_full),
        f"{one.default_deltas} deltas",
        statistics.median(one.default_seconds),
        Ratio(one.default_over_full),
    ]
