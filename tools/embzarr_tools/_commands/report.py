"""``embzarr report``: a run in one file."""

from pathlib import Path
from typing import Annotated

import typer

from embzarr_tools._options import AsJson, Place
from embzarr_tools._screen import Size, say, say_aside, show_json
from embzarr_tools._selection import read_from, write_to

EXAMPLES = """
embzarr report s3://bucket/run -o report.html
embzarr report runs/wiki -o wiki.html --eval wordsim353.tsv
"""


def report(
    place: Place,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The file to write, or - for standard output."
        ),
    ] = Path("report.html"),
    evaluate: Annotated[
        list[Path] | None,
        typer.Option(
            "--eval",
            metavar="FILE",
            help="Word pairs or analogies to score every step on, - for standard input; may be "
            "repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the plots and tables of a run into one HTML file.

    It holds no script and fetches nothing, so that it can be sent to anybody, and printed.
    """
    import embzarr_view  # noqa: PLC0415 - imports embzarr, which --help need not wait for

    target = write_to(str(output), as_json=as_json)
    opened = embzarr_view.Opened(place.url, storage_options=place.storage_options)
    with read_from(*evaluate or ()) as files:
        told = embzarr_view.report(opened, target, files=[Path(file) for file in files])
    if as_json:
        show_json(told)
    else:
        tell = say if str(output) != "-" else say_aside
        tell(f"{told['file']}: {told['steps']} steps, {Size(told['bytes']).shown()}")
