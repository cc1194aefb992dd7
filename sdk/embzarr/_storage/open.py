"""From a URL, a path or another library's object to a store."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import unquote

from embzarr._redact import user_of_url
from embzarr._storage import handed
from embzarr._storage.backends import cloud
from embzarr._storage.backends.folder import folder_of_url, place_of
from embzarr._storage.backends.local import local_folder
from embzarr._storage.backends.memory import memory_store
from embzarr._storage.opening import Opening
from embzarr._storage.requests.failures import shown_url
from embzarr._storage.wrappers.portable import portable
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from embzarr._storage.opening import Options
    from embzarr._storage.port import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# What pathlib makes of a URL: "s3://bucket" becomes "s3:/bucket", which would be a folder.
_COLLAPSED = re.compile(r"[a-z][a-z0-9]+:/(?!/)")
_NATIVE = cloud.OPENERS
_HERE = frozenset({"", "file", "memory"})
"""What takes no options."""
_WEB = frozenset({"http", "https"})
_VERBS = ("get", "get_range", "head", "list", "put", "create", "delete")


def open_store(
    url: object,
    *,
    storage_options: Mapping[str, object] | None = None,
    single_writer: bool = False,
    pickle_secrets: bool = False,
) -> Store:
    """Open a store; nothing is written, and at most credentials are asked for over the network.

    A forked child has clients of its own, and so has a process to which the store is sent by
    pickle; what lies in memory cannot be sent.

    Args:
        url: ``s3://bucket/prefix``, ``gs://``, ``az://``, ``abfs://``, ``https://``, ``file:///``,
            a plain path, ``memory://name`` (one per process and name), or any URL that fsspec
            knows, chained ones too. Or an object: an obstore store, an fsspec filesystem or
            mapper (``DirFileSystem`` for a folder of one), or a `Store`, which is returned.
        storage_options: Of the store in question, in fsspec's or obstore's spelling; see
            `embzarr._storage.access.credentials` for S3. Timeouts stand in ``client_options`` and
            ``retry_config``. By default a server that never answered is given up after about 15 s;
            one that did is waited for through an outage of a minute, or for ``retry_timeout`` in
            ``retry_config``. One that answers too slowly is given up after a minute where up to 2
            MiB are moved, after five where it is more; ``timeout`` in ``client_options`` sets both.
            A web server's folder refuses headers that would follow a redirect to another host,
            unless ``headers_follow_redirects`` is true.
        single_writer: The caller vouches that nobody else writes here, so that a store without
            an atomic create may be written.
        pickle_secrets: Let pickles of the store hold its keys, passwords and tokens. Else the
            process that unpickles one looks for S3's, Google's and Azure's in its environment and
            profiles when the store is first used; nothing else can be found there.

    Raises:
        InvalidInputError: the URL or an option cannot be used (``input-argument``).
        UnsupportedError: no library for this URL is installed (``url-unsupported``).
        AccessDeniedError: S3 credentials were not to be found (``access-denied``).
    """
    options = given_options("storage_options", storage_options)
    if isinstance(url, (str, os.PathLike)):
        return _open_text(
            os.fspath(url), options, single_writer=single_writer, pickle_secrets=pickle_secrets
        )
    if options:
        raise InvalidInputError(
            "input-argument", "storage_options go with a URL, not with an object"
        )
    if handed.is_obstore(url):
        return handed.from_obstore(url, single_writer=single_writer, pickle_secrets=pickle_secrets)
    if folder := handed.folder_in(url):
        return handed.from_folder(
            folder, single_writer=single_writer, pickle_secrets=pickle_secrets
        )
    if _is_store(url):
        return url
    found = "None" if url is None else type(url).__name__
    wanted = "a URL or a path, or a store of obstore's or a filesystem of fsspec's"
    raise InvalidInputError("input-argument", f"url: expected {wanted}, found {found}")


def given_options(name: str, value: object) -> dict[str, object]:
    """Return options that a caller gave, or none; no message shows a value, which may be secret.

    Raises:
        InvalidInputError: code ``input-argument``.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        found = type(value).__name__
        raise InvalidInputError(
            "input-argument", f"{name}: expected a mapping of names to values, found {found}"
        )
    return dict(value)


def _open_text(
    url: str | bytes, options: dict[str, object], *, single_writer: bool, pickle_secrets: bool
) -> Store:
    if not isinstance(url, str) or not url or _has_no_name(url):
        shown = shown_url(url) if isinstance(url, str) else "bytes"
        raise InvalidInputError("input-argument", f"{shown!r} is neither a URL nor a path")
    refuse_collapsed(url)
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if ("::" in url and "://" in url) or scheme not in {*_HERE, *_NATIVE}:
        return _open_by_fsspec(url, options, single_writer, pickle_secrets)
    if scheme in _NATIVE:
        return _open_by_obstore(url.rstrip("/"), options, single_writer, pickle_secrets)
    if options:
        message = (
            f"unknown storage option {next(iter(options))!r} for {shown_url(url)}; known: none"
        )
        raise InvalidInputError("input-argument", message)
    if scheme == "memory":
        return memory_store(url)
    folder = _path_of_url(url) if scheme else _expanded(url)
    if _is_file(folder):
        raise InvalidInputError(
            "input-argument", f"expected a folder or a URL, found file {folder}"
        )
    return local_folder(folder)


def refuse_collapsed(url: str) -> None:
    """Refuse a URL with one slash where two belong, which would be a folder of this machine.

    Raises:
        InvalidInputError: code ``input-argument``.
    """
    if _COLLAPSED.match(url):
        meant = shown_url(url.replace(":/", "://", 1))
        raise InvalidInputError(
            "input-argument", f"a URL has two slashes behind its colon: expected {meant}, found one"
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a path that no system can have is told of where it is used
        return False


def _path_of_url(url: str) -> Path:
    path = url.partition("://")[2].removeprefix("localhost")
    if not path.startswith("/") or user_of_url(url)[0]:
        wanted = "file:///folder, or a plain path if it is relative"
        raise InvalidInputError("input-argument", f"{shown_url(url)} is not of the form {wanted}")
    return Path(unquote(path))


def _has_no_name(url: str) -> bool:
    """Tell whether there is a character that no file system and no server has in its names."""
    return "\0" in url or any("\ud800" <= character <= "\udc7f" for character in url)


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        raise InvalidInputError("input-argument", f"{path!r} is no path: {exc}") from exc


def _open_by_obstore(
    url: str,
    options: Options,
    single_writer: bool,  # noqa: FBT001 - as they stand in an `Opening`
    pickle_secrets: bool,  # noqa: FBT001
) -> Store:
    scheme = _scheme_of(url)
    opened = _NATIVE[scheme](url, options, single_writer=single_writer)
    is_cloud = scheme not in _WEB
    opening = Opening(_native, url, opened.options, single_writer, pickle_secrets, is_cloud)
    return portable(opened.store, opening)


def _native(url: str, options: Options, *, single_writer: bool) -> Store:
    return _NATIVE[_scheme_of(url)](url, options, single_writer=single_writer).store


def _scheme_of(url: str) -> str:
    return url.partition(":")[0].lower()


def _open_by_fsspec(
    url: str,
    options: Options,
    single_writer: bool,  # noqa: FBT001 - as they stand in an `Opening`
    pickle_secrets: bool,  # noqa: FBT001
) -> Store:
    folder = folder_of_url(url, options)
    store = handed.over_folder(folder, place_of(url, options), single_writer=single_writer)
    opening = Opening(_chained, url, options, single_writer, pickle_secrets, folder.is_cloud)
    return portable(store, opening)


def _chained(url: str, options: Options, *, single_writer: bool) -> Store:
    folder = folder_of_url(url, options)
    return handed.over_folder(folder, place_of(url, options), single_writer=single_writer)


def _is_store(given: object) -> TypeGuard[Store]:
    return all(callable(getattr(type(given), verb, None)) for verb in _VERBS)
