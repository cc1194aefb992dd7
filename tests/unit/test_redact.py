from __future__ import annotations

import base64
import json
import time
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._redact import Redactor, masked, redact_url, secrets_in_options, without_secrets

SIGNED = (
    "https://b.s3.amazonaws.com/texts.gz?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F2"
    "&X-Amz-Security-Token=FwoG&X-Amz-Signature=5ec3e7"
)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (SIGNED, "https://b.s3.amazonaws.com/texts.gz"),
        (SIGNED + "&versionId=7", "https://b.s3.amazonaws.com/texts.gz?versionId=7"),
        ("s3://AKIA:5ec3e7@bucket/a", "s3://bucket/a"),
        ("https://user:pa/ss@host/a", "https://user:pa/ss@host/a"),
        ("https://token@host:8080/a?page=2", "https://host:8080/a?page=2"),
        ("https://h/a?sig=5ec3e7&sv=2024", "https://h/a?sv=2024"),
        ("https://h/a#access_token=5ec3e7", "https://h/a"),
        ("https://h/a?page=2&api_key=5ec3e7#top", "https://h/a?page=2"),
        ("read http://u:p@h/a, then http://h/b?token=x", "read http://h/a, then http://h/b"),
        ("abfss://container@account.dfs.core.windows.net/a",) * 2,
        ("mail to me@example.org?token=1",) * 2,
        ("no URL: a://",) * 2,
        ("https://h/my texts.gz?sig=5ec3e7", "https://h/my texts.gz"),
        ("https://h/a?sig=5ec3e7\nhttps://h/b?page=2", "https://h/a\nhttps://h/b?page=2"),
    ],
)
def test_a_url_keeps_what_it_names_and_loses_what_opens_it(given: str, stored: str) -> None:
    """User, password, signature and token go; place and other parameters stay."""
    if "pa/ss" not in given:  # a slash ends the user for everybody but the one who wrote it
        assert without_secrets(given) == stored


@pytest.mark.parametrize("value", [None, True, 7, 0.5, [], {}, "", "text", ["a", {"b": [1]}]])
def test_all_else_stays(value: Any) -> None:
    """Metadata without URLs are stored as they are."""
    assert without_secrets(value) == value


def test_no_commit_holds_a_credential_of_its_metadata() -> None:
    """Full steps, deltas and compactions store URLs bare, at any depth and as names."""
    client = MemoryStore()
    metadata = {"corpus": SIGNED, "mirrors": [{"http://u:5ec3e7@h/a": "http://h?key=5ec3e7"}]}
    saved = embzarr.save(
        client, ["a"], np.ones((1, 2), np.float32), metadata=metadata, compression="none"
    )
    run = embzarr.Run(client)
    run.save_delta([0], np.zeros((1, 2), np.float32), metadata=metadata)
    run.compact()

    objects = [bytes(client.get(o["path"]).bytes()) for page in client.list() for o in page]
    assert not [data for data in objects if b"5ec3e7" in data or b"FwoG" in data]
    bare = {"corpus": SIGNED.partition("?")[0], "mirrors": [{"http://h/a": "http://h"}]}
    assert saved.metadata == bare
    assert run.open().metadata == bare


def test_no_member_is_lost_where_two_names_become_one() -> None:
    """URLs that differ by their secrets alone stay two members."""
    given = {"http://a:1234@h/x": 1, "http://b:5678@h/x": 2, "http://h/x (2)": 3}
    assert sorted(without_secrets(given).values()) == [1, 2, 3]


@pytest.mark.parametrize("user", ["me:5ec", "me:5ec3", "me:5ec3e"])
@pytest.mark.parametrize("pad", ["", "="])
def test_basic_authentication_is_known_with_and_without_its_padding(user: str, pad: str) -> None:
    """Whoever wrote it may have left off the signs that fill its last four letters."""
    value = base64.b64encode(user.encode()).decode().rstrip("=" if not pad else "")
    assert masked(f"sent Basic {value} to it") == "sent Basic *** to it"


def test_words_that_follow_basic_are_no_secret() -> None:
    """It is user and password only where it decodes to something with a colon."""
    assert masked("sent Basic training to it") == "sent Basic training to it"


def test_a_key_of_several_lines_is_known_by_its_long_ones() -> None:
    """A server may quote one of them; a short one stands in many texts that are no secret."""
    key = "-----BEGIN\nMIIEvQIBADANBgkqhkiG\nAQAB\n-----END"
    found = set(secrets_in_options({"private_key": key}))

    assert {key, "MIIEvQIBADANBgkqhkiG"} <= found
    assert "AQAB" not in found


@pytest.mark.parametrize(
    "inner", [lambda value: {"of": value}, lambda value: [value]], ids=["mapping", "list"]
)
@pytest.mark.parametrize(("name", "secret"), [("token", "deep"), ("of", {"password": "deep"})])
def test_secrets_are_looked_for_some_levels_deep(name: str, secret: Any, inner: Any) -> None:
    """Below a name that says so, and on the way to one; a value that holds itself has an end."""
    for _ in range(7):
        secret = inner(secret)
    around: dict[str, Any] = {}
    around |= {name: [around, inner(around)]}

    assert set(secrets_in_options({name: secret})) == {"deep"}
    assert set(secrets_in_options(around)) == set()
    assert set(secrets_in_options({name: inner(inner(inner(secret)))})) == set()


def test_a_secret_is_known_as_json_writes_it() -> None:
    """With letters as they are, or as numbers; in quotes that are escaped."""
    redactor = Redactor(['geheimn"ß'])

    for text in (json.dumps('geheimn"ß'), json.dumps('geheimn"ß', ensure_ascii=False)):
        assert redactor.clean(f"found {text} there") == 'found "***" there'


def test_short_values_are_no_secrets() -> None:
    """From four letters on a value is masked, from eight on within a word as well."""
    redactor = Redactor(["abc", "wxyz", "qwertyu", "sevenups", "true"])

    assert redactor.clean("an abc, true") == "an abc, true"
    assert redactor.clean("at wxyz: awxyz qwertyu qwertyuu") == "at ***: awxyz *** qwertyuu"
    assert redactor.clean("asevenupsa") == "a***a"


@pytest.mark.parametrize(
    "part",
    [
        *(
            "a",
            "a.",
            "\\\\",
            '"',
            "http://",
            "http://u:p@h/a ",
            "a=",
            'a="',
            " x-",
            '"a":"',
            '\\"a\\":\\"',
            '"a":"\\',
            "<a>",
        ),
        *("%25", "::a", "Ab1", "eyJ.", "//", "authorization", "a:1/@", "a&"),
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_texts_of_any_kind_are_cleaned_in_time(part: str) -> None:
    """What a stranger repeats takes time in step with its length, and not with its square."""
    text = part * (60_000 // len(part))
    begin = time.process_time()
    for ask in (masked, redact_url, without_secrets, lambda t: masked(f"http://h/?{t}")):
        ask(text)
    assert time.process_time() - begin < 8
