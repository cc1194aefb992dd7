"""From a URL, a path or another library's object to a store."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard
from urllib.parse import unquote

from obstore.store import (
    AzureStore,
    GCSStore,
    HTTPStore,
    LocalStore,
    MemoryStore,
    ObjectStoreMethods,
    S3Store,
)

from embzarr.errors import InvalidInputError
from embzarr.objects import _cloud
from embzarr.objects._failures import Place
from embzarr.objects._folder import folder_of, folder_of_url, place_of
from embzarr.objects._fsspec import FsspecStore
from embzarr.objects._local import LocalFolder
from embzarr.objects._obstore import ObstoreStore
from embzarr.objects._redact import Redactor, redact_url, secrets_in_options

if TYPE_CHECKING:
    from embzarr.objects._folder import Folder
    from embzarr.objects._port import Store

_Opener: TypeAlias = Callable[..., ObstoreStore]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# What pathlib makes of a URL: "s3://bucket" becomes "s3:/bucket", which would be a folder.
_COLLAPSED = re.compile(r"[a-z][a-z0-9]+:/(?!/)")
_NATIVE: Mapping[str, _Opener] = {
    "s3": _cloud.open_s3,
    "s3a": _cloud.open_s3,
    "gs": _cloud.open_gcs,
    "gcs": _cloud.open_gcs,
    "az": _cloud.open_azure,
    "azure": _cloud.open_azure,
    "abfs": _cloud.open_azure,
    "abfss": _cloud.open_azure,
    "http": _cloud.open_http,
    "https": _cloud.open_http,
    "memory": _cloud.open_memory,
}
_VERBS = ("get", "get_range", "head", "list", "put", "create", "delete")


def open_store(
    url: object, *, store_options: Mapping[str, object] | None = None, single_writer: bool = False
) -> Store:
    """Open a store; nothing is written, and at most credentials are asked for over the network.

    Args:
        url: ``s3://bucket/prefix``, ``gs://``, ``az://``, ``abfs://``, ``https://``, ``file:///``,
            a plain path, ``memory://name`` (one per process and name), or any URL that fsspec
            knows, chained ones too. Or an object: an obstore store, an fsspec filesystem or
            mapper (``DirFileSystem`` for a folder of one), or a `Store`, which is returned.
        store_options: Of the store in question, in fsspec's or obstore's spelling; see
            `embzarr.objects._credentials` for S3. Timeouts stand in ``client_options`` and
            ``retry_config``. By default a server that does not answer is given up after about 15 s,
            and one that answers too slowly after a minute where up to 2 MiB are moved, after five
            where it is more; ``timeout`` in ``client_options`` sets both. A web server's folder
            refuses headers that would follow a redirect to another host, unless
            ``headers_follow_redirects`` is true.
        single_writer: The caller vouches that nobody else writes here, so that a store without
            an atomic create may be written.

    Raises:
        InvalidInputError: the URL or an option cannot be used (``input-argument``).
        UnsupportedError: no library for this URL is installed (``url-unsupported``).
        AccessDeniedError: S3 credentials were not to be found (``access-denied``).
    """
    options = dict(store_options or {})
    if isinstance(url, (str, os.PathLike)):
        return _open_text(os.fspath(url), options, single_writer=single_writer)
    if options:
        raise InvalidInputError("input-argument", "store_options go with a URL, not with an object")
    if isinstance(url, ObjectStoreMethods):
        return _wrap_obstore(url, single_writer=single_writer)
    if folder := _fsspec_folder(url):
        place = place_of(folder.fs.unstrip_protocol(folder.path), _options_of(folder))
        return _open_folder(folder, place, single_writer=single_writer)
    if _is_store(url):
        return url
    raise InvalidInputError("input-argument", f"cannot open a {type(url).__name__} as a store")


def _open_text(url: str | bytes, options: dict[str, object], *, single_writer: bool) -> Store:
    if not isinstance(url, str) or not url or _COLLAPSED.match(url) or _has_no_name(url):
        shown = redact_url(url.replace(":/", "://", 1)) if isinstance(url, str) else "bytes"
        raise InvalidInputError("input-argument", f"{shown!r} is neither a URL nor a path")
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if ("::" in url and "://" in url) or scheme not in {"", "file", *_NATIVE}:
        folder = folder_of_url(url, options)
        return _open_folder(folder, place_of(url, options), single_writer=single_writer)
    if scheme in _NATIVE:
        return _NATIVE[scheme](url.rstrip("/"), options, single_writer=single_writer)
    if options:
        message = f"unknown store option {next(iter(options))!r} for a folder; known: none"
        raise InvalidInputError("input-argument", message)
    return _open_path(_path_of_url(url) if scheme else _expanded(url))


def _path_of_url(url: str) -> Path:
    path = url.partition("://")[2].removeprefix("localhost")
    if not path.startswith("/"):
        wanted = "file:///folder, or a plain path if it is relative"
        raise InvalidInputError("input-argument", f"{url!r} is not of the form {wanted}")
    return Path(unquote(path))


def _has_no_name(url: str) -> bool:
    """Tell whether there is a character that no file system and no server has in its names."""
    return "\0" in url or any("\ud800" <= character <= "\udc7f" for character in url)


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        raise InvalidInputError("input-argument", f"{path!r} is no path: {exc}") from exc


def _open_path(path: Path) -> LocalFolder:
    path = path.absolute()
    place = Place(url=path.as_uri(), redactor=Redactor())
    return place.ask("read", "", lambda: LocalFolder(path, place=place))


def _wrap_obstore(client: ObjectStoreMethods, *, single_writer: bool) -> Store:
    if isinstance(client, LocalStore):
        return _open_path(Path(client.prefix or "/"))
    url, options = _describe(client)
    place = Place(url=redact_url(url), redactor=Redactor(secrets_in_options(options)))
    web = isinstance(client, HTTPStore)
    return ObstoreStore(
        client, place=place, writable=not web, listable=not web, single_writer=single_writer
    )


def _describe(client: ObjectStoreMethods) -> tuple[str, Mapping[str, object]]:
    """Return the URL and the options of an obstore store."""
    if isinstance(client, HTTPStore):
        return client.url, {**(client.client_options or {}), "secret_url": client.url}
    if not isinstance(client, (S3Store, GCSStore, AzureStore)):
        return ("memory://" if isinstance(client, MemoryStore) else "obstore://"), {}
    scheme = {S3Store: "s3", GCSStore: "gs", AzureStore: "az"}[type(client)]
    config: Mapping[str, object] = {**client.config}
    bucket = config.get("bucket") or config.get("container_name") or ""
    options = {**config, "client_options": client.client_options or {}}
    return f"{scheme}://{bucket}/{client.prefix or ''}".rstrip("/"), options


def _fsspec_folder(given: object) -> Folder | None:
    # Whoever holds a filesystem has imported fsspec; everybody else is spared the import.
    fsspec = sys.modules.get("fsspec")
    if fsspec is None:
        return None
    if isinstance(given, fsspec.FSMap):
        return folder_of(given.fs, given.root)
    return folder_of(given) if isinstance(given, fsspec.AbstractFileSystem) else None


def _options_of(folder: Folder) -> dict[str, object]:
    return {str(number): fs.storage_options for number, fs in enumerate(folder.layers)}


def _open_folder(folder: Folder, place: Place, *, single_writer: bool) -> Store:
    if "file" in folder.own_protocols:
        # fsspec's local files under our own roof: atomic, and never left by a symbolic link.
        return _open_path(Path(folder.path or "/"))
    return FsspecStore(folder, place=place, single_writer=single_writer)


def _is_store(given: object) -> TypeGuard[Store]:
    return all(callable(getattr(type(given), verb, None)) for verb in _VERBS)
