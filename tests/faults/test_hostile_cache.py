"""One cache for two stores: what a hostile one plants, the honest one never gives out."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from obstore.store import HTTPStore, MemoryStore

import embzarr
from embzarr._storage.open import open_store
from faults import planting
from faults.planting import PLANTED, TRUE, rows_of, serving
from faults.programs import carry_out
from faults.tally import Effort, Tally
from faulty import PassThrough

pytestmark = pytest.mark.faults

_ANY = {"region": "us-east-1", "key": "alice", "secret": "secret"}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """How to open a store."""

    url: Any
    options: dict[str, Any] = field(default_factory=dict)
    then: Callable[[], object] = lambda: None
    """What happens after it was read."""

    def rows(self, kept: embzarr.Cache) -> np.ndarray:
        found = rows_of(self.url, kept, **self.options)
        self.then()
        return found


Both: TypeAlias = tuple[Opened, Opened]
Pair: TypeAlias = Callable[[Path, Path, ExitStack], Both]
"""Makes a hostile store and an honest one, of two folders."""


def _memory(folder: Path, name: str) -> str:
    url = f"memory://{folder.parent.name}-{name}"
    _copy(folder, open_store(url))
    return url


def _copy(folder: Path, store: Any) -> Any:
    for path in folder.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(folder).as_posix(), path.read_bytes())
    return store


def _client(folder: Path) -> MemoryStore:
    client = MemoryStore()
    _copy(folder, open_store(client))
    return client


def _below(root: Path, handler: BaseHTTPRequestHandler, prefix: str = "") -> Path:
    return root / urlsplit(handler.path).path.removeprefix(prefix).lstrip("/")


def _server(stack: ExitStack, root: Path, prefix: str = "") -> str:
    return stack.enter_context(serving(lambda handler: _below(root, handler, prefix)))


def _by_header(stack: ExitStack, hostile: Path, honest: Path, name: str, mark: str) -> str:
    """Serve the hostile store to whoever says `mark`, and the honest one to all others."""

    def choose(handler: BaseHTTPRequestHandler) -> Path:
        return _below(hostile if mark in handler.headers.get(name, "") else honest, handler, "/b")

    return stack.enter_context(serving(choose))


def folders(hostile: Path, honest: Path, _: ExitStack) -> Both:
    return Opened(url=hostile), Opened(url=honest)


def memories(hostile: Path, honest: Path, _: ExitStack) -> Both:
    return Opened(url=_memory(hostile, "a")), Opened(url=_memory(honest, "b"))


def memory_and_folder(hostile: Path, honest: Path, _: ExitStack) -> Both:
    return Opened(url=_memory(hostile, "c")), Opened(url=honest)


def clients(hostile: Path, honest: Path, _: ExitStack) -> Both:
    return Opened(url=_client(hostile)), Opened(url=_client(honest))


def wrappers(hostile: Path, honest: Path, _: ExitStack) -> Both:
    """Stores of somebody else's class, with one name."""

    class Named(PassThrough):
        url = "s3://bucket/run"

    return Opened(url=Named(open_store(hostile))), Opened(url=Named(open_store(honest)))


def filesystems(hostile: Path, honest: Path, _: ExitStack) -> Both:
    """Two folders of one fsspec filesystem behind one that hides which."""

    class Remote(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
        protocol = "remote"

    filesystem = Remote()
    found = [DirFileSystem(str(path), filesystem) for path in (hostile, honest)]
    return Opened(url=found[0]), Opened(url=found[1])


def link(hostile: Path, honest: Path, _: ExitStack) -> Both:
    """A link that leads to the one, then to the other."""
    path = hostile.with_name("link")
    path.symlink_to(hostile)

    def turn() -> None:
        path.unlink()
        path.symlink_to(honest)

    return Opened(url=path, then=turn), Opened(url=path)


def exchange(hostile: Path, honest: Path, _: ExitStack) -> Both:
    """A folder that is exchanged for another one."""
    path = hostile.with_name("run")
    hostile.rename(path)

    def exchanged() -> None:
        path.rename(hostile)
        honest.rename(path)

    return Opened(url=path, then=exchanged), Opened(url=path)


def ports(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    found = [_server(stack, root) for root in (hostile, honest)]
    return Opened(url=found[0]), Opened(url=found[1])


def paths(hostile: Path, _: Path, stack: ExitStack) -> Both:
    address = _server(stack, hostile.parent)
    return Opened(url=f"{address}/hostile"), Opened(url=f"{address}/honest")


def names_of_hosts(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """One server that tells its sites apart by the name that it is asked by."""
    address = _by_header(stack, hostile, honest, "Host", "localhost")
    return Opened(url=address.replace("127.0.0.1", "localhost")), Opened(url=address)


def users(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """One server that gives each user a site of their own: eve is ZXZl in a header."""
    address = _by_header(stack, hostile, honest, "Authorization", "ZXZl")
    place = address.removeprefix("http://")
    return Opened(url=f"http://eve:pw@{place}"), Opened(url=f"http://bob:pw@{place}")


def no_user(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    address = _by_header(stack, hostile, honest, "Authorization", "ZXZl")
    place = address.removeprefix("http://")
    return Opened(url=f"http://eve:pw@{place}"), Opened(url=address)


def told_by_header(name: str) -> dict[str, Any]:
    """Return options that send a name with every request."""
    headers = {"default_headers": {"x-tenant": name}}
    return {"client_options": headers, "headers_follow_redirects": True}


def headers(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    address = _by_header(stack, hostile, honest, "X-Tenant", "eve")
    told = told_by_header("eve")
    return Opened(url=address, options=told), Opened(url=address)


def two_headers(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    address = _by_header(stack, hostile, honest, "X-Tenant", "eve")
    eve, bob = told_by_header("eve"), told_by_header("bob")
    return Opened(url=address, options=eve), Opened(url=address, options=bob)


def agents(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    address = _by_header(stack, hostile, honest, "User-Agent", "eve")
    return Opened(url=address, options={"client_options": {"user_agent": "eve"}}), Opened(
        url=address
    )


def proxy(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """The honest server itself, by way of somebody who answers in its place."""
    address, between = _server(stack, honest), _server(stack, hostile)
    told = {"client_options": {"proxy_url": between}}
    return Opened(url=address, options=told), Opened(url=address)


def redirected(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """A server that leads to the hostile one, and whose path is the honest one's."""
    target = _server(stack, hostile)

    def lead(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{target}{handler.path}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return Opened(url=stack.enter_context(serving(lead))), Opened(url=_server(stack, honest))


def web_clients(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """Clients that were handed in, alike but for a header."""
    address = _by_header(stack, hostile, honest, "X-Tenant", "eve")
    found = [
        HTTPStore.from_url(
            address, client_options={"allow_http": True, "default_headers": {"x-tenant": name}}
        )
        for name in ("eve", "bob")
    ]
    return Opened(url=found[0]), Opened(url=found[1])


def _s3(address: str, bucket: str = "b", **more: Any) -> Opened:
    return Opened(url=f"s3://{bucket}", options={**_ANY, "endpoint_url": address, **more})


def endpoints(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    return _s3(_server(stack, hostile, "/b")), _s3(_server(stack, honest, "/b"))


def buckets(hostile: Path, _: Path, stack: ExitStack) -> Both:
    address = _server(stack, hostile.parent)
    return _s3(address, "hostile"), _s3(address, "honest")


def prefixes(hostile: Path, _: Path, stack: ExitStack) -> Both:
    address = _server(stack, hostile.parent, "/b")
    return _s3(address, "b/hostile"), _s3(address, "b/honest")


def tenants(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """A server on which each tenant has a bucket of this name."""
    address = _by_header(stack, hostile, honest, "Authorization", "Credential=eve/")
    return _s3(address, key="eve"), _s3(address)


def anonymous(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    address = _by_header(stack, honest, hostile, "Authorization", "Credential=")
    nobody = {"region": "us-east-1", "anon": True, "endpoint_url": address}
    return Opened(url="s3://b", options=nobody), _s3(address)


def s3_and_web(hostile: Path, honest: Path, stack: ExitStack) -> Both:
    """One address, by two protocols."""
    address = _by_header(stack, hostile, honest, "Authorization", "Credential=")
    return _s3(address), Opened(url=f"{address}/b")


PAIRS: tuple[Pair, ...] = (
    folders, memories, memory_and_folder, clients, wrappers, filesystems, link, exchange, ports,
    paths, names_of_hosts, users, no_user, headers, two_headers, agents, proxy, redirected,
    web_clients, endpoints, buckets, prefixes, tenants, anonymous, s3_and_web,
)  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both stores in it."""
    folder = tmp_path_factory.mktemp("planted")
    planting.pair(folder)
    return folder


@pytest.fixture
def stores(planted: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Both stores, to be moved about."""
    found = [shutil.copytree(planted / name, tmp_path / name) for name in ("hostile", "honest")]
    return Path(found[0]), Path(found[1])


def test_the_planted_store_is_told_by_its_sha256_alone(planted: Path) -> None:
    """Else these tests would be about nothing: reads of it pass, and verifying does not."""
    hostile, honest = planted / "hostile", planted / "honest"
    manifests = [(root / f"commits/{1:020}.json").read_bytes() for root in (hostile, honest)]
    assert manifests[0] == manifests[1]
    np.testing.assert_array_equal(rows_of(hostile, embzarr.Cache()), PLANTED)
    assert {problem.code for problem in embzarr.open(hostile).verify().problems} == {
        "object-digest"
    }
    assert embzarr.open(honest).verify().ok


CACHES: Mapping[str, Callable[[Path], tuple[embzarr.Cache, embzarr.Cache]]] = {
    "memory": lambda _: (embzarr.Cache(),) * 2,
    "folder": lambda path: (embzarr.Cache(0, folder=path), embzarr.Cache(0, folder=path)),
    "both": lambda path: (embzarr.Cache(folder=path),) * 2,
}
"""What the hostile store is read with, and the honest one."""


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_what_a_hostile_store_plants_stays_its_own(
    stores: tuple[Path, Path], tmp_path: Path, pair: Pair, tally: Tally, full: Effort
) -> None:
    """Whatever two stores have in common, one cache never mixes them up."""
    failures = []
    names = list(CACHES) if full else [list(CACHES)[PAIRS.index(pair) % len(CACHES)]]
    for name in names:
        make = CACHES[name]
        roots = [shutil.copytree(root, tmp_path / name / root.name) for root in stores]
        with ExitStack() as stack:
            hostile, honest = pair(Path(roots[0]), Path(roots[1]), stack)
            first, second = make(tmp_path / name / "cache")
            np.testing.assert_array_equal(hostile.rows(first), PLANTED)
            found = [honest.rows(second) for _ in range(2)]  # the second time from the cache
            failures += [name for rows in found if not np.array_equal(rows, TRUE)]
    tally("hostile stores beside honest ones in one cache", len(names), failures=failures)


def test_nor_from_other_processes(stores: tuple[Path, Path], tmp_path: Path, tally: Tally) -> None:
    """What other processes read of hostile stores, through one folder, is not given out here."""
    failures = []
    with ExitStack() as stack:
        made = (folders, ports, paths, endpoints, buckets, prefixes)
        pairs = {make.__name__: make(*stores, stack) for make in made}
        task = {
            "folder": str(tmp_path / "cache"),
            "stores": [[str(hostile.url), hostile.options] for hostile, _ in pairs.values()],
        }
        assert carry_out("reading_cached.py", task) == [True] * len(pairs)
        kept = embzarr.Cache(folder=tmp_path / "cache")
        for name, (_, honest) in pairs.items():
            if not np.array_equal(honest.rows(kept), TRUE):
                failures.append(name)
    tally("hostile stores read by other processes", len(pairs), failures=failures)


def test_nor_from_other_threads(stores: tuple[Path, Path], tmp_path: Path, tally: Tally) -> None:
    """Eight threads read both stores through one cache, at the same time."""
    kept = embzarr.Cache(2**18, folder=tmp_path / "cache")
    failures: list[object] = []

    def work(number: int) -> None:
        expected = PLANTED if number % 2 else TRUE
        found = (rows_of(stores[1 - number % 2], kept) for _ in range(10))
        failures.extend(number for rows in found if not np.array_equal(rows, expected))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally("threads that read both through one cache", len(threads), failures=failures)


# What lies in the folder --------------------------------------------------------------------------
def _own(cache: Path) -> Path:
    return cache / f"embzarr-chunks-{os.geteuid()}"


def _chunks(cache: Path) -> list[Path]:
    return sorted(_own(cache).iterdir())


def _each(change: Callable[[Path, Path], object]) -> Callable[[Path, Path, Path], None]:
    """Change every file that the honest store left."""

    def harm(cache: Path, _: Path, strange: Path) -> None:
        for path in _chunks(cache):
            change(path, strange)

    return harm


def _replaced(path: Path, make: Callable[[], object]) -> None:
    path.unlink()
    make()


def _swapped(cache: Path, planted_cache: Path, _: Path) -> None:
    """Put the hostile store's files in the place of the honest one's, size by size."""
    ours, theirs = _chunks(cache), _chunks(planted_cache)
    for path in ours:
        size = path.stat().st_size
        other = next(other for other in theirs if other.stat().st_size == size)
        shutil.copyfile(other, path)


def _among_themselves(cache: Path, _: Path, __: Path) -> None:
    data = [path.read_bytes() for path in _chunks(cache)]
    for path, other in zip(_chunks(cache), [*data[1:], data[0]], strict=True):
        path.write_bytes(other)


def _linked(cache: Path, _: Path, strange: Path) -> None:
    shutil.rmtree(_own(cache))
    _own(cache).symlink_to(strange)


def _a_file(cache: Path, _: Path, __: Path) -> None:
    shutil.rmtree(_own(cache))
    _own(cache).write_bytes(b"")


def _open_to_all(cache: Path, planted_cache: Path, strange: Path) -> None:
    _swapped(cache, planted_cache, strange)
    _own(cache).chmod(0o777)


def _beside(cache: Path, _: Path, strange: Path) -> None:
    """Lay strangers' things beside the files, old and large, so that a sweep would like them."""
    own = _own(cache)
    (own / "ab").mkdir()
    (own / "ab" / f"{'0' * 64}.chunk").write_bytes(bytes(10**6))
    (own / "notes.chunk").write_bytes(bytes(10**6))
    (own / f"{'1' * 64}.chunk").symlink_to(strange / "notes")
    (own / f"{'2' * 64}.chunk").mkdir()
    os.mkfifo(own / f"{'3' * 32}.tmp")
    for path in own.iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)


HARMS: Mapping[str, Callable[[Path, Path, Path], None]] = {
    "empty": _each(lambda path, _: path.write_bytes(b"")),
    "cut": _each(lambda path, _: os.truncate(path, path.stat().st_size - 1)),
    "longer": _each(lambda path, _: os.truncate(path, path.stat().st_size + 1)),
    "huge": _each(lambda path, _: os.truncate(path, 2**40)),
    "zeros": _each(lambda path, _: path.write_bytes(bytes(path.stat().st_size))),
    "swapped with the planted": _swapped,
    "swapped": _among_themselves,
    "links": _each(lambda path, to: _replaced(path, lambda: path.symlink_to(to / "notes"))),
    "loops": _each(lambda path, _: _replaced(path, lambda: path.symlink_to(path.name))),
    "pipes": _each(lambda path, _: _replaced(path, lambda: os.mkfifo(path))),
    "folders": _each(lambda path, _: _replaced(path, path.mkdir)),
    "of others": _each(lambda path, _: path.chmod(0o666)),
    "not readable": _each(lambda path, _: path.chmod(0)),
    "a link to a folder": _linked,
    "a file for a folder": _a_file,
    "a folder open to all": _open_to_all,
    "strangers' things": _beside,
}


def _state(folder: Path) -> dict[str, object]:
    """Return all that lies in a folder, without opening pipes or following links."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        is_read = stat.S_ISREG(state.st_mode) and state.st_size < 2**30
        found[str(path.relative_to(folder))] = path.read_bytes() if is_read else state.st_mode
    return found


def _is_ours(name: str) -> bool:
    return Path(name).suffix == ".chunk" and len(Path(name).stem) == 64 and "/" not in name


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_lies_in_the_folder(
    planted: Path, tmp_path: Path, harm: str, tally: Tally
) -> None:
    """Answers are true, nothing is waited for, and no file, link or folder of others is touched."""
    cache, other, strange = tmp_path / "cache", tmp_path / "other", tmp_path / "strange"
    strange.mkdir()
    (strange / "notes").write_bytes(bytes(10**6))
    rows_of(planted / "honest", embzarr.Cache(0, folder=cache))
    rows_of(planted / "hostile", embzarr.Cache(0, folder=other))
    HARMS[harm](cache, other, strange)
    strangers, before = _state(strange), _strange(cache)
    caches = (embzarr.Cache(0, folder=cache, folder_bytes=2**18), embzarr.Cache(folder=cache))

    found = [rows_of(planted / "honest", kept) for kept in caches]

    failures = ["not the truth" for rows in found if not np.array_equal(rows, TRUE)]
    if _state(strange) != strangers or _strange(cache) != before:
        failures.append("a stranger's file was touched")
    tally("things that lie in a cache's folder", 1, failures=failures)


def _strange(cache: Path) -> dict[str, object]:
    """Return what in our folder is no regular file of ours."""
    own = _own(cache)
    if own.is_symlink() or not own.is_dir():
        return {}
    found = _state(own).items()
    return {
        name: content
        for name, content in found
        if not (_is_ours(name) and stat.S_ISREG((own / name).lstat().st_mode))
    }


def test_what_is_not_sound_is_exchanged_for_what_is(planted: Path, tmp_path: Path) -> None:
    """A file of ours that was cut is removed, and there again after the next read."""
    rows_of(planted / "honest", embzarr.Cache(0, folder=tmp_path))
    sound = _state(tmp_path)
    for path in _chunks(tmp_path):
        os.truncate(path, 40)
    rows_of(planted / "honest", embzarr.Cache(0, folder=tmp_path))
    assert _state(tmp_path) == sound


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """End a test that waits on a pipe, instead of all."""
    timer = threading.Timer(120, os.abort)
    timer.daemon = True
    timer.start()
    with contextlib.closing(_Cancelled(timer)):
        yield


@dataclass(frozen=True)
class _Cancelled:
    timer: threading.Timer

    def close(self) -> None:
        self.timer.cancel()
