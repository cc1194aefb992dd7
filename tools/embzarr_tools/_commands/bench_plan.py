"""``embzarr bench plan``: what a vocabulary of any size would cost, on paper."""

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from embzarr_tools._commands.bench import JsonFile, benchmark, failing, write_figures
from embzarr_tools._screen import Column, Size, say, show_table

EXAMPLES = """
embzarr bench plan --words 1000000000 --dim 100 --workers 64
embzarr bench plan --words 10000000 --workers 16 --bandwidth 100 --worker-price 0.2 --json plan.json
"""
_CENT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperScene:
    """What is stored, by whom, over which link, at what prices."""

    words: Annotated[int, typer.Option(help="In the vocabulary.")]
    dim: Annotated[int, typer.Option(help="Numbers in a vector, float32.")] = 100
    workers: Annotated[int, typer.Option(help="That save, load or train side by side.")] = 16
    word_bytes: Annotated[float, typer.Option(help="Bytes of an average word.")] = 8.0
    bandwidth: Annotated[
        float, typer.Option(metavar="MB/S", help="Million bytes a second of one worker.")
    ] = 1000.0
    latency: Annotated[float, typer.Option(metavar="SECONDS", help="Until an answer begins.")] = (
        0.02
    )
    month_price: Annotated[
        float, typer.Option(metavar="DOLLARS", help="For keeping 10^9 bytes for a month.")
    ] = 0.023
    put_price: Annotated[
        float, typer.Option(metavar="DOLLARS", help="For a thousand requests that write.")
    ] = 0.005
    get_price: Annotated[
        float, typer.Option(metavar="DOLLARS", help="For a thousand that read.")
    ] = 0.0004
    worker_price: Annotated[
        float, typer.Option(metavar="DOLLARS", help="For an hour of one worker.")
    ] = 0.0


def plan(
    scene: PaperScene,
    *,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Of an epoch in blocks; by default two for each worker."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Work out objects, requests, bytes, minutes and dollars of a save, a load and an epoch.

    Nothing is stored or measured: the cuts are the SDK's own, the rest is arithmetic, which a test
    compares with runs. By default prices are those of S3's standard class in 2025.
    """
    embzarr_bench = benchmark()
    with failing():
        found = embzarr_bench.paper_plan(embzarr_bench.Scene(**asdict(scene)), rounds=rounds)
    write_figures(json_file, {**asdict(scene), **asdict(found)})
    pages = f" and {found.pages} pages of {found.page_bytes / 1e6:,.3g}" if found.pages else ""
    say(
        f"{scene.words:,} words x {scene.dim}: {found.objects:,} objects, {found.bytes / 1e9:,.3g} "
        f"GB, a manifest of {found.manifest_bytes / 1e6:,.3g} MB{pages}; kept for a month, "
        f"{found.month_dollars:,.2f} dollars."
    )
    columns = ("puts", "gets", "moved", "minutes", "dollars")
    rows = [
        (
            work.name,
            work.puts,
            work.gets,
            Size(work.bytes),
            round(work.minutes, 2),
            f"{work.dollars:,.2f}" if work.dollars >= _CENT else f"{work.dollars:.2g}",
        )
        for work in found.works
    ]
    show_table([Column("work"), *(Column(name, right=True) for name in columns)], rows)
