"""Reduce of a Hadoop Streaming job: makes one commit of the parts that all maps have written.

There is one of it, and it begins when every map has ended well. A second attempt gets the commit of
the first. The words are those of the run that the maps read.
"""

import os
import sys
from pathlib import Path

import embzarr


def publish(source: str, target: str, plan: embzarr.StepPlan) -> embzarr.Checkpoint:
    """Publish the step under the words of the run that it was made of."""
    with embzarr.open(source) as checkpoint:
        return embzarr.publish(target, plan, checkpoint)


def main() -> None:
    """Publish, and say which attempt wrote what."""
    written = [line.strip() for line in sys.stdin]
    plan = embzarr.StepPlan.from_json(Path("plan.json").read_text())
    made = publish(os.environ["SOURCE"], os.environ["TARGET"], plan)
    print(*written, f"commit {made.commit} of step {made.step}", sep="\n")


if __name__ == "__main__":
    main()
