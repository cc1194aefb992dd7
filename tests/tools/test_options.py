from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import embzarr
import embzarr_trainer
from embzarr_tools import _failures, cli
from embzarr_tools._commands.train import Settings
from embzarr_tools._failures import UsageError
from embzarr_tools._options import Place
from tools.asking import Ask

SECRET = "hunter2hunter2"  # noqa: S105 - what must never be printed


def test_storage_options_are_gathered() -> None:
    """Named options, texts, truth values and JSON become one dict for the SDK."""
    place = Place(
        url="s3://bucket/run",
        endpoint_url="http://localhost:9000",
        region="here",
        storage_option=["secret=a=b", "anon=true", 'retry_config:={"max_retries": 0}'],
    )
    assert place.storage_options == {
        "endpoint_url": "http://localhost:9000",
        "region": "here",
        "secret": "a=b",
        "anon": True,
        "retry_config": {"max_retries": 0},
    }


@pytest.mark.parametrize("text", [SECRET, f"={SECRET}", f":={SECRET}", f"secret:={SECRET}"])
def test_a_malformed_storage_option_is_not_repeated(text: str) -> None:
    """What may be a secret does not get into the message."""
    with pytest.raises(UsageError, match="--storage-option") as caught:
        _ = Place(url="x", storage_option=[text]).storage_options
    assert SECRET not in str(caught.value)


def test_a_place_does_not_show_its_options() -> None:
    """A repr in a log shows no secret."""
    assert SECRET not in repr(Place(url="x", storage_option=[f"secret={SECRET}"]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("s3://bucket/run", "--storage-option", f"nonsense={SECRET}"),
        (f"s3://user:{SECRET}@bucket/run",),
        (f"https://user:{SECRET}@127.0.0.1:1/run?token={SECRET}",),
        (f"nonsense://user:{SECRET}@host/run",),
    ],
)
def test_secrets_are_not_echoed(ask: Ask, arguments: tuple[str, ...]) -> None:
    """No error repeats a password, whether it came by option or by URL."""
    answer = ask("ls", *arguments)
    assert answer.code == 2
    assert answer.err
    assert SECRET not in answer.out + answer.err


def test_no_credentials_is_code_two(ask: Ask) -> None:
    """A store that cannot be entered is not a damaged one."""
    answer = ask("verify", "s3://bucket/run")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("[access-denied]\n")


def test_no_network_is_code_two(ask: Ask) -> None:
    """A server that is not there is not a damaged checkpoint."""
    once = 'retry_config:={"max_retries": 0}'
    answer = ask("verify", "http://127.0.0.1:9/run", "--storage-option", once)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("[store-failed]\n")


def test_train_has_the_trainers_options_and_defaults() -> None:
    """The command line adds no settings and changes no default."""
    trainer = inspect.signature(embzarr_trainer.train).parameters
    others = {"corpus", "url", "progress", "storage_options"}
    expected = {name: p.default for name, p in trainer.items() if name not in others}
    settings = inspect.signature(Settings).parameters
    assert {name: p.default for name, p in settings.items()} == expected


def test_where_no_server_listens_the_option_for_it_is_named(ask: Ask) -> None:
    """Who has a server of their own has most often forgotten to say so."""
    options = ("key=a", "secret=b", 'retry_config:={"max_retries": 0}')
    given = [part for option in options for part in ("--storage-option", option)]
    answer = ask("ls", "s3://bucket/run", "--endpoint-url", "http://127.0.0.1:1", *given)
    assert answer.code == 2
    assert "or --endpoint-url, names a server of your own" in answer.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("ls", "s3://bucket/run"),
            "found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say",
        ),
        (("ls", "s3://bucket/run?a=b"), "pass options by --storage-option ["),
        (("gc", "{run}", "--keep-last", 0), "embzarr: --keep-last: expected"),
        (("compact", "{run}", "--chunk-bytes", -1), "embzarr: --chunk-bytes: expected"),
        (("get", "{run}", "x", "--missing", "subwords"), ": --missing zeros or --missing skip"),
        (("export", "{run}", "{run}/x"), "so that --format must: "),
        (("export", "{run}", "x.npy", "--target-option", "a=b"), "embzarr: --target-option go"),
        (("import", "{file}", "{run}"), "or say --allow-new-dim if it is meant"),
        (("import", "{file}", "{run}", "--step", -1), "embzarr: --step: expected"),
        (("import", "{file}", "{run}", "--on-error", "x"), "embzarr: --on-error: expected"),
        (("train", "{file}", "{run}/t", "--vector-size", 0), "embzarr: --vector-size: expected"),
    ],
)
def test_errors_name_options_that_the_command_has(
    ask: Ask, run_folder: Path, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    """What the SDK calls an argument is called what who typed the command would type."""
    (tmp_path / "file").write_text("king 1 0 1\n")
    places = {"run": run_folder, "file": tmp_path / "file"}
    answer = ask(*(str(one).format_map(places) for one in arguments))

    assert answer.code == 2
    assert said in answer.err
    named = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", answer.err))
    assert named <= options_of(str(arguments[0]))


def options_of(command: str) -> set[str]:
    """Return the options of a command."""
    commands: Any = typer.main.get_command(cli.app)
    return {option for one in commands.commands[command].params for option in one.opts}


def test_usage_marks_an_argument_once() -> None:
    """What may be left out, or repeated, is marked by the parser, and by no name as well."""
    program: Any = typer.main.get_command(cli.app)
    named = {
        (name, part.metavar or part.name.upper())
        for name, command in program.commands.items()
        for part in command.params
        if part.param_type_name == "argument"
    }
    assert len(named) > 30
    assert {(name, text) for name, text in named if not text.isalpha()} == set()


PYTHON_ALONE = {"anon", "asynchronous", "binary", "copy", "no_bars", "pickle_secrets", "raw"}
"""Arguments that messages name which no command line comes to."""


def test_no_error_of_the_sdk_speaks_python() -> None:
    """Every ``name=`` in a text of the SDK becomes an option that some command has."""
    program: Any = typer.main.get_command(cli.app)
    known = set().union(*map(options_of, program.commands))
    texts = [text for path in _sources() for text in _texts(path) if " " in text]
    assert len(texts) > 250
    for text in texts:
        told = _failures._as_options(text)
        assert set(re.findall(r"(?<!\w)--[a-z]+(?:-[a-z]+)*", told)) <= known, text
        assert "_options" not in told, text
        assert set(re.findall(r"\b([a-z_]+)=(?=\W|True|False)", told)) <= PYTHON_ALONE, text
        assert not re.search(r"--[a-z-]+ \w+ or '", told), text


def _sources() -> list[Path]:
    """Return the modules whose errors a command line may show."""
    package = Path(embzarr.__file__).parent
    return [path for path in package.rglob("*.py") if "interop" not in path.parts]


def _texts(path: Path) -> Iterator[str]:
    """Yield the texts of exceptions that a module raises."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
            inner = [*ast.walk(node)]
            joined = [one for one in inner if isinstance(one, ast.JoinedStr)]
            parts = {id(part) for one in joined for part in one.values}
            yield from ("".join(map(_shown, one.values)) for one in joined)
            yield from (_shown(one) for one in inner if id(one) not in parts)


def _shown(part: ast.AST) -> str:
    """Return a constant text, and of a placeholder a letter."""
    if isinstance(part, ast.Constant):
        return part.value if isinstance(part.value, str) else ""
    return "x" if isinstance(part, ast.FormattedValue) else ""
