"""Stores from objects of other libraries: obstore's stores, fsspec's filesystems and mappers."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeGuard

# By its module, which shows a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import store as obstore_stores

from embzarr._redact import Redactor, redact_url, secrets_in_options
from embzarr._storage import forks
from embzarr._storage.backends.folder import Folder, folder_of, place_of
from embzarr._storage.backends.fsspec import FsspecStore
from embzarr._storage.backends.local import local_folder
from embzarr._storage.backends.obstore import Clients, ObstoreStore
from embzarr._storage.libraries import library
from embzarr._storage.opening import Opening
from embzarr._storage.requests.failures import Place, shown_url
from embzarr._storage.wrappers.portable import portable
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types
    from obstore.store import ObjectStoreMethods

    from embzarr._storage.opening import Options
    from embzarr._storage.port import Store

_OBSTORE = "obstore.store"
_SCHEMES = {"S3Store": "s3", "GCSStore": "gs", "AzureStore": "az"}
_PORTABLE = frozenset({*_SCHEMES, "HTTPStore"})
_CLASS = "filesystem class"
"""Where this stands in options, they are those of a filesystem inside of another."""


# obstore ------------------------------------------------------------------------------------------
def is_obstore(given: object) -> TypeGuard[ObjectStoreMethods]:
    """Tell whether an object is a store of obstore, of this process's copy or of its parent's."""
    return bool(_obstore_class(given))


def from_obstore(client: ObjectStoreMethods, *, single_writer: bool, pickle_secrets: bool) -> Store:
    """Return the store that one of obstore's stands for."""
    kind = _obstore_class(client)
    if kind == "LocalStore":
        return local_folder(Path(getattr(client, "prefix", None) or "/"))
    library.OBSTORE.for_this_process()
    url, secrets = _described(client, kind)
    place = Place(url=shown_url(url), redactor=Redactor(secrets_in_options(secrets)))
    options = _arguments(client, kind)
    known = options is not None and type(client).__module__ == _OBSTORE
    opening = Opening(
        _open_like if known else _refuse_to_open, url, options or {}, single_writer, pickle_secrets
    )
    if isinstance(client, obstore_stores.ObjectStoreMethods):
        store: Store = _over(client, place, kind, single_writer=single_writer)
    else:
        store = opening()  # the parent's, which is not to be used here
    return portable(store, opening)


def _obstore_class(given: object) -> str:
    """Return the name of obstore's class that an object is of; empty for other objects."""
    classes = [one for one in type(given).__mro__ if one.__module__ == _OBSTORE]
    is_store = any(one.__name__ == "ObjectStoreMethods" for one in classes)
    return classes[0].__name__ if is_store else ""


def _described(client: object, kind: str) -> tuple[str, Options]:
    """Return the URL of an obstore store, and options that hold its secrets."""
    options: Mapping[str, object] = getattr(client, "client_options", None) or {}
    if kind == "HTTPStore":
        url = str(getattr(client, "url", ""))
        return url, {**options, "secret_url": url}
    if kind not in _SCHEMES:
        return ("memory://" if kind == "MemoryStore" else "obstore://"), {}
    config: Mapping[str, object] = {**getattr(client, "config", {})}
    bucket = config.get("bucket") or config.get("container_name") or ""
    url = f"{_SCHEMES[kind]}://{bucket}/{getattr(client, 'prefix', None) or ''}"
    return url.rstrip("/"), {**config, "client_options": options}


def _arguments(client: object, kind: str) -> dict[str, object] | None:
    """Return what makes the like of an obstore store, as obstore pickles it."""
    if kind not in _PORTABLE:
        return None
    args, keywords = client.__getnewargs_ex__()  # type: ignore[attr-defined]  # obstore's way to pickle
    return {"kind": kind, **dict(zip(("address",), args, strict=False)), **keywords}


def _open_like(url: str, options: Options, *, single_writer: bool) -> Store:
    library.OBSTORE.for_this_process()
    kind = str(options["kind"])
    place = Place(url=shown_url(url), redactor=Redactor(secrets_in_options(options)))
    given = {name: value for name, value in options.items() if name not in {"kind", "address"}}
    args = [options["address"]] if "address" in options else []
    make = getattr(obstore_stores, kind)
    client = place.ask("read", "", lambda: make(*args, **given))
    return _over(client, place, kind, single_writer=single_writer)


def _over(
    client: ObjectStoreMethods, place: Place, kind: str, *, single_writer: bool
) -> ObstoreStore:
    web = kind == "HTTPStore"
    return ObstoreStore(Clients.handed(client), place=place, web=web, single_writer=single_writer)


def _refuse_to_open(url: str, options: Options, *, single_writer: bool) -> NoReturn:
    del options, single_writer
    raise UnsupportedError(
        "url-unsupported",
        f"{url}: an object of the parent process, or of a class that it had imported; open it by "
        "its URL in this process",
    )


# fsspec -------------------------------------------------------------------------------------------
def folder_in(given: object) -> Folder | None:
    """Return the folder that a filesystem or a mapper of fsspec stands for."""
    # Whoever holds a filesystem has imported fsspec; everybody else is spared the import.
    fsspec = sys.modules.get("fsspec")
    if fsspec is None:
        return None
    if isinstance(given, fsspec.FSMap):
        return folder_of(given.fs, given.root)
    return folder_of(given) if isinstance(given, fsspec.AbstractFileSystem) else None


def from_folder(folder: Folder, *, single_writer: bool, pickle_secrets: bool) -> Store:
    """Return the store that a folder of a filesystem stands for."""
    url = folder.fs.unstrip_protocol(folder.path)
    options = {**_as_options(folder.fs), "path": folder.path}
    is_cloud = folder.is_cloud
    opening = Opening(
        _open_filesystem, redact_url(url), options, single_writer, pickle_secrets, is_cloud
    )
    if forks.is_forked():
        # It may be the parent's, and few filesystems tell.
        return portable(opening(), opening)
    store = over_folder(folder, place_of(url, options), single_writer=single_writer)
    return portable(store, opening)


def over_folder(folder: Folder, place: Place, *, single_writer: bool) -> Store:
    """Return the store of a folder that this process has opened."""
    if "file" in folder.own_protocols:
        # fsspec's local files under our own roof: atomic, and never left by a symbolic link.
        return local_folder(Path(folder.path or "/"))
    return FsspecStore(folder, place=place, single_writer=single_writer)


def _as_options(fs: AbstractFileSystem) -> dict[str, object]:
    """Return what makes the like of a filesystem, and of those inside of it."""
    names = [*inspect.signature(type(fs).__init__).parameters][1:]
    arguments = {**dict(zip(names, fs.storage_args, strict=False)), **fs.storage_options}
    filesystem = sys.modules["fsspec"].AbstractFileSystem
    made = {
        name: _as_options(value) if isinstance(value, filesystem) else value
        for name, value in arguments.items()
    }
    return {_CLASS: type(fs), "options": made}


def _open_filesystem(url: str, options: Options, *, single_writer: bool) -> Store:
    library.HDFS.for_this_process()
    place = place_of(url, options)
    fs = place.ask("read", "", lambda: _made(options))
    folder = Folder(fs=fs, path=str(options["path"]))
    return over_folder(folder, place, single_writer=single_writer)


def _made(options: Mapping[str, object]) -> AbstractFileSystem:
    kind, given = options[_CLASS], options["options"]
    assert callable(kind)  # noqa: S101 - as `_as_options` made them
    assert isinstance(given, Mapping)  # noqa: S101 - the same
    arguments = {
        name: _made(value) if isinstance(value, Mapping) and _CLASS in value else value
        for name, value in given.items()
    }
    return kind(**arguments, skip_instance_cache=True)
