"""What a stranger wrote reaches nobody's terminal: every command, every repr, every error."""

from __future__ import annotations

import ast
import io
import json
import re
import traceback
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import embzarr
from embzarr_tools import cli
from faults.exercise import exercise
from faults.hostile.texts import TEXTS, Speaking, cases
from faults.tally import Effort, Tally
from objects.fake_s3 import Answers, running_fake_s3

pytestmark = pytest.mark.faults

_OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

COMMANDS: dict[str, Sequence[Sequence[str]]] = {
    "inspect": (("{url}",), ("{url}", "--json"), ("{url}", "--tag", "best")),
    "ls": (("{url}",), ("{url}", "--json")),
    "get": (
        ("{url}", "--rows", ":"), ("{url}", "--rows", ":", "--json"), ("{url}", "{text}"),
        ("{url}", "king", "--explain"), ("{url}", "--prefix", "x", "-v"),
        ("{url}", "no {text}", "--debug"), ("{url}", "--file", "{text}"),
        ("{url}", "--tensor", "{text}", "--json"),
    ),
    "similar": (("{url}", "king"), ("{url}", "{text}", "--json")),
    "analogy": (("{url}", "king", "{text}", "queen"), ("{url}", "a", "b", "c", "--json")),
    "head": (("{url}",), ("{url}", "--json")),
    "stats": (("{url}",), ("{url}", "--json")),
    "diff": (("{url}", "{url}"), ("{url}", "{url}", "--json"), ("{url}", "{text}")),
    "import": (("{file}", "{url}x"), ("{vectors}", "{url}y"), ("{vectors}", "{url}z", "--json")),
    "export": (("{url}", "{url}.tsv"), ("{url}", "{url}.jsonl", "--json"), ("{url}", "{text}.vec")),
    "cp": (("{url}", "{url}c"), ("{url}", "{url}d", "--json"), ("{text}", "{url}e")),
    "convert": (
        ("{vectors}", "{url}.vec"), ("{vectors}", "{url}.csv", "--json"), ("{file}", "{text}.vec"),
    ),
    "report": (("{url}", "-o", "{url}.html"), ("{url}", "-o", "{url}.html", "--json")),
    "verify": (("{url}",), ("{url}", "--json"), ("{url}", "--all"), ("{url}", "--quick")),
    "repair": (("{url}",), ("{url}", "--json")),
    "tag": (("{url}", "good"), ("{url}", "{text}"), ("{url}", "good", "--delete")),
    "compact": (("{url}",),),
    "gc": (("{url}", "--dry-run"), ("{url}", "--json", "--keep-last", "1")),
    "probe": (("{url}", "--json"), ("{url}",)),
    "eval": (("{url}", "{file}"), ("{url}", "{file}", "--json")),
    "publish": (("{url}", "{file}", "{file}"),),
}  # fmt: skip
ELSEWHERE = {
    "train": "see test_training",
    "train-spark": "see tests/spark/test_train_blocks.py",
    "view": "prints an address alone, see tests/view",
    "demo": "reads no store but its own",
    "bench": "reads no store but its own",
}


def judged(text: str, *, tabs: bool) -> str:
    """Return the letters that do not show: by Unicode's categories, not by the code under test."""
    allowed = "\n\t" if tabs else "\n"
    bad = [
        letter
        for letter in text
        if letter not in allowed
        and (unicodedata.category(letter) in _OBEYED or (letter.isspace() and letter != " "))
    ]
    return ascii("".join(dict.fromkeys(bad)))[1:-1]


class Stream(io.StringIO):
    """A stream that a person sits before, or a program."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal
        self.bytes = io.BytesIO()
        """Takes a file's bytes, which go to a program as they are."""

    @property
    def buffer(self) -> io.BytesIO:
        return self.bytes

    def isatty(self) -> bool:
        return self._terminal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command wrote."""

    out: str
    err: str


def ask(arguments: Sequence[str], *, terminal: bool) -> Answer:
    """Run a command line; its bytes must be UTF-8 at least."""
    out, err = Stream(terminal=terminal), Stream(terminal=terminal)
    with redirect_stdout(out), redirect_stderr(err):
        cli.run(arguments)
    return Answer(out.getvalue(), err.getvalue())


def faults_of(arguments: Sequence[str], *, terminal: bool) -> Iterator[str]:
    """Yield what of a command's answer a terminal would obey."""
    as_json = "--json" in arguments
    try:
        answer = ask(arguments, terminal=terminal)
    except Exception as exc:  # noqa: BLE001 - an untyped error is a finding
        yield f"{arguments}: untyped {exc!r}"
        return
    # A bar on the terminal draws nothing on this one.
    for name, text in (("out", answer.out), ("err", answer.err)):
        if bad := judged(text, tabs=name == "out" and not terminal and not as_json):
            yield f"{arguments[0]} {'--json' if as_json else ''} {name}: {bad}"
    if "[internal]" in answer.err:
        yield f"{arguments}: {answer.err}"


def line_of(case: Speaking) -> str:
    """Return its text without what would end a line or a field, or a name in a folder."""
    return case.text.replace("\n", " ").replace("\t", " ").replace("/", " ")[:50]


def written(case: Speaking, folder: Path) -> Path:
    """Write a store into a folder, and files that hold its text."""
    root = folder / "run"
    for key, data in case.objects.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    line = line_of(case)
    (folder / "vectors.txt").write_text(f"{line} 1 2\nking 1 2\n{line} 1\n", encoding="utf-8")
    (folder / "pairs.tsv").write_text(f"# {line}\n{line}\tking\t1.0\n", encoding="utf-8")
    return root


def command_lines(case: Speaking, folder: Path) -> Iterator[list[str]]:
    """Yield every command line on a store."""
    root = written(case, folder)
    values = {
        "{url}": str(root), "{file}": str(folder / "pairs.tsv"),
        "{vectors}": str(folder / "vectors.txt"), "{url}.tsv": f"{root}.tsv",
        "{url}.jsonl": f"{root}.jsonl", "{url}x": f"{root}x", "{url}y": f"{root}y",
        "{url}z": f"{root}z", "{url}c": f"{root}c", "{url}d": f"{root}d", "{url}e": f"{root}e",
        "{url}.vec": f"{root}.vec", "{url}.csv": f"{root}.csv", "{url}.html": f"{root}.html",
        "{text}.vec": str(folder / f"{line_of(case)}.vec"),
        "{text}": case.text, "no {text}": f"no {case.text}",
    }  # fmt: skip
    for command, lines in COMMANDS.items():
        for line in lines:
            yield [command, *(values.get(word, word) for word in line)]


@pytest.fixture(autouse=True)
def _dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")  # rich writes no colours of its own


def test_no_command_is_forgotten() -> None:
    """Each command of the program is tried on hostile stores, or it is said why not."""
    there = set(get_command(cli.app).commands)  # type: ignore[attr-defined]  # a group's
    assert there == COMMANDS.keys() | ELSEWHERE.keys()


@pytest.mark.parts(8)
def test_commands(tally: Tally, tmp_path: Path, *, full: Effort) -> None:
    """No command writes what a terminal obeys, on a terminal or through a pipe, as JSON or not."""
    chosen = full.some(cases(), 10)
    stride = 4 if full else 47  # of the command lines, others for each store
    runs, failures = 0, []
    for number, case in enumerate(chosen):
        lines = command_lines(case, tmp_path / str(number))
        every = [(line, terminal) for line in lines for terminal in (False, True)]
        for line, terminal in every[number % stride :: stride]:
            runs += 1
            found = faults_of(line, terminal=terminal)
            failures += [f"{case.name}: {fault}" for fault in found]
    tally("hostile texts, command lines", runs, failures=failures, of_which={"stores": len(chosen)})
    assert len(chosen) >= 40


def test_reprs_and_errors(tally: Tally, tmp_path: Path, *, full: Effort) -> None:
    """No repr of what the SDK returns, and no error, traceback included, shows it either."""
    chosen, failures = full.some(cases(), 13), []
    for number, case in enumerate(chosen):
        root = written(case, tmp_path / str(number))
        outcomes = exercise(root)
        texts = [text for found in outcomes.values() for text in said_of(found)]
        failures += [f"{case.name}: {bad}" for t in texts if (bad := judged(t, tabs=True))]
    tally("hostile texts, reprs and errors", len(chosen), failures=failures)
    assert len(chosen) >= 40


def said_of(found: Any) -> Iterator[str]:
    """Yield what Python prints of a result or an error."""
    if isinstance(found, embzarr.EmbzarrError):
        yield from (str(found), repr(found), "".join(traceback.format_exception(found)))
    elif isinstance(found, embzarr.Checkpoint | embzarr.VerifyReport | embzarr.Loaded):
        yield from (str(found), repr(found))


def test_values_stay(tally: Tally, tmp_path: Path) -> None:
    """What is escaped can be read back: JSON gives the same words and metadata, a column too."""
    failures: list[str] = []
    readable = 0
    for number, case in enumerate(one for one in cases() if one.metadata):
        root = written(case, tmp_path / str(number))
        document = json.loads(ask(["inspect", str(root), "--json"], terminal=False).out)
        if document["metadata"][case.text] != case.text:
            failures.append(f"{case.name}: metadata")
        lines = ask(["get", str(root), "--rows", ":1", "--json"], terminal=False).out.splitlines()
        if json.loads(lines[0])["word"] != case.text:
            failures.append(f"{case.name}: JSON")
        (row,) = ask(["get", str(root), "--rows", ":1"], terminal=False).out.splitlines()
        cell = row.split("\t")[0].replace('"', '\\"')
        if ast.literal_eval(f'"{cell}"') != case.text:
            failures.append(f"{case.name}: column")
        readable += TEXTS["Chinese"] in row
    tally("hostile texts that can be read back", 3 * len(TEXTS), failures=failures)
    assert readable == 1


def test_servers(tally: Tally, *, full: Effort) -> None:
    """What a server says in an error, and what a URL says, is shown as it is."""
    failures: list[str] = []
    runs = 0
    for text in full.some(TEXTS.values(), 5):
        body = f"<Error><Code>Oops</Code><Message>{text}</Message></Error>"
        for status, said in ((400, body), (403, text), (501, body)):
            with running_fake_s3(Answers(statuses=(status,), body=said)) as server:
                line = [
                    "ls", "s3://bucket/run", "--endpoint-url", server, "--debug",
                    *("--storage-option", "key=a", "--storage-option", "secret=b"),
                    *("--storage-option", 'retry_config:={"max_retries": 0}'),
                ]  # fmt: skip
                failures += faults_of(line, terminal=False)
                failures += faults_of(line, terminal=True)
            runs += 2
        for url in (f"s3://{text}/x", f"{text}://x", f"/tmp/{text}", f"memory://{text}", text):  # noqa: S108
            failures += faults_of(["ls", url.replace("\0", ""), "--debug"], terminal=False)
            runs += 1
    tally("hostile texts of servers and URLs", runs, failures=failures)


def test_training(tally: Tally, tmp_path: Path, *, full: Effort) -> None:
    """Going on from a hostile checkpoint says what is wrong with it, and no more."""
    pytest.importorskip("numba")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("king queen king queen\n" * 50, encoding="utf-8")
    chosen = full.some((case for case in cases() if case.metadata), 7)
    failures = []
    for number, case in enumerate(chosen):
        root = written(case, tmp_path / str(number))
        for more in (["--resume"], ["--init", str(root)]):
            url = str(root) if more == ["--resume"] else str(tmp_path / f"new{number}")
            line = ["train", str(corpus), url, "--min-count", "1", "--epochs", "1", *more]
            found = faults_of(line, terminal=False)
            failures += [f"{case.name}: {fault}" for fault in found]
    tally("hostile texts, training", 2 * len(chosen), failures=failures)


_STREAMS = re.compile(
    r"\bprint\(|std(?:out|err)\.(?:write|buffer)|(?:typer|click)\.s?echo|(?:from|import) rich"
)


def test_one_module_writes() -> None:
    """Nothing but the screen writes to a stream or knows rich: a new command cannot go past it."""
    tools = Path(cli.__file__).parent.parent
    programs = [
        path
        for name in ("embzarr_tools", "embzarr_trainer", "embzarr_eval", "embzarr_bench")
        for path in (tools / name).rglob("*.py")
        if path.name != "_screen.py" and "fixtures" not in path.parts
    ]
    found = [f"{path}: {line}" for path in programs for line in _writes(path)]
    assert len(programs) > 50
    assert not found


def _writes(path: Path) -> Iterator[str]:
    """Yield the lines of code, docstrings and type checkers' imports left out, that write."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    yield from (line for line in ast.unparse(tree).splitlines() if _STREAMS.search(line))
