"""The program ``embzarr``: its commands, its help, its exit codes."""

import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from embzarr_tools import (
    _bench,
    _bench_models,
    _bench_plan,
    _bench_train,
    _compact,
    _convert,
    _cp,
    _demo,
    _diff,
    _eval,
    _export,
    _gc,
    _get,
    _head,
    _import,
    _inspect,
    _ls,
    _probe,
    _publish,
    _repair,
    _report,
    _similar,
    _stats,
    _tag,
    _train,
    _train_spark,
    _verify,
    _view,
)
from embzarr_tools._failures import EXIT_CODES, tell
from embzarr_tools._options import command
from embzarr_tools._screen import say_aside, write

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


_add(_demo.demo, _demo.EXAMPLES)
_add(_train.train, _train.EXAMPLES)
_add(_train_spark.train_spark, _train_spark.EXAMPLES, name="train-spark")
_add(_import.import_file, _import.EXAMPLES, name="import")
_add(_inspect.inspect, _inspect.EXAMPLES)
_add(_view.view, _view.EXAMPLES)
_add(_report.report, _report.EXAMPLES)
_add(_ls.ls, _ls.EXAMPLES)
_add(_get.get, _get.EXAMPLES)
_add(_head.head, _head.EXAMPLES)
_add(_export.export, _export.EXAMPLES)
_add(_convert.convert, _convert.EXAMPLES)
_add(_similar.similar, _similar.EXAMPLES)
_add(_similar.analogy, _similar.ANALOGY_EXAMPLES)
_add(_stats.stats, _stats.EXAMPLES)
_add(_diff.diff, _diff.EXAMPLES)
_add(_eval.evaluate, _eval.EXAMPLES, name="eval")
_add(_verify.verify, _verify.EXAMPLES)
_add(_repair.repair, _repair.EXAMPLES)
_add(_tag.tag, _tag.EXAMPLES)
_add(_publish.publish, _publish.EXAMPLES)
_add(_cp.cp, _cp.EXAMPLES)
_add(_compact.compact, _compact.EXAMPLES)
_add(_gc.gc, _gc.EXAMPLES)
_add(_probe.probe, _probe.EXAMPLES)

_bench_app = typer.Typer()
_bench_app.callback(invoke_without_command=True, epilog=_epilog(_bench.BENCH_EXAMPLES))(
    command(_bench.bench)
)
_bench_app.command("scale", epilog=_epilog(_bench.SCALE_EXAMPLES))(command(_bench.scale))
_bench_app.command("models", epilog=_epilog(_bench_models.EXAMPLES))(command(_bench_models.models))
_bench_app.command("plan", epilog=_epilog(_bench_plan.EXAMPLES))(command(_bench_plan.plan))
_bench_app.command("train", epilog=_epilog(_bench_train.EXAMPLES))(command(_bench_train.train))
app.add_typer(_bench_app, name="bench")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = app(list(arguments), prog_name="embzarr", standalone_mode=False)
    except Exception as exc:  # noqa: BLE001 - options that could not be parsed, of several classes
        return tell(exc)
    return result if isinstance(result, int) else 0


class _Aside(logging.Handler):
    """Prints what libraries warn of, without secrets, as every line on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line, escaped as all are."""
        import embzarr  # noqa: PLC0415 - slow to import, and nearly nothing is warned of

        say_aside(embzarr.errors.masked(record.getMessage()))


def main() -> None:
    """Run the command line of this process."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called us: nobody wants to know
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # Words are of any language; what a pipe gets must not depend on the machine's.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    logging.basicConfig(handlers=[_Aside()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.exit(run(sys.argv[1:]))
