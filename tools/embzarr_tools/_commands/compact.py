"""``embzarr compact``: a chain of deltas becomes a full step."""

from embzarr_tools._options import AsJson, ChunkBytes, Compression, Place, SingleWriter
from embzarr_tools._screen import progress, say, show_json, size
from embzarr_tools._selection import row_bytes

EXAMPLES = """
embzarr compact s3://bucket/run
embzarr compact runs/wiki --compression zstd
"""


def compact(
    place: Place,
    *,
    compression: Compression = "auto",
    chunk_bytes: ChunkBytes = None,
    single_writer: SingleWriter = False,
    as_json: AsJson = False,
) -> None:
    """Turn the newest chain of deltas into a full step.

    It is a new commit of the same step, in bounded memory; the chain stays until `embzarr gc` gives
    it up. A checkpoint that is a full step already stays as it is.
    """
    run = place.run(single_writer=single_writer)
    before = run.open()
    with progress("compacting", unit_bytes=row_bytes(before)) as advance:
        found = run.compact(compression=compression, chunk_bytes=chunk_bytes, progress=advance)
    stored = found.info().bytes_stored
    if as_json:
        known = {"step": found.step, "commit": found.commit, "bytes_stored": stored}
        show_json({**known, "made": found.commit != before.commit})
        return
    if found.commit == before.commit:
        say(f"step {found.step} (commit {found.commit}) is a full step already")
        return
    layers = len(before.info().layers)
    say(f"step {found.step} (commit {found.commit}): {layers} layers became one of {size(stored)}")
