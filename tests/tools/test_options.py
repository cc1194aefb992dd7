from __future__ import annotations

import inspect

import pytest

import embzarr_trainer
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
