"""Map of a Hadoop Streaming job: one part of a run, its vectors made of length 1, as a new step.

A line of input is the number of a part. The rows of that part are loaded from one run, and written
to another; the reduce, publish_reduce.py, makes one commit of all parts. An attempt that crashes,
or that hangs and is overtaken, does no harm: what it wrote is not to be seen, or the same.

    python unit_map.py begin hdfs://name:9000/run hdfs://name:9000/unit --parts 16 > plan.json
    seq 0 15 | hdfs dfs -put - /parts/numbers.txt
    hadoop jar hadoop-streaming.jar -D mapreduce.job.reduces=1 \
        -D mapreduce.input.lineinputformat.linespermap=1 \
        -files unit_map.py,publish_reduce.py,plan.json \
        -inputformat org.apache.hadoop.mapred.lib.NLineInputFormat -input /parts -output /done \
        -mapper 'python3 unit_map.py' -reducer 'python3 publish_reduce.py' \
        -cmdenv SOURCE=hdfs://name:9000/run -cmdenv TARGET=hdfs://name:9000/unit
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

import embzarr

BLOCK = 4096
"""Rows in memory at once."""
ATTEMPT = "mapreduce_task_attempt_id"


def begin(source: str, target: str, parts: int) -> str:
    """Plan the step, once, before the job: the plan is a file that goes to each task."""
    with embzarr.open(source) as checkpoint:
        plan = embzarr.plan_step(target, rows=len(checkpoint), dim=checkpoint.dim, parts=parts)
    return plan.to_json()


def write(source: str, target: str, plan: embzarr.StepPlan, part: int) -> None:
    """Load the rows of one part, block by block, and write them."""
    with (
        embzarr.open(source) as checkpoint,
        embzarr.write_part(target, plan, part) as writer,
    ):
        for start in range(writer.start, writer.stop, BLOCK):
            vectors = checkpoint.load_rows(start, min(start + BLOCK, writer.stop)).vectors
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            writer.append(
                np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
            )


def main() -> None:
    """Write the part that each line of the standard input names."""
    if len(sys.argv) > 1:
        parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
        parser.add_argument("begin", choices=["begin"])
        parser.add_argument("source")
        parser.add_argument("target")
        parser.add_argument("--parts", type=int, default=16)
        told = parser.parse_args()
        print(begin(told.source, told.target, told.parts))
        return
    plan = embzarr.StepPlan.from_json(Path("plan.json").read_text())
    for line in sys.stdin:
        told_part = line.rsplit("\t", 1)[-1].strip()  # Streaming may put the line's place before it
        if not told_part.isdecimal():
            continue  # a line that only makes a split long
        write(os.environ["SOURCE"], os.environ["TARGET"], plan, int(told_part))
        print("reporter:counter:embzarr,parts,1", file=sys.stderr)
        print(f"{told_part}\t{os.environ.get(ATTEMPT, '')}")


if __name__ == "__main__":
    main()
