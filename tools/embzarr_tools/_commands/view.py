"""``embzarr view``: a page on this machine that shows a run."""

from pathlib import Path
from typing import Annotated

import typer

from embzarr_tools._failures import UsageError
from embzarr_tools._options import AsJson, Place
from embzarr_tools._screen import flush, on_terminal, say, say_aside, show_json
from embzarr_tools._selection import read_from

EXAMPLES = """
embzarr view s3://bucket/run
embzarr view runs/wiki --open
embzarr view runs/wiki --eval wordsim353.tsv --port 8080
"""

_LARGEST_PORT = 65535


def view(
    place: Place,
    *,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where to listen: this machine alone, unless told."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=_LARGEST_PORT, help="By default a free one.")] = 0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name by which browsers ask for ADDRESS, where it is not this machine alone; "
            "may be repeated.",
        ),
    ] = None,
    evaluate: Annotated[
        list[Path] | None,
        typer.Option(
            "--eval",
            metavar="FILE",
            help="Word pairs or analogies to score steps on, - for standard input; may be "
            "repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a run on a page in the browser.

    Steps, words, neighbours, drift, a map, what changed between two steps, storage, tensors, files
    and health. Nothing is written, and little is read at a time. Prints the address, which holds
    a token that is new each time: whoever has it may look. Ends by Ctrl-C.
    """
    import embzarr_view  # noqa: PLC0415 - imports embzarr, which --help need not wait for

    address = embzarr_view.Address(host=host, port=port, names=tuple(allow_host or ()))
    if not address.is_loopback:
        say_aside(f"listening on {host} without encryption: who listens in has the token, too")
    opened = embzarr_view.Opened(place.url, storage_options=place.storage_options)

    def ready(url: str) -> None:
        _told(url, as_json=as_json)
        if open_:
            typer.launch(url)

    with read_from(*evaluate or ()) as files:
        embzarr_view.serve(opened, say=ready, address=address, files=[*map(_checked, files)])


def _checked(name: str) -> Path:
    """Return a file of one of the two kinds; refuse another before anything is served."""
    import embzarr_eval  # noqa: PLC0415 - as above

    file = Path(name)
    if not file.is_file():
        raise UsageError(f"--eval: expected a file, found none at {file}")
    embzarr_eval.read_task(file)
    return file


def _told(url: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"url": url}, indent=None)
        flush()
    elif on_terminal():
        say(f"Look at {url}")
        say("Ctrl-C ends it.")
    else:
        say(url)
