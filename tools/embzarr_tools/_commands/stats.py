"""``embzarr stats``: figures of the vectors of a checkpoint."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import Cell, finite_or_text, progress, show_fields, show_json
from embzarr_tools._selection import row_bytes, row_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    import embzarr
    from embzarr_tools._figures import Figures
    from embzarr_tools._screen import Advance

EXAMPLES = """
embzarr stats s3://bucket/run
embzarr stats s3://bucket/run --rows 0:50000 --tag best
embzarr stats runs/wiki --json
"""


def stats(
    place: Place,
    *,
    rows: Annotated[
        str | None, typer.Option(metavar="A:B", help="Rows A up to, not including, B; else all.")
    ] = None,
    which: Which,
    as_json: AsJson = False,
) -> None:
    """Show lengths, zeros, doubles and isotropy of vectors.

    The mean cosine is that of all pairs of rows: 0 where directions are spread evenly, near 1 where
    all lie in a narrow cone (Ethayarajh, EMNLP 2019). Reads all vectors once, in batches; memory is
    12 bytes a row besides.
    """
    from embzarr_tools._figures import figures_of  # noqa: PLC0415 - numpy takes a while

    checkpoint = place.open(which)
    start, stop = (0, None) if rows is None else row_range(rows)
    with progress("reading", unit_bytes=row_bytes(checkpoint)) as advance:
        blocks = _blocks(checkpoint, start, stop, advance)
        figures = figures_of(blocks, checkpoint.dim)
    about: dict[str, Cell] = {
        "step": checkpoint.step,
        "dim": checkpoint.dim,
        "dtype": checkpoint.dtype.name,
    }
    if as_json:
        show_json({**about, **_as_json(figures)})
    else:
        show_fields({**about, **_as_fields(figures)})


def _blocks(
    checkpoint: "embzarr.Checkpoint", start: int, stop: int | None, advance: "Advance"
) -> "Iterator[NDArray[Any]]":
    total, done = len(range(len(checkpoint))[start:stop]), 0
    for part in checkpoint.stream(start=start, stop=stop):
        yield part.vectors
        done += len(part)
        advance(done, total)


def _as_json(figures: "Figures") -> dict[str, Any]:
    document = asdict(figures)
    norms = document.pop("norms")
    if norms is not None:
        cuts = norms.pop("percentiles")
        norms |= {f"p{cut}": value for cut, value in cuts.items()}
        norms = {name: finite_or_text(value) for name, value in norms.items()}
    return {**document, "norms": norms}


def _as_fields(figures: "Figures") -> dict[str, Cell]:
    fields: dict[str, Cell] = {
        "rows": figures.rows,
        "zero rows": figures.zero_rows,
        "rows not finite": figures.nonfinite_rows,
        "rows like an earlier one": figures.duplicate_rows,
    }
    if figures.norms is not None:
        norms = figures.norms
        fields |= {"norm min": norms.min, "norm mean": norms.mean, "norm max": norms.max}
        fields |= {f"norm p{cut}": value for cut, value in norms.percentiles.items()}
    return {**fields, "mean cosine": figures.mean_cosine}
