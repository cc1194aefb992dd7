"""What a command that fails says with --json: an object, on standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import pytest

import embzarr_tools
from embzarr_tools._commands import ls
from tools.asking import Ask, flip_bit
from tools.test_json import glove, small_run

SCHEMA = json.loads((Path(embzarr_tools.__file__).parent / "schemas/error.json").read_text())
FAILING: dict[str, list[str]] = {
    "word-missing 1": ["get", "{run}", "king", "kin"],
    "tensor-missing 1": ["get", "{run}", "--tensor", "v"],
    "step-missing 2": ["get", "{run}", "king", "--step", "7"],
    "checkpoint-missing 2": ["ls", "{run}-not"],
    "usage 2": ["get", "{run}", "--rows", "5:2"],
    "input-file 2": ["import", "{glove}", "{run}-other"],
}


def error_of(err: str) -> Any:
    """The last line of standard error, which the schema allows."""
    told = json.loads(err.splitlines()[-1])
    jsonschema.validate(told, SCHEMA)
    return told


@pytest.mark.parametrize("expected", FAILING)
def test_an_error_is_an_object(ask: Ask, tmp_path: Path, expected: str) -> None:
    """Of the code, message, notes and exit code that are a line of text without --json."""
    places = {"run": small_run(tmp_path), "glove": glove(tmp_path)}
    arguments = [part.format(**places) for part in FAILING[expected]]
    told, plain = ask(*arguments, "--json"), ask(*arguments)

    error = error_of(told.err)
    assert f"{error['code']} {error['exit_code']}" == expected
    assert (told.code, plain.code) == (error["exit_code"], error["exit_code"])
    lines = [f"{error['message']} [{error['code']}]", *error["notes"]]
    assert plain.err == "".join(f"embzarr: {line}\n" for line in lines)


def test_options_that_cannot_be_parsed(ask: Ask) -> None:
    """Are told so, too."""
    error = error_of(ask("ls", "--json", "--no-such-option").err)

    assert (error["code"], error["exit_code"]) == ("usage", 2)
    assert "--no-such-option" in error["message"]


def test_damage_has_its_notes(ask: Ask, tmp_path: Path) -> None:
    """Beside the message, not in it; what was asked for is not printed."""
    run = small_run(tmp_path)
    flip_bit(run, "steps/1-*/vectors/c/0/0", 5)
    answer = ask("get", run, "king", "--json")

    error = error_of(answer.err)
    assert (answer.out, error["code"], error["exit_code"]) == ("", "chunk-checksum", 1)
    assert error["notes"] == ["verify tells all that is damaged, with its rows and words"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(KeyboardInterrupt(), ("interrupted", 130)), (ZeroDivisionError("x\x1b"), ("internal", 2))],
)
def test_what_nobody_foresaw(
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    expected: tuple[str, int],
) -> None:
    """An interrupt, and a fault of ours, whose message cannot move a cursor."""

    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(ls, "history_of", fail)
    answer = ask("ls", small_run(tmp_path), "--json")

    error = error_of(answer.err)
    assert (error["code"], error["exit_code"], answer.code) == (*expected, expected[1])
    assert "\x1b" not in answer.err


def test_an_interrupt_before_a_command_begins(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which typer turns into an exit code, is an object as well."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.core.TyperGroup.make_context", interrupted)
    answer = ask("ls", "memory://somewhere", "--json")

    error = error_of(answer.err)
    assert (error["code"], error["exit_code"], answer.code) == ("interrupted", 130, 130)


def test_an_interrupt_while_modules_are_imported() -> None:
    """Before anything knows what was asked for but its arguments."""
    code = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["embzarr", "ls", "memory://somewhere", "--json"]
from embzarr_tools.program import main
main()
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, check=False, encoding="utf-8"
    )
    error = error_of(done.stderr)
    assert (error["code"], error["exit_code"], done.returncode) == ("interrupted", 130, 130)
