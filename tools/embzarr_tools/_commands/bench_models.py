"""``embzarr bench models``: a model saved and loaded beside other ways to keep it."""

from dataclasses import dataclass
from typing import Annotated

import typer

from embzarr_tools._commands.bench import (
    Cases,
    JsonFile,
    Peers,
    Repeats,
    benchmark,
    failing,
    require_ours,
    show_comparison,
    show_peers,
    write_figures,
)
from embzarr_tools._screen import progress

EXAMPLES = """
embzarr bench models
embzarr bench models --mb 1000 --repeats 7 --json models.json
embzarr bench models --case tensor --case many --case one --latency 20
embzarr bench models --case load --peer raw --peer safetensors
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to compare, with the benchmark's defaults."""

    case: Cases = None
    peer: Peers = None
    latency: Annotated[
        list[int] | None,
        typer.Option(
            metavar="MS",
            help="Add so many milliseconds to each answer; may be repeated. By default 0.",
        ),
    ] = None
    repeats: Repeats = 5
    mb: Annotated[int, typer.Option(min=1, metavar="MB", help="Size of the state dict.")] = 256


def models(
    wanted: Wanted,
    *,
    json_file: JsonFile = None,
) -> None:
    """Measure a state dict of 300 tensors beside safetensors, PyTorch's own way and others.

    Saved from memory and loaded from the address, cold, in turns: beside raw obstore, which moves
    the same bytes and does nothing with them, safetensors by boto3, torch.distributed.checkpoint
    over s3fs and the Run:ai model streamer, each as far as it is installed: pip install -e
    '.[bench-models]'. Also what a step costs in which one of 24 layers changed, one tensor of 4 MB
    out of all, and a thousand of 1 KB beside one of 1 MB. Results are compared with what was
    stored, outside of the timing. Processor time is the client's alone, and tells most where other
    programs run. Needs a minio as `embzarr bench` does; TMPDIR=/dev/shm spares the disk.
    """
    benchmark()
    from embzarr_bench import models as ours  # noqa: PLC0415 - in a checkout only

    plan = ours.Plan(
        cases=wanted.case,
        peers=wanted.peer,
        latencies=wanted.latency or (0,),
        repeats=wanted.repeats,
        megabytes=wanted.mb,
    )
    with failing(), progress("preparing") as advance:
        found = ours.compare(plan, progress=advance)
    write_figures(json_file, found.as_json())
    show_comparison(found)
    for link in found.links:
        show_peers(found, link, "Processor time", lambda one: one.notes["cpu_ms"])
    require_ours(found)
