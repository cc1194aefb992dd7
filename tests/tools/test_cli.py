from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from embzarr_tools import cli
from tools.asking import Ask

COMMANDS = [info.name or "" for info in cli.app.registered_commands]


def test_all_commands_are_there() -> None:
    """The program offers what the README promises."""
    expected = {"demo", "train", "inspect", "ls", "get", "similar", "verify", "tag", "eval", "gc"}
    expected |= {"repair", "compact", "probe", "publish", "import", "export"}
    expected |= {"head", "analogy", "stats", "diff", "convert", "cp", "view", "report"}
    expected |= {"train-spark"}
    assert set(COMMANDS) == expected


def test_version(ask: Ask) -> None:
    """--version prints name and version."""
    assert ask("--version").out == f"embzarr {version('embzarr')}\n"


def test_no_arguments_show_the_help(ask: Ask) -> None:
    """Whoever types the bare name is shown what there is."""
    answer = ask()
    assert answer.code == 0
    assert "Usage: embzarr" in answer.out
    assert all(f"\n  {name} " in answer.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example_and_tells_exit_codes(ask: Ask, command: str) -> None:
    """Every command's help has examples of itself, exit codes and no drawn lines."""
    answer = ask(command, "--help")
    examples = answer.out.partition("Examples:")[2]
    assert f"    embzarr {command}" in examples
    assert "Exit codes:\n    0  done" in examples
    assert "…" not in answer.out
    assert answer.out.isascii()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_the_summary_of_each_command_whole(ask: Ask, command: str) -> None:
    """The first sentence of a command's help fits into the list of commands."""
    summary = ask(command, "-h").out.splitlines()[2].strip()
    assert summary in ask("--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "No such command 'nonsense'; see embzarr --help [usage]"),
        (("ls",), "Missing argument 'URL'; see embzarr ls --help [usage]"),
        (
            ("train", "corpus.txt"),
            "Missing argument 'URL': expected CORPUS URL; see embzarr train --help [usage]",
        ),
        (
            ("publish", "plan.json"),
            "Missing argument 'PLAN': expected URL PLAN; see embzarr publish --help [usage]",
        ),
        (("ls", "x", "--nonsense"), "No such option: --nonsense; see embzarr ls --help [usage]"),
    ],
)
def test_wrong_usage_is_one_line_and_code_two(
    ask: Ask, arguments: tuple[str, ...], message: str
) -> None:
    """Options that cannot be parsed are told in one line that says where to look."""
    answer = ask(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"embzarr: {message}\n"


@pytest.mark.parametrize("command", ["inspect", "ls", "verify"])
def test_no_such_run_is_one_line_and_code_two(ask: Ask, command: str, tmp_path: Path) -> None:
    """An empty place is named with its code, without a traceback."""
    answer = ask(command, tmp_path / "nothing")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("embzarr: no checkpoint at file://")
    assert answer.err.endswith("[checkpoint-missing]\n")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("ls", "{}"), ("eval", "{}", "{}"), ("train", "{}", "{}"), ("get", "{}", "king")]
)
def test_a_file_in_the_place_of_the_url_is_told(
    ask: Ask, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Where the URL was left out, a file takes its place: that is said at once, by its name."""
    file = tmp_path / "corpus.txt"
    file.write_text("a b c\n" * 9)
    answer = ask(*(part.format(file) for part in arguments))
    assert (answer.code, answer.out) == (2, "")
    expected = "embzarr: expected a folder or a URL, found file"
    assert answer.err == f"{expected} {file} [input-argument]\n"


def test_debug_shows_the_traceback(ask: Ask, tmp_path: Path) -> None:
    """--debug prints where the error arose, then the same line."""
    answer = ask("ls", tmp_path / "nothing", "--debug")
    assert answer.code == 2
    assert answer.err.startswith("Traceback")
    assert answer.err.splitlines()[-1].endswith("[checkpoint-missing]")


def test_a_bug_is_one_line_too(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen exception ends in one line, a code and a hint."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("oh\nno")

    monkeypatch.setattr("embzarr.Run.commits", broken)
    answer = ask("ls", "memory://somewhere")
    assert answer.code == 2
    assert answer.err == "embzarr: RuntimeError: oh no [internal]; --debug shows where\n"


def test_interrupt_gives_130(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with one word and the code that shells use."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place in ("embzarr.Run.commits", "typer.core.TyperGroup.make_context"):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            answer = ask("ls", "memory://somewhere")
        assert (answer.code, answer.err) == (130, "embzarr: interrupted\n"), place


@pytest.mark.parametrize("begun", ["typer", "embzarr_tools._commands.view", "embzarr"])
def test_an_interrupt_may_come_while_modules_are_imported(begun: str) -> None:
    """A person sees the same line then, and no traceback."""
    code = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == {begun!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["embzarr", "ls", "memory://somewhere"]
from embzarr_tools.program import main
main()
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, check=False, encoding="utf-8"
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "embzarr: interrupted\n")


@pytest.mark.parametrize("command", ["ls {}", "get {} king", "--version"])
@pytest.mark.parametrize("kind", ["reader left", "full"])
def test_output_that_is_not_taken_is_told_as_that(
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    kind: str,
) -> None:
    """A reader who has left is no error to speak of, and a full disk is named as the output's."""
    if kind == "full":
        output = os.open("/dev/full", os.O_WRONLY)
    else:
        end, output = os.pipe()
        os.close(end)
    with open(output, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdout", stream)
        code = cli.run([part.format(run_folder) for part in command.split()])
        monkeypatch.undo()
    told = "embzarr: standard output: No space left on device [system]\n"
    assert (code, capfd.readouterr().err) == ((2, told) if kind == "full" else (141, ""))


def test_what_a_store_says_is_not_taken_for_the_reader(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks is an error, as any other."""

    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("embzarr.Run.commits", broken)
    answer = ask("ls", "memory://somewhere")
    assert (answer.code, answer.err) == (2, "embzarr: Broken pipe [system]\n")


@pytest.mark.parametrize("program", ["embzarr", "-m embzarr"])
def test_a_closed_output_is_no_error(run_folder: Path, program: str) -> None:
    """Neither as a script nor by python -m, nor is a closed standard error."""
    python = f"{sys.executable} {program}" if program[0] == "-" else Path(sys.executable).parent
    python = python if isinstance(python, str) else f"{python}/{program}"
    command = f"{python} ls {run_folder} >&-; echo $?; {python} --version 2>&-"
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/bash", "-c", command], capture_output=True, check=True, encoding="utf-8"
    )
    assert (done.stdout, done.stderr) == (f"0\nembzarr {version('embzarr')}\n", "")


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "embzarr ver", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "embzarr ver"}),
        (
            "fish",
            {"_TYPER_COMPLETE_ARGS": "embzarr ver", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
        ),
    ],
)
def test_shells_complete(
    shell: str,
    asked: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A shell that asks what may follow is told, without a slow import."""
    monkeypatch.setenv("_EMBZARR_COMPLETE", f"complete_{shell}")
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    with suppress(SystemExit):
        cli.run([])
    assert "verify" in capsys.readouterr().out


def test_help_loads_neither_numpy_nor_the_compiler() -> None:
    """--help is fast: nothing heavy is imported for it."""
    code = (
        "import sys; from embzarr_tools.cli import run; run(['get', '--help']); "
        "sys.exit(bool({'embzarr', 'numpy', 'numba', 'rich'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_the_installed_program_runs(run_folder: Path) -> None:
    """The script that pip installs answers, and a reader that leaves early is no error."""
    program = Path(sys.executable).with_name("embzarr")
    command = f"{program} get {run_folder} --rows : | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/bash", "-c", command], capture_output=True, check=True, encoding="utf-8"
    )
    first, code = done.stdout.splitlines()
    assert first.startswith("w0\t")
    assert code in {"0", "141"}
    assert done.stderr == ""
