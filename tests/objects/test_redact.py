"""No secret in any text that a store or its errors show."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import pytest
from obstore.exceptions import GenericError

from embzarr._redact import Redactor, redact_url, secrets_in_options, secrets_in_url
from embzarr._storage.open import open_store
from embzarr._storage.requests.failures import Place
from embzarr.errors import EmbzarrError, StoreError
from objects.fake_s3 import Answers, running_fake_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._storage.port import Store

CANARY = "CANARY/f00+bar=="
SPELLED = ("CANARY", "f00+bar", "f00%2Bbar")


def everything(error: BaseException) -> str:
    """All that a log, a debugger or a crash report could print of an error."""
    texts = ["".join(traceback.format_exception(error))]
    chain: list[BaseException] = [error]
    for link in chain:
        texts += [str(link), repr(link), repr(link.args), repr(getattr(link, "__notes__", ""))]
        chain += [other for other in (link.__cause__, link.__context__) if other is not None]
    return "\n".join(texts)


def is_clean(text: str) -> bool:
    return not any(spelling in text for spelling in SPELLED)


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("s3://bucket/a b/c", "s3://bucket/a b/c"),
            ("https://me:CANARY@host:8/x?sig=CANARY#CANARY", "https://host:8/x"),
            ("sftp://CANARY@host/x@y", "sftp://host/x@y"),
            ("sftp://host:22/x@y", "sftp://host:22/x@y"),
            ("s3://AKIA:CANARY/and/slashes@bucket/x", "s3://bucket/x"),
            ("zip://a::simplecache::https://me:CANARY@h/z.zip?t=CANARY",
             "zip://a::simplecache::https://h/z.zip"),
            ("abfss://container@acct.dfs.core.windows.net/x",
             "abfss://container@acct.dfs.core.windows.net/x"),
            ("abfss://container:CANARY@acct.dfs.core.windows.net/x",
             "abfss://acct.dfs.core.windows.net/x"),
            ("/a/b?c", "/a/b?c"),
        ],
    )  # fmt: skip
    def test_only_the_place_is_shown(self, url: str, shown: str) -> None:
        assert redact_url(url) == shown

    def test_what_is_taken_out_is_known(self) -> None:
        url = "zip://a::https://me:word@host/x?sig=one&x=two"
        assert set(secrets_in_url(url)) == {"me:word", "me", "word", "sig=one&x=two", "one", "two"}
        assert set(secrets_in_url("abfss://container@acct/x")) == set()


class TestTexts:
    def test_options_that_sound_secret_at_any_depth(self) -> None:
        options = {
            "secret": "one",
            "region": "eu",
            "s3": {"password": b"two", "client_kwargs": {"aws_session_token": "three"}},
            "client_options": {
                "default_headers": {"x": "four"},
                "proxy_url": "http://five:six@proxy",
            },
            "sas_token": [("sig", "seven")],
        }
        found = set(secrets_in_options(options))
        assert found >= {"one", "two", "three", "four", "five", "six", "seven"}
        assert "eu" not in found

    @pytest.mark.parametrize(
        "text",
        [
            f"said {CANARY}",
            "said CANARY%2Ff00%2Bbar%3D%3D",
            "GET https://me:CANARY@host/x",
            "GET https://host/x?X-Amz-Signature=CANARY&list-type=2",
            "AccountKey=CANARY;EndpointSuffix=x",
            "password=CANARY",
        ],
    )
    def test_secrets_are_masked_in_every_spelling(self, text: str) -> None:
        cleaned = Redactor([CANARY]).clean(text)
        assert is_clean(cleaned)
        assert "***" in cleaned

    def test_the_rest_is_left(self) -> None:
        text = "GET http://127.0.0.1:9000/bucket?list-type=2&prefix=run%2F: 503 in 2 ms"
        assert Redactor([CANARY, "", "ab"]).clean(text) == text

    def test_a_redactor_shows_nothing_of_itself(self) -> None:
        assert is_clean(repr(Place(url="s3://bucket", redactor=Redactor([CANARY]))))


class TestCauses:
    place = Place(url="s3://bucket", redactor=Redactor([CANARY]))

    def test_a_harmless_cause_is_kept(self) -> None:
        cause = GenericError("connection refused")
        assert self.place.translate(cause, "read", "a").__cause__ is cause

    def test_one_that_tells_is_dropped(self) -> None:
        assert self.place.translate(OSError(CANARY), "read", "a").__cause__ is None

    def test_one_that_tells_only_by_its_arguments_is_dropped(self) -> None:
        """A debugger shows them, whatever the library's own text says."""

        class TerseError(OSError):
            def __str__(self) -> str:
                return "login failed"

        assert self.place.translate(TerseError(CANARY), "read", "a").__cause__ is None

    @pytest.mark.parametrize("link", ["__cause__", "__context__"])
    def test_one_behind_it_drops_the_whole_chain(self, link: str) -> None:
        outer, middle = OSError("failed"), OSError("really")
        outer.__cause__ = middle
        setattr(middle, link, OSError(f"login with {CANARY}"))
        assert self.place.translate(outer, "read", "a").__cause__ is None

    def test_one_that_a_terminal_obeys_is_dropped(self) -> None:
        """A server's answer that a library quotes is not printed raw by a traceback."""
        error = self.place.translate(GenericError("it said \x1b[31m\x9b"), "read", "a")
        assert error.__cause__ is None
        assert str(error).isprintable()

    def test_the_original_is_no_context_either(self) -> None:
        def fail() -> None:
            raise OSError(CANARY)

        with pytest.raises(StoreError) as caught:
            self.place.ask("read", "a", fail)
        assert caught.value.__context__ is None


def raised(verb: Callable[[], object]) -> EmbzarrError:
    try:
        verb()
    except EmbzarrError as error:
        return error
    return EmbzarrError("none", "it worked")


def verbs(store: Store) -> tuple[Callable[[], object], ...]:
    return (
        lambda: store.get("a"),
        lambda: store.get_range("a", 0, 4),
        lambda: store.head("a"),
        lambda: list(store.list("")),
        lambda: store.put("a", b"1"),
        lambda: store.put("a", bytes(20 * 2**20)),
        lambda: store.create("a", b"1"),
        lambda: store.delete("a"),
    )


class TestErrorPaths:
    """A server that echoes the secrets that it was sent, and libraries that quote them."""

    @pytest.fixture(params=[400, 401, 403, 404, 412, 500, 503, None])
    def echoing(self, request: pytest.FixtureRequest) -> Iterator[Store]:
        body = f"<Error><Code>Oops</Code><Message>you sent {CANARY}</Message></Error>"
        with running_fake_s3(Answers(statuses=(request.param,), body=body)) as url:
            options: dict[str, Any] = {
                "endpoint_url": url,
                "key": "CANARY-KEY",
                "secret": CANARY,
                "token": "CANARY-TOKEN",
                "retry_config": {"max_retries": 0},
                "client_options": {"default_headers": {"x-more": "CANARY-HEADER"}},
                "headers_follow_redirects": True,
            }
            yield open_store("s3://bucket/run", storage_options=options)

    def test_s3(self, echoing: Store) -> None:
        assert is_clean(f"{echoing!r} {echoing.url}")
        for verb in verbs(echoing):
            assert is_clean(everything(raised(verb)))

    def test_azure(self) -> None:
        options: dict[str, Any] = {
            "account_name": "acct",
            "sas_token": f"sv=1&sig={CANARY}",
            "endpoint": "http://127.0.0.1:1",
            "allow_http": True,
            "retry_config": {"max_retries": 0},
        }
        store = open_store("az://container/run", storage_options=options)
        for verb in verbs(store):
            with pytest.raises(StoreError) as caught:
                verb()
            assert is_clean(everything(caught.value))

    def test_http(self) -> None:
        url = "http://me:CANARY@127.0.0.1:1/run"
        store = open_store(url, storage_options={"retry_config": {"max_retries": 0}})
        for verb in verbs(store):
            with pytest.raises(EmbzarrError) as caught:
                verb()
            assert is_clean(everything(caught.value))

    @pytest.mark.usefixtures("no_pauses")
    def test_fsspec(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fsspec.register_implementation("telling", Telling)
        monkeypatch.setattr(Telling, "fails", False)
        store = open_store(
            f"telling://me:{CANARY}@host/x?t=CANARY",
            storage_options={"password": CANARY},
            single_writer=True,
        )
        monkeypatch.setattr(Telling, "fails", True)
        assert is_clean(f"{store!r} {store.url}")
        for verb in verbs(store):
            with pytest.raises(StoreError) as caught:
                verb()
            assert is_clean(everything(caught.value))
        another = f"{CANARY}-2"  # for the same one fsspec gives the same filesystem again
        with pytest.raises(StoreError) as caught:
            open_store("telling://host/y", storage_options={"password": another})
        assert is_clean(everything(caught.value))


class Telling(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem whose every failure quotes the password."""

    protocol = "telling"
    fails = True

    def __init__(self, password: str, **options: object) -> None:
        super().__init__(password=password, **options)
        self.password = password
        self._tell()

    def _tell(self, *_: object, **__: object) -> Any:
        if self.fails:
            raise OSError("login failed") from ValueError(f"password {self.password}")

    cat_file = pipe_file = info = find = rm_file = makedirs = exists = _tell
