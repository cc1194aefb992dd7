"""What `texts` and `urls` promise: what looks like a secret is masked, and the rest is left."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from embzarr._redact.texts import masked
from embzarr._redact.urls import masked_url, redact_url, secrets_in_url, user_of_url

DRAWN = "wJalrXUtnFEMI/K7MDENGbPxRfiCYEXAMPLEKEYa"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nabc"
WITH_USER = "https://me:pw@h/x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x-amz-security-token=abc", "x-amz-security-token=***"),
        ("cookie='a=b'", "cookie='***'"),
        ("xx-amz-token: abc", "xx-amz-token: abc"),
        ("bearer abcdefgh1", "bearer ***"),
        ("Bearer abcdefghijklmnopqrst", "Bearer ***"),
        ("Bearer abcdefghijklmnopqrs", "Bearer abcdefghijklmnopqrs"),
        (f"drawn {DRAWN} x", "drawn *** x"),
        (DRAWN, "***"),
        (f"drawn {DRAWN[:-1]} x", f"drawn {DRAWN[:-1]} x"),
        (f"{DRAWN}a", f"{DRAWN}a"),
        ("<Secret>abc</Secret>", "<Secret>***</Secret>"),
        ("<Size>abc</Size>", "<Size>abc</Size>"),
        ('{"n": 1, "password": "hunter2", "m": 1}', '{"n": 1, "password": "***", "m": 1}'),
        ("{'password': b'hunter2'}", "{'password': b'***'}"),
        ("password = hunter2 or", "password = *** or"),
        ('password="hunter 2" x', 'password="***" x'),
        ("password='hunter 2' x", "password='***' x"),
        ("password=true", "password=true"),
        ("key=wJalrXUtnFEMI7MD", "key=***"),
        ("Basic bWU6cHcx x", "Basic *** x"),
        ("Basic bWU6cHcx....", "Basic bWU6cHcx...."),  # which is no base64
        ("basic training", "basic training"),
        ("//me:pw@host/x", "//***@host/x"),
        ("see https://me:pw@host/x?sig=abc and x", "see https://***@host/x?sig=*** and x"),
        ("eyJhbGci.eyJzdWIi.sig x", "*** x"),
        ("AKIAABCDEFGHIJKLMNOP x", "*** x"),
        ("ghp_" + "a" * 20, "***"),
        ("ghp_" + "a" * 19, "ghp_" + "a" * 19),
        (f"{PEM}\n-----END RSA PRIVATE KEY----- x", "*** x"),
        (f"x {PEM}", "x ***"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    """By its name, by the header that it stands in, or by its own looks."""
    assert masked(text) == shown
    assert masked(text, wary=True) == shown


@pytest.mark.parametrize("times", range(4))
@pytest.mark.parametrize(
    "secret", ['hun"ter2', "hunter2\\", 'h"\\"2', 'hun\n\\ter"', "hun'ter2", ""]
)
def test_a_secret_with_quotes_is_masked_to_its_end(secret: str, times: int) -> None:
    """Of JSON, and of JSON as a text of JSON, however deep."""
    found: object = {"password": secret, "n": 1}
    shown: object = {"password": "***" if secret else "", "n": 1}
    for _ in range(times):
        found, shown = {"log": json.dumps(found)}, {"log": json.dumps(shown)}

    assert masked(json.dumps(found)) == json.dumps(shown)
    assert masked(f"password={json.dumps(secret)} x") == (
        'password="***" x' if secret else 'password="" x'
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key=abc", "key=***"),
        ('{"key": "abc"}', '{"key": "***"}'),
        ("<Key>abc</Key>", "<Key>***</Key>"),
    ],
)
def test_a_doubtful_name_is_enough_for_the_wary(text: str, shown: str) -> None:
    """Elsewhere keys are those of sorting and of vocabularies."""
    assert masked(text) == text
    assert masked(text, wary=True) == shown


@pytest.mark.parametrize("times", range(5))
def test_a_url_in_a_parameter_is_looked_into(times: int) -> None:
    """However often it was encoded, within reason."""
    inner, harmless = WITH_USER, "https://h/x"
    for _ in range(times):
        inner, harmless = quote(inner, ""), quote(harmless, "")

    assert masked_url(f"https://h/?q={inner}") == "https://h/?q=***"
    assert {"me", "pw", WITH_USER} <= set(secrets_in_url(f"https://h/?q={inner}"))
    assert masked_url(f"https://h/?q={harmless}#part") == f"https://h/?q={harmless}#***"
    assert masked_url("https://h/a#part?q=1") == "https://h/a#***"


@pytest.mark.parametrize("inner", [WITH_USER, "https://h/x"])
def test_what_was_encoded_too_often_is_not_shown(inner: str) -> None:
    """Nobody looked at it."""
    for _ in range(5):
        inner = quote(inner, "")

    assert masked_url(f"https://h/?q={inner}&q=a%2Bb+c%25") == "https://h/?q=***&q=a%2Bb+c%25"
    assert redact_url(f"https://p/{inner}") == "https://p/https***"


@pytest.mark.parametrize("times", range(5))
def test_a_url_in_a_path_is_looked_into(times: int) -> None:
    """As a proxy has it, several deep; deeper ones are not shown."""
    around = "https://p/" * times

    assert redact_url(f"{around}{WITH_USER}") == f"{around}https://h/x"
    assert masked_url(f"{around}{WITH_USER}") == f"{around}https://***@h/x"
    assert times == 4 or "pw" in set(secrets_in_url(f"{around}{WITH_USER}"))
    assert redact_url(f"https://p/{around}https://p/https://h/x").endswith(
        "https://h/x" if times < 3 else "/***"
    )


@pytest.mark.parametrize(("inner", "end"), [("https://h/x?sig=1", "***"), ("https://h/x", None)])
def test_an_encoded_url_in_a_path_shows_no_secret(inner: str, end: str | None) -> None:
    """Where it has a user or a query; else it is a place."""
    encoded = quote(inner, "")

    assert redact_url(f"https://p/{encoded}") == f"https://p/https{end or encoded[5:]}"


def test_a_url_is_taken_apart_from_its_user() -> None:
    """Nothing where it has none, or is no URL."""
    assert user_of_url(WITH_USER) == ("me:pw", "https://h/x")
    assert user_of_url("https://h/x") == ("", "https://h/x")
    assert user_of_url("a/b") == ("", "a/b")
