"""What a system refuses or makes up: typed errors that say where and why, in bounded memory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from embzarr._storage.open import open_store
from embzarr._storage.port import MOST_WHOLE_BYTES, Store
from embzarr.errors import (
    AccessDeniedError,
    DamagedError,
    EmbzarrError,
    InvalidInputError,
    StoreError,
    UnsupportedError,
)

ASK: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get("c/a"),
    "get_range": lambda store: store.get_range("c/a", 0, 4),
    "head": lambda store: store.head("c/a"),
    "list": lambda store: list(store.list("")),
    "put": lambda store: store.put("c/a", b"1"),
    "create": lambda store: store.create("c/b", b"1"),
    "delete": lambda store: store.delete("c/a"),
}


@pytest.mark.parametrize(
    "path",
    ["a\0b", "file:///a\0b", "s3://bucket/a\0b", "memory://a\0", "zip://a\0b::x", "\ud800/x"],
)
def test_names_that_no_system_has_are_the_callers_error(path: str) -> None:
    """A NUL or half a character is refused before any library sees it."""
    with pytest.raises(InvalidInputError) as caught:
        open_store(path)
    assert caught.value.code == "input-argument"


def test_the_home_of_nobody_is_the_callers_error() -> None:
    """A tilde before a name that is no user's."""
    with pytest.raises(InvalidInputError):
        open_store("~no-such-user-at-all/run")


def test_keys_that_no_system_has_are_refused(tmp_path: Path) -> None:
    """In a folder and in any store alike."""
    for store in (open_store(tmp_path), open_store("memory://no-such-key")):
        for ask in (store.get, store.head, store.delete, lambda key, s=store: s.put(key, b"")):
            with pytest.raises(DamagedError):
                ask("c/a\0b")
    with pytest.raises(EmbzarrError):
        open_store(tmp_path).get("c/\ud800")


def test_a_path_that_is_too_long_or_leads_in_a_circle(tmp_path: Path) -> None:
    """Both as the root and as a key."""
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "c").symlink_to(tmp_path / "run" / "c")
    for root in (tmp_path / ("x" * 300), tmp_path / "one"):
        with pytest.raises(EmbzarrError, match=root.name[:20]):
            open_store(root).put("a", b"1")
    long = open_store(tmp_path / "run")
    for attempt in (long.get, lambda key: long.put(key, b"1"), long.delete):
        with pytest.raises(EmbzarrError):
            attempt("y" * 300)
        with pytest.raises(EmbzarrError):
            attempt("c/a")


def test_a_file_that_is_nothing_but_a_hole_is_not_taken_into_memory(tmp_path: Path) -> None:
    """Its size is a claim as well."""
    with (tmp_path / "hole").open("wb") as file:
        try:
            os.truncate(file.fileno(), 2**43)
        except OSError:
            pytest.skip("this file system has no such holes")
    store = open_store(tmp_path)
    with pytest.raises(DamagedError) as caught:
        store.get("hole")
    assert caught.value.code == "json-too-large"
    assert bytes(store.get_range("hole", 2**42, 4)) == bytes(4)


@pytest.mark.parametrize("size", [MOST_WHOLE_BYTES, MOST_WHOLE_BYTES + 1])
def test_a_whole_object_has_64_mib_at_most(tmp_path: Path, size: int) -> None:
    """One byte more is to be read by its ranges."""
    with (tmp_path / "large").open("wb") as file:
        os.truncate(file.fileno(), size)
    store = open_store(tmp_path)
    if size == MOST_WHOLE_BYTES:
        assert memoryview(store.get("large")).nbytes == size
    else:
        with pytest.raises(DamagedError):
            store.get("large")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and /dev are Linux's")
def test_files_that_the_system_makes_up(tmp_path: Path) -> None:
    """A root of devices: none is read, none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    pipe = open_store(tmp_path)
    for verb in ("get", "head"):
        with pytest.raises(EmbzarrError):
            getattr(pipe, verb)("pipe")
    devices = open_store("/dev")
    for name in ("zero", "full", "random", "null"):
        with pytest.raises(EmbzarrError):
            devices.get(name)


@pytest.mark.parametrize(
    "number", ["EMFILE", "ENFILE", "ENOMEM", "EDQUOT", "EIO", "EROFS", "EACCES"]
)
@pytest.mark.parametrize("verb", [*ASK])
def test_what_the_system_refuses_is_typed(
    number: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever call it is that fails, the error says where it was and, in its words, why."""
    store = open_store(tmp_path)
    store.put("c/a", b"1234")
    code = int(getattr(errno, number))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    for name in ("open", "scandir", "unlink", "link"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    kinds = {"EROFS": UnsupportedError, "EACCES": AccessDeniedError}
    if verb == "head":
        assert store.head("c/a").size == 4  # which opens nothing
        return
    kind = kinds.get(number, StoreError) if verb not in {"get", "get_range", "list"} else None
    with pytest.raises(kind or EmbzarrError, match=re_of(tmp_path, code)):
        ASK[verb](store)


def re_of(root: Path, code: int) -> str:
    return f"{root.as_uri()}.*{os.strerror(code)}"


PROGRAM = """
import os, resource, sys
from embzarr.errors import StoreError
from embzarr._storage import open_store

store = open_store(sys.argv[1], storage_options=eval(sys.argv[2]))
try:
    store.get("c/a")  # what is imported and made late is
except OSError:
    pass
most = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
taken = [os.open("/dev/null", os.O_RDONLY) for _ in range(most)]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
try:
    store.get("c/a")
except StoreError as exc:
    print(exc)
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted by way of /proc")
@pytest.mark.parametrize("kind", ["folder", "s3", "http"])
def test_a_process_without_descriptors_says_so(kind: str, tmp_path: Path) -> None:
    """Of a file and of a connection alike."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a").write_bytes(b"1")
    retries = {"retry_config": {"max_retries": 0}}
    keys = {"endpoint_url": "http://127.0.0.1:1", "key": "key", "secret": "secret"}
    opened: dict[str, tuple[str, dict[str, object]]] = {
        "folder": (str(tmp_path), {}),
        "s3": ("s3://bucket/run", {**keys, **retries}),
        "http": ("http://127.0.0.1:1/run", {**retries}),
    }
    url, options = opened[kind]

    said = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM, url, repr(options)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert "Too many open files" in said.stdout
    assert open_store(url, storage_options=options or None).url in said.stdout
