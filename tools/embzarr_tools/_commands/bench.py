"""``embzarr bench``: embzarr beside its peers, and how its cost grows."""

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from embzarr_tools._failures import ClaimError, UsageError
from embzarr_tools._screen import Cell, Column, Ratio, Size, progress, say, show_table

if TYPE_CHECKING:
    from types import ModuleType

    import embzarr_bench

BENCH_EXAMPLES = """
embzarr bench
embzarr bench --case words --case word --latency 20 --latency 100 --bandwidth 100
embzarr bench --peer lance --peer raw --rows 50000 --repeats 3 --json figures.json
embzarr bench --text corpus.txt
embzarr bench --gil --case load --case load-compressed --case words --latency 0
embzarr bench scale --plot growth.svg
"""
SCALE_EXAMPLES = """
embzarr bench scale
embzarr bench scale --most 1000000 --latency 0 --plot growth.png --json growth.json
"""
_MILLI = 1e-3
_AGAIN_AFTER = 0.05
"""Seconds, so that what lost a signal is done by then."""

# What its subcommands take as well.
Cases = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Only this work; may be repeated. An unknown name shows all."
    ),
]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Only peers whose names begin so, and embzarr; may be repeated."
    ),
]
Repeats = Annotated[int, typer.Option(min=1, help="Rounds.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all figures as JSON.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to compare, with the benchmark's defaults."""

    case: Cases = None
    peer: Peers = None
    latency: Annotated[
        list[int] | None,
        typer.Option(
            metavar="MS",
            help="Add so many milliseconds to each answer; may be repeated. By default 0 and 20.",
        ),
    ] = None
    bandwidth: Annotated[
        list[int] | None,
        typer.Option(
            metavar="MB/S",
            help="Also over a link of so many million bytes a second, "
            "all connections together; may be repeated.",
        ),
    ] = None
    repeats: Repeats = 5
    rows: Annotated[int, typer.Option(min=1, help="Words of a made-up matrix.")] = 200_000
    dim: Annotated[int, typer.Option(min=1, help="Its numbers in a vector.")] = 300
    matrix: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="Take this matrix instead.")
    ] = None
    words: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its words, a line each, the commonest first."),
    ] = None
    text: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A text whose commonest words a user asks for. Without "
            "--matrix, its first half gives the matrix its words and its second half is "
            "the user's; without it, a vocabulary is made up.",
        ),
    ] = None
    gil: Annotated[
        bool,
        typer.Option(
            "--gil",
            help="Also measure for how long each read holds the interpreter's lock: "
            "four seconds of reads a round, by the package gilknocker.",
        ),
    ] = False
    one_process: Annotated[
        bool,
        typer.Option(
            "--one-process",
            help="Measure each peer in one long-lived process, where what it keeps from earlier "
            "rounds is at hand, in place of a fresh one for each measurement.",
        ),
    ] = False


def bench(
    context: typer.Context,
    wanted: Wanted,
    *,
    json_file: JsonFile = None,
) -> None:
    """Measure embzarr beside its peers.

    Starts a MinIO, and a toxiproxy for latency, on this machine; needs their programs on PATH or
    in $EMBZARR_SERVERS_BIN, and in a checkout the peers: pip install -e '.[bench]'. What is not
    installed is left out. Everything is read cold, from the address, and compared with what was
    stored. Only figures of one run can be compared. The server keeps its objects in the folder for
    temporary files: with TMPDIR=/dev/shm saves are not measured by a disk. Exit code 1: somebody's
    result was wrong.
    """
    if context.invoked_subcommand is not None:
        return
    embzarr_bench = benchmark()
    plan = embzarr_bench.Plan(
        cases=wanted.case,
        peers=wanted.peer,
        latencies=(0, 20) if wanted.latency is None else wanted.latency,
        bandwidths=wanted.bandwidth or (),
        repeats=wanted.repeats,
        rows=wanted.rows,
        dim=wanted.dim,
        matrix=wanted.matrix,
        words=wanted.words,
        text=wanted.text,
        lock=wanted.gil,
        stays=wanted.one_process,
    )
    with failing(), progress("preparing") as advance:
        found = embzarr_bench.compare(plan, progress=advance)
    write_figures(json_file, found.as_json())
    show_comparison(found)
    require_ours(found)


def scale(
    *,
    most: Annotated[
        int, typer.Option(help="The largest number of words, from 10,000 on by tens.")
    ] = 10_000_000,
    dim: Annotated[int, typer.Option(min=1, help="Numbers in a vector.")] = 8,
    latency: Annotated[
        int, typer.Option(metavar="MS", help="Milliseconds added to each answer.")
    ] = 20,
    repeats: Annotated[int, typer.Option(min=1, help="Cold reads at each size.")] = 5,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the figures: .png or .svg.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure how cost grows with the vocabulary: a save, and a first word, cold."""
    embzarr_bench = benchmark()
    with failing(), progress("preparing") as advance:
        if plot:
            embzarr_bench.check_plot(plot)
        found = embzarr_bench.scale(
            most=most, dim=dim, latency_ms=latency, repeats=repeats, progress=advance
        )
        if plot:
            embzarr_bench.draw(found, plot)
    write_figures(json_file, found.as_json())
    _show_growth(found)


def _show_growth(found: "embzarr_bench.Growth") -> None:
    columns = ("words", "save s", "written", "first word s", "requests", "trips", "fetched")
    rows = [
        (
            point.words,
            point.save_seconds,
            Size(point.bytes_written),
            point.first_word_seconds,
            point.requests,
            point.round_trips,
            Size(point.bytes_read),
        )
        for point in found.points
    ]
    show_table([Column(name, right=True) for name in columns], rows)


def benchmark() -> "ModuleType":
    """Return the benchmark, which a user's install leaves out: it is for this project's own work.

    Raises:
        UsageError: it is not there; the message says how to get it.
    """
    try:
        return importlib.import_module("embzarr_bench")
    except ModuleNotFoundError as exc:
        if exc.name != "embzarr_bench":
            raise
        raise UsageError(
            "the benchmark is in embzarr's repository, not in what pip installs from it; in a "
            "checkout of it: pip install -e '.[bench]'"
        ) from None


@contextmanager
def failing() -> Iterator[None]:
    """Turn the benchmark's errors into those of the command line; ended, end its servers too."""
    embzarr_bench = benchmark()
    before = signal.signal(signal.SIGTERM, _leave)
    reporting, sys.unraisablehook = sys.unraisablehook, _leave_again
    try:
        yield
    except embzarr_bench.WrongResultError as exc:
        raise ClaimError(str(exc)) from exc
    except embzarr_bench.BenchError as exc:
        raise UsageError(str(exc)) from exc
    finally:
        sys.unraisablehook = reporting
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)  # as a shell tells it; on its way out every block ends


def _leave_again(lost: "sys.UnraisableHookArgs") -> None:
    """Send the signal once more where it came within a destructor or an import's clean-up.

    Python only prints what is raised there, and the run would go on.
    """
    if issubclass(lost.exc_type, SystemExit):
        threading.Timer(_AGAIN_AFTER, os.kill, (os.getpid(), signal.SIGTERM)).start()
    else:
        sys.__unraisablehook__(lost)


def write_figures(file: Path | None, document: dict[str, object]) -> None:
    """Write figures as JSON, if a file was named."""
    if file:
        file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def require_ours(found: "embzarr_bench.Comparison") -> None:
    """Fail with the first of our own failures, if there are any."""
    for failure in found.failures:
        if failure.startswith(benchmark().OURS):
            raise ClaimError(failure)


def show_comparison(found: "embzarr_bench.Comparison") -> None:
    """Print figures, who made them, and who could not."""
    for link in found.links:
        _show_speed(found, link)
        _show_cost(found, link)
        show_peers(found, link, "Everybody's medians", lambda one: round(one.median / _MILLI))
        _show_lock(found, link)
    for name, settings in found.peers.items():
        say(f"{name}: {settings}")
    for name, reason in found.skipped.items():
        say(f"Left out: {name}: {reason}")
    for failure in found.failures:
        say(f"Failed: {failure}")


def _show_speed(found: "embzarr_bench.Comparison", link: str) -> None:
    """Print our medians beside the best peer's and raw obstore's."""
    embzarr_bench = benchmark()
    rows: list[list[Cell]] = []
    for case in found.cases(link):
        of = found.of(link, case)
        ours, raw = of.get(embzarr_bench.OURS), of.get(embzarr_bench.RAW)
        best = found.best_peer(link, case)
        rows.append(
            [
                case.value,
                _median(ours),
                f"{ours.low:.3f}-{ours.high:.3f}" if ours else None,
                best.peer if best else None,
                _median(best),
                _ratio(found.times_faster(link, case)),
                _median(raw),
                _ratio(found.part_of_limit(link, case)),
            ]
        )
    names = ("embzarr s", "min-max", "best peer", "its s", "x faster", "raw s", "of raw")
    columns = [Column("case"), *(Column(name, right=name != "best peer") for name in names)]
    show_table(columns, rows, title=f"Medians over {link}")


def _show_cost(found: "embzarr_bench.Comparison", link: str) -> None:
    """Print what ours asked of the server and of memory."""
    embzarr_bench = benchmark()
    rows: list[list[Cell]] = []
    for case in found.cases(link):
        ours = found.of(link, case).get(embzarr_bench.OURS)
        if ours:
            rows.append(
                [
                    case.value,
                    ours.requests,
                    ours.notes["round_trips"],
                    Size(ours.fetched),
                    _ratio(found.over_needed(link, case)),
                    Size(ours.sent),
                    None if ours.peak is None else Size(ours.peak),
                ]
            )
    names = ("requests", "trips", "fetched", "x needed", "sent", "memory above result")
    columns = [Column("case"), *(Column(name, right=True) for name in names)]
    show_table(columns, rows, title=f"What embzarr asked for over {link}")


def _show_lock(found: "embzarr_bench.Comparison", link: str) -> None:
    """Print for how long everybody's reads hold the interpreter's lock, where it was measured."""
    if any(one.held is not None for one in found.figures if one.link == link):
        show_peers(
            found,
            link,
            "The interpreter's lock, held by a read",
            lambda one: None if one.held is None else round(one.held / _MILLI, 1),
            saves=False,
        )


def show_peers(
    found: "embzarr_bench.Comparison",
    link: str,
    title: str,
    milliseconds: Callable[["embzarr_bench.Figure"], float | None],
    *,
    saves: bool = True,
) -> None:
    """Print one number of every peer for each case, or for each that reads."""
    cases = [case for case in found.cases(link) if saves or not case.saves]
    rows: list[list[Cell]] = []
    for peer in found.peers:
        figures = [found.of(link, case).get(peer) for case in cases]
        rows.append([peer, *(milliseconds(one) if one else None for one in figures)])
    columns = [Column("ms"), *(Column(case.value, right=True) for case in cases)]
    show_table(columns, rows, title=f"{title} over {link}")


def _ratio(number: float | None) -> Ratio | None:
    return None if number is None else Ratio(number)


def _median(figure: "embzarr_bench.Figure | None") -> float | None:
    return figure.median if figure else None
