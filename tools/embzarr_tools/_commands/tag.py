"""``embzarr tag``: a name for a commit."""

from typing import Annotated, Any

import typer

from embzarr_tools._failures import UsageError
from embzarr_tools._options import AsJson, Place
from embzarr_tools._screen import say, show_json

EXAMPLES = """
embzarr tag s3://bucket/run best --step 90
embzarr get s3://bucket/run king --tag best
embzarr tag s3://bucket/run best --delete
"""


def tag(
    place: Place,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Letters, digits, '.', '_' and '-'; at most 128.")
    ],
    *,
    step: Annotated[int | None, typer.Option(help="The newest commit of this step.")] = None,
    commit: Annotated[int | None, typer.Option(help="The commit of this number.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Take the name away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a commit a name, by default the newest.

    A name that exists is moved. A commit with a name is kept by gc.
    """
    run = place.run()
    if delete:
        if step is not None or commit is not None:
            raise UsageError("--delete takes no --step and no --commit")
        run.untag(name)
        told: dict[str, Any] = {"tag": name, "step": None, "commit": None}
        _tell(told, f"{name}: taken away", as_json=as_json)
        return
    run.tag(name, step=step, commit=commit)
    named = run.open(tag=name)
    told = {"tag": name, "step": named.step, "commit": named.commit}
    _tell(told, f"{name}: step {named.step}, commit {named.commit}", as_json=as_json)


def _tell(document: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        show_json(document)
    else:
        say(sentence)
