"""The program ``embzarr``: its commands, its help, its exit codes."""

import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any, TextIO

import typer

from embzarr_tools._commands import (
    bench,
    bench_models,
    bench_plan,
    bench_train,
    compact,
    convert,
    cp,
    demo,
    diff,
    evaluate,
    export,
    gc,
    get,
    head,
    import_file,
    inspect,
    ls,
    probe,
    publish,
    repair,
    report,
    similar,
    stats,
    tag,
    train,
    train_spark,
    verify,
    view,
)
from embzarr_tools._failures import EXIT_CODES, Interrupted, tell
from embzarr_tools._options import command
from embzarr_tools._screen import INTERRUPTED, say_aside, say_interrupted, write

app = typer.Typer(
    rich_markup_mode=None,  # plain help reads the same everywhere, and a third faster
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

START = """
embzarr demo
embzarr train corpus.txt s3://bucket/run --endpoint-url http://localhost:9000
embzarr inspect s3://bucket/run
embzarr get s3://bucket/run king queen
embzarr verify s3://bucket/run
"""


def _epilog(examples: str) -> str:
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    return f"\b\nExamples:\n{lines}\n\n{EXIT_CODES}"


def _show_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        write(f"embzarr {version('embzarr')}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog=_epilog(START))
def start(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Word vectors as checkpoints on object storage: train, inspect, verify, read by word.

    Credentials and endpoints come from the environment (AWS_...), from AWS profiles, or from the
    options of each command.
    """
    if context.invoked_subcommand is None:
        write(context.get_help())


def _add(function: Callable[..., None], examples: str, *, name: str | None = None) -> None:
    app.command(name or function.__name__, epilog=_epilog(examples))(command(function))


_add(demo.demo, demo.EXAMPLES)
_add(train.train, train.EXAMPLES)
_add(train_spark.train_spark, train_spark.EXAMPLES, name="train-spark")
_add(import_file.import_file, import_file.EXAMPLES, name="import")
_add(inspect.inspect, inspect.EXAMPLES)
_add(view.view, view.EXAMPLES)
_add(report.report, report.EXAMPLES)
_add(ls.ls, ls.EXAMPLES)
_add(get.get, get.EXAMPLES)
_add(head.head, head.EXAMPLES)
_add(export.export, export.EXAMPLES)
_add(convert.convert, convert.EXAMPLES)
_add(similar.similar, similar.EXAMPLES)
_add(similar.analogy, similar.ANALOGY_EXAMPLES)
_add(stats.stats, stats.EXAMPLES)
_add(diff.diff, diff.EXAMPLES)
_add(evaluate.evaluate, evaluate.EXAMPLES, name="eval")
_add(verify.verify, verify.EXAMPLES)
_add(repair.repair, repair.EXAMPLES)
_add(tag.tag, tag.EXAMPLES)
_add(publish.publish, publish.EXAMPLES)
_add(cp.cp, cp.EXAMPLES)
_add(compact.compact, compact.EXAMPLES)
_add(gc.gc, gc.EXAMPLES)
_add(probe.probe, probe.EXAMPLES)

_bench_app = typer.Typer()
_bench_app.callback(invoke_without_command=True, epilog=_epilog(bench.BENCH_EXAMPLES))(
    command(bench.bench)
)
_bench_app.command("scale", epilog=_epilog(bench.SCALE_EXAMPLES))(command(bench.scale))
_bench_app.command("models", epilog=_epilog(bench_models.EXAMPLES))(command(bench_models.models))
_bench_app.command("plan", epilog=_epilog(bench_plan.EXAMPLES))(command(bench_plan.plan))
_bench_app.command("train", epilog=_epilog(bench_train.EXAMPLES))(command(bench_train.train))
app.add_typer(_bench_app, name="bench")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = app(list(arguments), prog_name="embzarr", standalone_mode=False)
    except Interrupted:
        return INTERRUPTED
    except typer.Abort:  # as the next, by older versions of typer
        result = INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - options that could not be parsed, of several classes
        return tell(exc, as_json="--json" in arguments)
    if result == INTERRUPTED:  # by typer, before a command began
        say_interrupted(as_json="--json" in arguments)
    return result if isinstance(result, int) else 0


class _Aside(logging.Handler):
    """Prints what libraries warn of, without secrets, as every line on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line, escaped as all are."""
        import embzarr  # noqa: PLC0415 - slow to import, and nearly nothing is warned of

        say_aside(embzarr.errors.masked(record.getMessage()))


def _in_utf8(stream: TextIO) -> TextIO:
    """Return a stream of which what a pipe gets does not depend on the machine's language.

    Where Python is told to buffer nothing, its own may write less than they are given, when a disk
    fills or a reader leaves, and do not say so.
    """
    told: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
    if isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.RawIOBase):
        return io.TextIOWrapper(io.BufferedWriter(stream.buffer), line_buffering=True, **told)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(**told)
    return stream


def main() -> None:
    """Run the command line of this process."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called us: nobody wants to know
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        setattr(sys, name, _in_utf8(getattr(sys, name)))
    logging.basicConfig(handlers=[_Aside()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.exit(run(sys.argv[1:]))
