"""``embzarr compact``: a chain of deltas becomes a full step."""

from typing import Annotated

import typer

from embzarr_tools._options import ChunkBytes, Place
from embzarr_tools._screen import Size, say

EXAMPLES = """
embzarr compact s3://bucket/run
embzarr compact runs/wiki --compression zstd
"""


def compact(
    place: Place,
    *,
    compression: Annotated[
        str, typer.Option(metavar="NAME", help="auto, none, lz4, zstd[:LEVEL] or blosc:CNAME.")
    ] = "auto",
    chunk_bytes: ChunkBytes = None,
    single_writer: Annotated[
        bool, typer.Option("--single-writer", help="Nobody else writes to this store meanwhile.")
    ] = False,
) -> None:
    """Turn the newest checkpoint's chain of deltas into a full step.

    It is a new commit of the same step, in bounded memory; the chain stays until `embzarr gc` gives
    it up. A checkpoint that is a full step already stays as it is.
    """
    run = place.run(single_writer=single_writer)
    before = run.open()
    found = run.compact(compression=compression, chunk_bytes=chunk_bytes)
    if found.commit == before.commit:
        say(f"step {found.step} (commit {found.commit}) is a full step already")
        return
    layers = len(before.info().layers)
    stored = Size(found.info().bytes_stored).shown()
    say(f"step {found.step} (commit {found.commit}): {layers} layers became one of {stored}")
