"""Every framework takes what every other saved, exactly; each in its own environment.

Run by CI by ``-m "frameworks(environment='all')"``, where $EMBZARR_ENVIRONMENTS names the Python
of each environment: ``torch=/path/to/python keras=...``.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from interop import between
from servers.minio import Minio

pytestmark = pytest.mark.frameworks(environment="all")

PLACES = {
    "torch": ["torch", "sklearn"],
    "keras": ["keras", "tensorflow"],
    "mxnet": ["mxnet", "chainer"],
    "java": ["h2o"],
    "spark": ["mllib"],
    "": ["gensim", "trainer"],
}
"""Which frameworks are looked at in which environment; the one without a name is this one."""
WORDS = [name for names in PLACES.values() for name in names if name != "tensorflow"]


def pythons() -> dict[str, str]:
    """Return the Python of each environment."""
    told = os.environ.get("EMBZARR_ENVIRONMENTS", "")
    found = dict(pair.split("=", 1) for pair in told.split())
    missing = PLACES.keys() - found.keys() - {""}
    if missing:
        pytest.skip(f"no environments {sorted(missing)}: `bash .ci/run` makes them, and names them")
    return found | {"": sys.executable}


def answer(process: subprocess.Popen[str]) -> str:
    """Return the next line that is meant for us: libraries print things, too."""
    stream: IO[str] | None = process.stdout
    assert stream is not None
    for line in stream:
        if line.startswith(("saved", "[[")):
            return line
    process.wait()
    raise AssertionError(f"{process.args!r}: ended with {process.returncode}")


@pytest.fixture(scope="module")
def found(minio: Minio) -> Any:
    """What each framework holds of what each saved: {(kind, writer, reader): ...}."""
    known = pythons()
    tests = Path(__file__).parents[1]
    here = os.environ | {"PYTHONPATH": str(tests), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with minio.bucket() as bucket, ExitStack() as running:
        url = minio.url(bucket, "between")
        processes = []
        for place, frameworks in PLACES.items():
            command = [known[place], between.__file__, url, json.dumps(minio.options), *frameworks]
            process = subprocess.Popen(  # noqa: S603 - ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=here
            )
            processes.append(running.enter_context(process))
        for process in processes:
            assert answer(process).startswith("saved")
        lines = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"words": WORDS, "dense": [*between.DENSE]}) + "\n")
            process.stdin.flush()
            lines.append(answer(process))
    told = [one for line in lines for one in json.loads(line)]
    return {(kind, writer, reader, bool(part)): held for kind, writer, reader, part, held in told}


@pytest.mark.parametrize("part", [False, True], ids=["all", "part"])
@pytest.mark.parametrize(("writer", "reader"), [*itertools.product(WORDS, WORDS)])
def test_words_and_vectors_go_from_any_to_any(
    writer: str, reader: str, part: object, found: Any
) -> None:
    """All of them in their order, and those of a vocabulary in its order, to the bit."""
    rows = dict(zip(between.WORDS, between.VECTORS.tolist(), strict=True))
    expected = {word: rows[word] for word in (between.PART if part else between.WORDS)}
    held = found["words", writer, reader, part]
    held.pop(between.LEARNED, None)  # the trainer's own
    assert held == expected
    if "mllib" not in {writer, reader}:  # which has an order of its own
        assert list(held) == list(expected)


@pytest.mark.parametrize(("writer", "reader"), [*itertools.product(between.DENSE, between.DENSE)])
def test_dense_layers_go_from_any_to_any(writer: str, reader: str, found: Any) -> None:
    """By name, with axes in the order that each framework has; the numbers are the same bits."""
    held = np.array(found["dense", writer, reader, False], "f4")
    assert np.array_equal(held, between.KERNEL + between.BIAS)
