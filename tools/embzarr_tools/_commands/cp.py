"""``embzarr cp``: checkpoints from one store to another."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from embzarr_tools._options import AllowNewDim, AsJson, Place, SingleWriter, Which, options_like
from embzarr_tools._screen import progress, say, say_aside, show_json, size

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr cp s3://bucket/run /mnt/mirror/run
embzarr cp s3://bucket/run gs://other/run --source-option region=eu-west-1
embzarr cp runs/wiki s3://bucket/best --tag best
embzarr cp runs/wiki s3://bucket/wiki --step 100
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Though:
    """What a copy does all the same."""

    append: Annotated[
        bool,
        typer.Option("--append", help="Though URL holds other checkpoints, which these follow."),
    ] = False
    allow_new_dim: AllowNewDim = False


def cp(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="The run to copy: a URL, as for other commands.")
    ],
    place: Place,
    which: Which,
    *,
    source_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Like --storage-option, for SOURCE. Without any, a SOURCE with the same kind of "
            "URL takes the options of URL.",
        ),
    ] = None,
    though: Though,
    single_writer: SingleWriter = False,
    as_json: AsJson = False,
) -> None:
    """Copy a run, or one checkpoint of it, from SOURCE to URL.

    Only what is missing is sent, and each object has its recorded SHA-256 before it is stored. It
    is seen when all of it is there; called again, it goes on where it ended. A URL that is empty,
    or holds an earlier copy of the whole run, becomes the same store, numbers and tags included;
    elsewhere, with --append, each checkpoint gets the next number. Chains of deltas stay chains.
    """
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    with progress("copying", unit_bytes=1) as advance:
        report = embzarr.copy(
            source,
            place.url,
            step=which.step,
            tag=which.tag,
            commit=which.commit,
            append=though.append,
            allow_new_dim=though.allow_new_dim,
            single_writer=single_writer,
            progress=advance,
            storage_options=place.storage_options,
            source_options=options_like(place, source, source_option),
        )
    if as_json:
        show_json(asdict(report))
        return
    _tell(report)


def _tell(report: "embzarr.CopyReport") -> None:
    """Say in a line what was done, and aside what was not."""
    made = ", ".join(map(str, report.commits)) or "none"
    there = f", {report.objects_present:,} of {size(report.bytes_present)} were there"
    say(
        f"commits made: {made}; {report.objects:,} objects of {size(report.bytes)} copied"
        f"{there if report.objects_present else ''}"
    )
    if report.tags:
        say(f"tags: {', '.join(report.tags)}")
    for name in report.tags_kept:
        say_aside(f"the tag {name} means something else there, and was left alone")
