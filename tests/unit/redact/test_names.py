"""What `names` promises: which names say that their value is secret, and which values are none."""

from __future__ import annotations

import pytest

from embzarr._redact.names import Doubt, doubt_of, is_plain, is_secret_option, looks_random

SURE = ["password", "db_passwd", "X-Amz-Signature", "secretAccessKey", "api key", "refreshToken"]
SURE += ["sas", "pwd", "Authorization", "connection-string", "cookie", "jwt"]
DOUBTFUL = ["key", "sort.key", "nextToken", "session", "dsn", "creds"]
HARMLESS = ["", "keyword", "tokens", "secretary", "token_type", "secret file", "api_key_id_name"]
HARMLESS += ["password:" + "x" * 100, "pass/word", "size", "mysas"]


@pytest.mark.parametrize(
    ("names", "doubt"),
    [(SURE, Doubt.SURE), (DOUBTFUL, Doubt.DOUBTFUL), (HARMLESS, Doubt.HARMLESS)],
)
def test_a_name_says_how_sure_it_is(names: list[str], doubt: Doubt) -> None:
    """In all spellings; what ends with a kind or a size is about a secret, and none."""
    assert {name: doubt_of(name) for name in names} == dict.fromkeys(names, doubt)


def test_a_name_is_at_most_a_hundred_letters() -> None:
    """A longer one is a text."""
    assert doubt_of("a " * 46 + "password") is Doubt.SURE
    assert doubt_of("a " * 46 + "apassword") is Doubt.HARMLESS


def test_an_options_name_is_secret_where_any_part_says_so() -> None:
    """It is no text: nobody writes a sorting key there; but what a header shows is shown."""
    secret = [*SURE, *DOUBTFUL, "tokens", "mykey", "headers", "pw", "sslkeydata"]
    shown = ["Accept-Encoding", "User-Agent", "host", "region", "token_url", "endpoint", "powder"]

    assert [name for name in secret if not is_secret_option(name)] == []
    assert [name for name in shown if is_secret_option(name)] == []


def test_some_values_are_no_secret_under_any_name() -> None:
    """Truth values, kinds of authentication, regions and masks; not what only begins so."""
    plain = ["", "  ", "True", "none", "Basic", "s3v4", "***", "eu-central-1", "us-gov-west-1a"]
    others = ["truer", "eu-central-x", "hunter2", "eu-1", "****x"]

    assert [value for value in plain if not is_plain(value)] == []
    assert [value for value in others if is_plain(value)] == []


def test_what_a_machine_drew_has_letters_and_digits() -> None:
    """From sixteen on, without white space; what is hexadecimal throughout is a digest."""
    assert looks_random("wJalrXUtnFEMI7MD")
    drawn = ["wJalrXUtnFEMI7M", "wJalrXUtnFEMI MDEN7", "wJalrXUtnFEMIxMD", "1234567890123456"]
    drawn += ["0123456789abcdef0123", "0.12345678901234"]
    assert [value for value in drawn if looks_random(value)] == []
