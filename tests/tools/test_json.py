"""Every command answers in JSON, whose shape a schema tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import numpy as np
import pytest

import embzarr
import embzarr_tools
from embzarr_tools import cli
from tools.asking import Ask, flip_bit

SCHEMAS = Path(embzarr_tools.__file__).parent / "schemas"
COMMANDS = [info.name or "" for info in cli.app.registered_commands]
LINES = {"get", "head"}
"""Commands that print a line of JSON for each row."""


def small_run(folder: Path) -> Path:
    """A full step and a delta upon it, tagged."""
    run = embzarr.Run(folder / "run")
    vectors = np.random.default_rng(1).standard_normal((4, 3), np.float32)
    tensors: dict[str, Any] = {"w": np.ones((3, 2)), "b": np.float32(1), "n": np.array([np.nan])}
    run.save(
        ["king", "queen", "man", "woman"],
        vectors,
        step=1,
        metadata={"a": 1},
        tensors=tensors,
        files={"c.json": b"{}", "large": bytes(70_000)},
        model={"framework": "x"},
    )
    moved: dict[str, Any] = {"w": np.zeros((3, 2)), "b": np.float64(1), "new": np.ones(1)}
    run.save_delta([1], [[1, 2, 3]], step=2, tensors=moved, files={"c.json": b"[]"})
    run.tag("best", step=1)
    return folder / "run"


def damaged(folder: Path) -> Path:
    """A run whose newest vectors are damaged."""
    run = small_run(folder)
    flip_bit(run, "steps/1-*/vectors/c/0/0", 5)
    return run


def text(folder: Path) -> Path:
    """A text to train on."""
    (folder / "text.txt").write_text("\n".join(["a b c d e f"] * 200))
    return folder / "text.txt"


def glove(folder: Path, *, sound: bool = False) -> Path:
    """A file to import, perhaps with a row that is not sound."""
    (folder / "a.txt").write_text(f"king 1 0\nqueen 0 1\nking 1 1\nman 1{' 2' * sound}\n")
    return folder / "a.txt"


def static(folder: Path) -> Path:
    """A folder to import, of several files."""
    (folder / "m").mkdir()
    vectors = np.ones((2, 3), np.float32).tobytes()
    told = json.dumps({"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    head = len(told).to_bytes(8, "little")
    (folder / "m" / "model.safetensors").write_bytes(head + told + vectors)
    (folder / "m" / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0, "b": 1}}}')
    return folder / "m"


def pairs(folder: Path) -> Path:
    (folder / "pairs.tsv").write_text("king\tqueen\t9\nman\twoman\t1\nking\tnobody\t3\n")
    return folder / "pairs.tsv"


def questions(folder: Path) -> Path:
    (folder / "questions.txt").write_text(": all\nman king woman queen\n")
    return folder / "questions.txt"


def planned(folder: Path) -> list[object]:
    """A step in one part that is whole."""
    plan = embzarr.plan_step(folder / "run", 2, 3, 1)
    with embzarr.write_part(folder / "run", plan, 0) as part:
        part.append(np.ones((2, 3), np.float32))
    (folder / "plan.json").write_text(plan.to_json())
    (folder / "words.txt").write_text("a\nb\n")
    return ["publish", folder / "run", folder / "plan.json", folder / "words.txt"]


TRAIN = ("--vector-size", 4, "--epochs", 1, "--min-count", 1, "--workers", 1)
BLOCKS = ("--vector-size", 4, "--epochs", 1, "--min-count", 1, "--groups", 2, "--segments", 1)
ASKED: dict[str, list[Callable[[Path], list[object]]]] = {
    "train": [lambda f: ["train", text(f), f / "run", *TRAIN]],
    "train-spark": [
        lambda f: ["train-spark", text(f), f / "run", *BLOCKS, "--processes", 1],
    ],
    "import": [
        lambda f: ["import", glove(f), f / "run", "--on-error", "skip", "--duplicates", "first"],
        lambda f: ["import", glove(f, sound=True), f / "run", "--limit", 2],
        lambda f: ["import", static(f), f / "run"],
    ],
    "inspect": [lambda f: ["inspect", small_run(f)]],
    "ls": [lambda f: ["ls", small_run(f)], lambda f: ["ls", small_run(f).parent]],
    "get": [
        lambda f: ["get", small_run(f), "king"],
        lambda f: ["get", small_run(f), "none", "--missing", "zeros"],
        lambda f: ["get", small_run(f), "--tensor", "w", "--rows", "1:"],
        lambda f: ["get", small_run(f), "--tensor", "b"],
        lambda f: ["get", small_run(f), "--tensor", "n"],
    ],
    "head": [lambda f: ["head", small_run(f)]],
    "export": [lambda f: ["export", small_run(f), f / "x.npy"]],
    "convert": [
        lambda f: [
            *("convert", glove(f), f / "x.npy", "--on-error", "skip", "--duplicates", "first")
        ],
        lambda f: ["convert", glove(f, sound=True), f / "x.npy", "--limit", 2],
        lambda f: ["convert", static(f), f / "x.npy"],
    ],
    "similar": [lambda f: ["similar", small_run(f), "king"]],
    "analogy": [lambda f: ["analogy", small_run(f), "man", "king", "woman"]],
    "stats": [
        lambda f: ["stats", small_run(f)],
        lambda f: ["stats", small_run(f), "--rows", "0:0"],
    ],
    "diff": [lambda f: ["diff", small_run(f), "--step", 1]],
    "eval": [
        lambda f: ["eval", small_run(f), pairs(f), questions(f)],
        lambda f: ["eval", small_run(f), pairs(f), "--restrict-vocab", 1],
    ],
    "verify": [
        lambda f: ["verify", small_run(f), "--all"],
        lambda f: ["verify", small_run(f), "--quick"],
        lambda f: ["verify", damaged(f)],
    ],
    "repair": [
        lambda f: ["repair", small_run(f)],
        lambda f: ["repair", damaged(f)],
    ],
    "tag": [
        lambda f: ["tag", small_run(f), "mine"],
        lambda f: ["tag", small_run(f), "best", "--delete"],
    ],
    "publish": [planned],
    "cp": [lambda f: ["cp", small_run(f), f / "copy"]],
    "compact": [lambda f: ["compact", small_run(f)]],
    "report": [lambda f: ["report", small_run(f), "-o", f / "report.html"]],
    "gc": [lambda f: ["gc", small_run(f), "--keep-last", 1, "--dry-run"]],
    "probe": [lambda f: ["probe", f / "run"]],
}
CASES = [
    pytest.param(name, number, marks=[pytest.mark.slow] * name.startswith("train"))
    for name, asked in ASKED.items()
    for number in range(len(asked))
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_schema(ask: Ask, name: str) -> None:
    """And the option to answer in JSON; the schema is one, and lets no member by unseen."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())

    assert " --json " in ask(name, "--help").out
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(open_objects(schema)) <= OPEN
    assert name in ASKED or name in OTHERWISE


OTHERWISE = {"demo", "view"}
"""Commands that are asked by tests of their own."""
OPEN = {"metadata", "model", "file", "answers", "norms"}
"""Objects whose members are the caller's, or are named by what they tell of."""


def open_objects(schema: Any, name: str = "") -> list[str]:
    """Return the names of objects in a schema that may have any members."""
    if isinstance(schema, list):
        return [found for one in schema for found in open_objects(one, name)]
    if not isinstance(schema, dict):
        return []
    kinds = schema.get("type", [])
    is_object = "object" in kinds if isinstance(kinds, list) else kinds == "object"
    is_open = is_object and schema.get("additionalProperties") is not False
    members = schema.get("properties", {})
    below = [found for key, one in members.items() for found in open_objects(one, key)]
    rest = [open_objects(schema.get(key), name) for key in ("items", "anyOf", "oneOf")]
    return [name] * is_open + below + [found for one in rest for found in one]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_an_answer_has_the_shape_that_its_schema_tells(
    ask: Ask, tmp_path: Path, name: str, number: int
) -> None:
    """Whether the answer is yes or no."""
    answer = ask(*ASKED[name][number](tmp_path), "--json")

    assert answer.code in {0, 1}
    texts = answer.out.splitlines() if name in LINES else [answer.out]
    assert texts
    for one in texts:
        check(name, one)


def check(name: str, text: str) -> None:
    """Compare a JSON text with the schema of a command."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.slow
def test_the_demo_answers_in_json(ask: Ask, tmp_path: Path) -> None:
    """Its story as lines, once every claim held."""
    (tmp_path / "book.txt").write_text("\n".join(["sea sky sun moon star rain wind"] * 3000))
    answer = ask("demo", "--text", tmp_path / "book.txt", "--json")
    assert answer.code == 0, answer.err
    check("demo", answer.out)
