"""``embzarr demo``: the whole way, on text that this machine has."""

import shutil
import tempfile
import time
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from embzarr_tools._options import Access, AsJson
from embzarr_tools._screen import say, show_json

EXAMPLES = """
embzarr demo
embzarr demo --text book.txt --keep
embzarr demo --url s3://bucket/demo --endpoint-url http://localhost:9000
"""


def demo(
    access: Access,
    *,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Save there, and leave it there; by default in a temporary folder.",
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Train on this text; by default on what Python's libraries say of themselves.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the temporary folder and say where it is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything on text of this machine, in about a minute.

    Trains word vectors, saves three steps, opens them cold, reads words, a range and a prefix,
    shows nearest neighbours, verifies, damages a copy and finds the damage. Needs no server, no
    account and no download; every figure is measured. Exit code 1: a claim did not hold.
    """
    from embzarr_tools import _demo_acts  # noqa: PLC0415 - loads the trainer and its compiler

    begin, story = time.perf_counter(), StringIO()
    folder = Path(tempfile.mkdtemp(prefix="embzarr-demo-"))
    kept = folder if keep else None
    try:
        stage = _demo_acts.Stage(
            folder=folder,
            url=url or str(folder / "run"),
            place="at the URL given" if url else "in a temporary folder",
            storage_options=access.storage_options,
        )
        with redirect_stdout(story) if as_json else nullcontext():
            _demo_acts.play(stage, text)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    _end(time.perf_counter() - begin, kept, story.getvalue().splitlines() if as_json else None)


def _end(seconds: float, kept: Path | None, story: list[str] | None) -> None:
    """Say how it ended; with a story, that as JSON."""
    if story is not None:
        told = {"held": True, "seconds": seconds, "folder": None if kept is None else str(kept)}
        show_json({**told, "story": story})
        return
    say("")
    say(f"Every claim held. ({seconds:.0f} s)")
    if kept is not None:
        say(f"Kept in {kept}; try: embzarr verify {kept / 'damaged'}")
