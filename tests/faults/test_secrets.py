"""No secret in anything that is said or stored, however it was spelled."""

from __future__ import annotations

import base64
import gc
import json
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._history import Target
from embzarr._parts.shares import ShareWriter, plan_shares
from embzarr._redact import Redactor, masked, secrets_in_options, secrets_in_url
from embzarr._storage.open import open_store
from embzarr._storage.requests.failures import Place
from embzarr.interop._models.saves import Saves
from embzarr_spark._places import places_of
from embzarr_view._opened import Opened
from faults.spelled import HARMLESS, KEY, OPTIONS, TEXTS, URLS
from faults.tally import Tally
from servers.tiny_s3 import running_tiny_s3

pytestmark = pytest.mark.faults

SEEN = ("CANARY", "CAN/", "CAN@", "CAN:", "CAN?", "CAN#", "CAN%", "ARY@", KEY[:12], KEY[-12:])


def shown(text: object) -> str:
    """The text, where some of a secret is in it; else nothing."""
    return str(text) if any(part in str(text) for part in SEEN) else ""


def everything(error: BaseException) -> str:
    """All that a log or a crash report prints of an error."""
    chain: list[BaseException] = [error]
    texts = ["".join(traceback.format_exception(error))]
    for link in chain:
        texts += [str(link), repr(link), repr(link.args)]
        chain += [other for other in (link.__cause__, link.__context__) if other is not None]
    return "\n".join(texts)


def said_of(url: str) -> Iterator[str]:
    """Yield what is said of a URL that is opened and asked for something."""
    try:
        store = open_store(url)
        yield repr(store)
    except embzarr.EmbzarrError as error:
        yield str(error)


def stored(metadata: dict[str, Any]) -> str:
    """Return all documents of a run that was told this, by each way to commit."""
    client = MemoryStore()
    vectors = np.ones((1, 2), np.float32)
    embzarr.save(client, ["a"], vectors, metadata=metadata, compression="none")
    run = embzarr.Run(client)
    run.save_delta([0], vectors, metadata=metadata)
    run.compact()
    keys = [found["path"] for page in client.list() for found in page]
    return "".join(bytes(client.get(k).bytes()).decode("utf-8", "replace") for k in keys)


def test_urls(tally: Tally) -> None:
    """A URL shows its place in errors and reprs, and no part of a password or parameter."""
    failures = [
        f"{url}: {text}"
        for url in URLS
        for text in (*said_of(url), str(embzarr.StoreError("x", f"cannot read {url}: gone")))
        if shown(text)
    ]
    tally("spellings of secrets in URLs", 2 * len(URLS), failures=failures)
    assert len(URLS) >= 40


def test_manifests(tally: Tally) -> None:
    """No commit keeps a secret that stood in its metadata, as a URL, in a text, or by its name."""
    texts = (*URLS, *(f"texts of {url} of today" for url in URLS), *TEXTS, KEY, f"with {KEY}")
    named: list[dict[str, Any]] = [
        {"o": {"password": "CANARY", "nested": [{"api_key": "CANARY"}]}},
        {"storage_options": {"key": "CANARY", "secret": "CANARY", "region": "eu-west-1"}},
    ]
    every = {f"m{number}": text for number, text in enumerate(texts)}
    failures = [line for line in stored(every).split('","') if shown(line)]
    failures += [str(one) for one in named if shown(stored(one))]
    tally("secrets in metadata", len(texts) + len(named), failures=failures)


def test_texts(tally: Tally) -> None:
    """What a server or library says is masked where it looks like a secret, known or not."""
    failures = [
        f"{text!r} -> {clean(text)!r}"
        for text in (*TEXTS, f"key {KEY} was refused")
        for clean in (masked, Redactor().clean, lambda t: str(embzarr.StoreError("x", t)))
        if shown(clean(text))
    ]
    tally("secrets in texts of others", 3 * len(TEXTS) + 3, failures=failures)


def test_options(tally: Tally) -> None:
    """What was given under a name that sounds secret is known, in every encoding of a text."""
    given = 'a "b"/c+d=<é>'
    ways: tuple[Callable[[str], str], ...] = (
        str, lambda t: quote(t, ""), quote, quote_plus, repr, json.dumps,
        lambda t: quote(t, "").lower(), lambda t: quote(quote(t, ""), ""),
        lambda t: json.dumps(t, ensure_ascii=False),
        lambda t: base64.b64encode(t.encode()).decode(),
        lambda t: base64.urlsafe_b64encode(t.encode()).decode(),
        lambda t: repr(t.encode()), lambda t: t.encode().hex(),
    )  # fmt: skip
    failures = [
        f"{options}: {way(given)}"
        for options in OPTIONS
        for way in ways
        if _is_seen(_with(options, given), way(given))
    ]
    tally("encodings of secrets in options", len(OPTIONS) * len(ways), failures=failures)


def _with(options: Any, secret: str) -> Any:
    """Return options with another secret in place of the canary."""
    if isinstance(options, dict):
        return {name: _with(value, secret) for name, value in options.items()}
    if isinstance(options, list | tuple):
        return [_with(value, secret) for value in options]
    if isinstance(options, bytes):
        return _with(options.decode(), secret).encode()
    if options.startswith("{"):
        return options.replace("CANARY", json.dumps(secret)[1:-1])
    if "://" in options:
        return options.replace("CANARY", quote(secret, ""))
    return secret


def _is_seen(options: dict[str, Any], written: str) -> bool:
    core = written.strip("'\"b=")
    return core in Redactor(secrets_in_options(options)).clean(f"server said: {written}!")


def test_parts_of_urls(tally: Tally) -> None:
    """A password or parameter of the URL given is known where a library tells it by itself."""
    # Where it is the whole password, and not a part of it.
    plain = [url for url in URLS if "CANARY" in url and not re.search(r"[:/](12|1|)[/?]CAN", url)]
    failures = [
        url
        for url in plain
        if "CANARY" in Redactor(secrets_in_url(url)).clean("login with CANARY failed")
    ]
    tally("secrets of URLs told by libraries", len(plain), failures=failures)


def test_harmless(tally: Tally) -> None:
    """Words, settings, places and digests stay, also where options hold short or plain values."""
    options = {
        "password": "1",
        "auth": "true",
        "secret": "",
        "token": "x",
        "header": "on",
        "key_region": "eu-central-1",
        "auth_type": "basic",
        "signature_version": "s3v4",
    }
    redactor = Redactor(secrets_in_options(options))
    failures = [f"{text!r} -> {masked(text)!r}" for text in HARMLESS if masked(text) != text]
    failures += [text for text in HARMLESS[:2] if redactor.clean(text) != text]
    metadata = {f"m{number}": text for number, text in enumerate(HARMLESS)}
    client = MemoryStore()
    found = embzarr.save(client, ["a"], np.ones((1, 2), np.float32), metadata=metadata).metadata
    failures += [f"stored {found[n]!r}" for n, text in metadata.items() if found[n] != text]
    tally("harmless texts", 2 * len(HARMLESS) + 2, failures=failures)


def live(holder: list[Any]) -> Iterator[str]:
    """Yield the reprs of all objects of ours that live, those that are held among them."""
    assert holder
    for one in gc.get_objects():
        if str(type(one).__module__).startswith("embzarr"):
            yield f"{type(one).__qualname__}: {one!r}"


def test_objects(tally: Tally) -> None:
    """No object of ours, whoever holds it, shows in its repr what it was given to get in with."""
    address, place = "s3://CANARY:CAN%2FARY@bucket/run", "az://container/run"
    secrets = {"account_key": "CANARYCANARY", "sas_token": "sv=1&sig=CANARY"}
    azure = [{"account_name": "one", name: secret} for name, secret in secrets.items()]
    with running_tiny_s3() as (server, _):
        told = {"endpoint_url": server, "key": "CANARY-CANARY", "secret": KEY}
        given: dict[str, Any] = {"storage_options": told}
        vectors = np.ones((1, 2), np.float32)
        run, target = (
            embzarr.Run("s3://bucket/run", **given),
            Target(url="s3://bucket/run", options=told, single_writer=False),
        )
        run.save(["a"], vectors, tensors={"t": vectors})
        held: list[Any] = [
            *(run, target, run.save_async(["a"], vectors, tensors={"t": vectors})),
            *(run.open(), run.open().tensors["t"], run.open().stream(), Saves(run, None)),
            embzarr.open("s3://bucket/run", pickle_secrets=True, **given),
            embzarr.create("s3://bucket/run", 2, **given),
            ShareWriter(target, plan_shares(target, dtype="float32", columns={})),
            *(places_of(address, None, told), Opened("s3://bucket/run", **given)),
            *(open_store(place, storage_options=options) for options in azure),
        ]
        found = [*live(held)]
        run.close()

    tally("objects of ours", len(found), failures=[text for text in found if shown(text)])


def test_frames() -> None:
    """A library's exception that is kept as the cause brings no variables that hold a secret."""
    place = Place(url="s3://bucket", redactor=Redactor(["CANARY-CANARY"]))

    def fail() -> None:
        password = "CANARY-CANARY"  # noqa: F841, S105 - what a crash report prints
        raise OSError("login failed")

    with pytest.raises(embzarr.StoreError) as caught:
        place.ask("read", "a", fail)
    link: BaseException | None = caught.value
    assert isinstance(caught.value.__cause__, OSError)
    while link is not None:
        frames = traceback.walk_tb(link.__traceback__)
        ours = [frame for frame, _ in frames if frame.f_code.co_name == "fail"]
        assert not ours
        link = link.__cause__
    assert not shown(everything(caught.value))
