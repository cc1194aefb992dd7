"""What `known` promises: what is secret of options, in each spelling, and in causes."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from embzarr._redact.json import without_secrets
from embzarr._redact.known import Redactor, secrets_in_options, secrets_of_environment

HIDDEN = "hunter2 of/mine"


# Options ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"token": HIDDEN}, {HIDDEN}),
        ({"token": HIDDEN.encode()}, {HIDDEN}),
        ({"token": bytearray(HIDDEN, "utf-8")}, {HIDDEN}),
        ({"token": memoryview(HIDDEN.encode())}, {HIDDEN}),
        ({"token": b"\xff"}, {"\\xff"}),
        ({"token": [HIDDEN, {"b": "c"}]}, {HIDDEN, "c"}),
        ({"token": 7, "timeout": HIDDEN}, set()),
        ({"headers": {"Accept": "a/b", "X-Any": HIDDEN}}, {HIDDEN}),
        ({"headers": {"Authorization": HIDDEN, "Region": "here"}}, {HIDDEN}),
        ({"client": {"retries": [{"password": HIDDEN}]}}, {HIDDEN}),
        ({"token": "https://host/token"}, set()),
        ({"token": "see https://host/token"}, {"see https://host/token"}),
        ({"url": "https://host/token"}, set()),
        ({"config": json.dumps({"password": HIDDEN, "name": "me"})}, {HIDDEN}),
        ({"config": json.dumps([{"password": HIDDEN}]).encode()}, {HIDDEN}),
        ({"config": " \n" + json.dumps({"password": HIDDEN})}, {HIDDEN}),
        ({"config": json.dumps({"password": HIDDEN})[:-1]}, set()),
        ({"config": "[" * 100_000}, set()),
        ({"config": json.dumps({"inner": json.dumps({"password": HIDDEN})})}, {HIDDEN}),
        ({"private_key": "a\nlonger11\nshorter"}, {"a\nlonger11\nshorter", "longer11"}),
        ({"key": "me", "secret": HIDDEN}, {"me", HIDDEN, f"me:{HIDDEN}"}),
        ({"user": "me", "password": HIDDEN}, {HIDDEN, f"me:{HIDDEN}"}),
        ({"user": 1, "password": HIDDEN}, {HIDDEN}),
        ({"user": "me", "password": 1}, set()),
    ],
)
def test_options_tell_their_secrets(options: dict[str, Any], secrets: set[str]) -> None:
    """By their names, at any depth and in JSON; and nothing else."""
    assert set(secrets_in_options(options)) == secrets


def test_a_token_that_is_a_url_with_a_password_is_secret() -> None:
    """Where it only says a place it is none."""
    found = set(secrets_in_options({"token": "https://me:hunter22@host/x"}))

    assert {"https://me:hunter22@host/x", "me:hunter22", "hunter22"} <= found


def test_json_is_looked_into_as_deep_as_all_else() -> None:
    """JSON in JSON has an end."""

    def wrapped(times: int) -> str:
        text = json.dumps({"password": HIDDEN})
        for _ in range(times):
            text = json.dumps({"a": text})
        return text

    assert set(secrets_in_options({"config": wrapped(2)})) == {HIDDEN}
    assert set(secrets_in_options({"config": wrapped(9)})) == set()


def test_what_stores_find_in_the_environment_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of theirs, and of proxies; not of programs that are no store."""
    for name in ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "OTHER_TOKEN"):
        monkeypatch.setenv(name, f"of {name}")
    monkeypatch.setenv("https_proxy", "http://me:hunter22@proxy")
    monkeypatch.setenv("https_proxy_log", "http://me:hunter33@proxy")

    found = set(secrets_of_environment())

    assert {"of AWS_SECRET_ACCESS_KEY", "of HF_TOKEN", "hunter22"} <= found
    assert not {"of OTHER_TOKEN", "hunter33"} & found


# Spellings ----------------------------------------------------------------------------------------
ODD = "pä/ss+w rd&<\"'\\\n~%41x"


SPELLINGS: list[Callable[[str], str]] = [
    str,
    lambda text: text.replace("%41", "A"),
    quote,
    lambda text: quote(text, ""),
    lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, "")),
    lambda text: quote(quote(text, ""), ""),
    quote_plus,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode())[2:-1],
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    lambda text: text.encode().hex(),
]


@pytest.mark.parametrize("spell", SPELLINGS, ids=map(str, range(len(SPELLINGS))))
def test_a_secret_is_known_in_every_spelling(spell: Callable[[str], str]) -> None:
    """Whoever quotes it, nothing of it is left."""
    found = Redactor([ODD]).clean(f"found {spell(ODD)} there")

    assert found.replace("=", "") == "found *** there"


def test_the_longest_spelling_is_masked_first() -> None:
    """Of two secrets one of which begins the other nothing is left either."""
    redactor = Redactor(["hunter2222", "hunter2222and3"])

    assert redactor.clean("hunter2222and3 hunter2222") == "*** ***"


def test_short_secrets_are_words() -> None:
    """Letters and digits beside them are others' words; an underline is no letter."""
    redactor = Redactor(["wxyz"])

    assert redactor.clean("wxyz_wxyz-awxyz") == "***_***-awxyz"
    assert repr(redactor) == "Redactor()"


# Causes -------------------------------------------------------------------------------------------
class QuietError(Exception):
    """Says nothing of its arguments."""

    def __str__(self) -> str:
        return "failed"


def raised(exc: BaseException) -> BaseException:
    with pytest.raises(type(exc)) as caught:
        raise exc
    return caught.value


def behind(exc: BaseException, **chain: BaseException) -> BaseException:
    for name, other in chain.items():
        setattr(exc, name, other)
    return exc


def noted(exc: BaseException, note: str) -> BaseException:
    exc.add_note(note)
    return exc


CLEAN: list[Callable[[str], BaseException]] = [
    lambda _: ValueError("plain, with\ta tab\nand a line"),
    lambda _: QuietError("plain"),
    lambda _: OSError(2, "plain", "file"),
    lambda _: noted(ValueError("plain"), "plain too"),
    lambda _: ValueError(),
]
SHOWING: list[Callable[[str], BaseException]] = [
    ValueError,
    QuietError,
    lambda text: OSError(2, "plain", text),
    lambda text: noted(ValueError("plain"), text),
    lambda text: behind(ValueError("plain"), __cause__=ValueError(text)),
    lambda text: behind(ValueError("plain"), __context__=QuietError(text)),
    lambda text: ExceptionGroup("plain", [ValueError("plain"), KeyError(text)]),
    lambda text: behind(
        ValueError("a"), __cause__=behind(KeyError("b"), __context__=KeyError(text))
    ),
]


@pytest.mark.parametrize("make", CLEAN, ids=map(str, range(len(CLEAN))))
def test_a_cause_without_secrets_stays(make: Callable[[str], BaseException]) -> None:
    """Where there might be any, without its frames' variables, and its causes'."""
    inner, exc = raised(KeyError("inner")), raised(make(""))
    exc.__cause__ = inner

    assert Redactor().cause(exc) is exc
    assert exc.__traceback__ is not None
    assert Redactor([HIDDEN]).cause(exc) is exc
    assert all(one.__traceback__ is None for one in (exc, inner))


@pytest.mark.parametrize("make", SHOWING, ids=map(str, range(len(SHOWING))))
@pytest.mark.parametrize("text", [f"it is {HIDDEN}", "password=hunter2"])
def test_a_cause_that_shows_a_secret_is_left_out(
    make: Callable[[str], BaseException], text: str
) -> None:
    """Wherever a traceback would print it."""
    assert Redactor([HIDDEN]).cause(make(text)) is None


@pytest.mark.parametrize("text", ["\x1b[2J", "a\u202eb", "a\rb"])
def test_a_cause_that_moves_a_terminal_is_left_out(text: str) -> None:
    """In itself, in a note and in its own cause; what Python shows escaped may stay."""
    for exc in (ValueError(text), noted(ValueError("a"), text)):
        assert Redactor().cause(exc) is None
        assert Redactor().cause(behind(ValueError("plain"), __cause__=exc)) is None
    assert Redactor().cause(quiet := QuietError(text)) is quiet


def test_causes_in_a_circle_have_an_end() -> None:
    """Each is looked at once."""
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one

    assert Redactor().cause(one) is one
    other.args = (HIDDEN,)
    assert Redactor([HIDDEN]).cause(one) is None


# JSON that is stored ------------------------------------------------------------------------------
def test_names_that_become_one_are_numbered() -> None:
    """From two on, past numbers that others have."""
    given = {"http://h/x (2)": 0, "http://a:1234@h/x": 1, "http://b:5678@h/x": 2, "http://h/x": 3}

    assert without_secrets(given) == {
        "http://h/x (2)": 0,
        "http://h/x": 1,
        "http://h/x (3)": 2,
        "http://h/x (4)": 3,
    }


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"key": "abc", "n": 1}, {"key": "abc", "n": 1}),
        ({"key": "abc", "secret": "abc"}, {"key": "***", "secret": "***"}),
        ({"key": "abc", "secret": "true"}, {"key": "abc", "secret": "true"}),
        ({"key": "abc", "secret": 7}, {"key": "abc", "secret": 7}),
        ({"password": ["abc"], "a": ("b",)}, {"password": ["abc"], "a": ["b"]}),
        ({7: "password=abc"}, {7: "password=***"}),
    ],
)
def test_a_secret_beside_makes_doubtful_names_secret(given: Any, stored: Any) -> None:
    """Where it is one; else keys are those of sorting."""
    assert without_secrets(given) == stored
