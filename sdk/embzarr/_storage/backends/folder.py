"""What fsspec calls a filesystem and a path, opened and laid bare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr._redact import (
    Redactor,
    secrets_in_options,
    secrets_in_url,
    secrets_of_environment,
)
from embzarr._storage.backends.layers import layers_of
from embzarr._storage.libraries import library
from embzarr._storage.requests.failures import Place, shown_url
from embzarr.errors import EmbzarrError, InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types

_WEB = frozenset({"http", "https"})
_READ_ONLY = _WEB | {"data", "git", "github", "gist", "reference"}
_ARCHIVES = frozenset({"zip", "tar", "libarchive"})
_CACHES = frozenset({"simplecache", "filecache", "blockcache", "cached"})
# Of these, a folder is nothing to make; s3fs would even make a missing bucket.
_FLAT = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"})
_CLOUDS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl"})
_PACKAGES = {"hdfs": "embzarr[hdfs]", "viewfs": "embzarr[hdfs]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of an fsspec filesystem, wrappers that only add a path taken off."""

    fs: AbstractFileSystem
    """Usable from threads, not from an event loop."""
    path: str
    """As `fs` spells it, without a slash at the end."""

    @property
    def layers(self) -> tuple[AbstractFileSystem, ...]:
        """The filesystem and all that it stands on: a cache, then what is cached."""
        return tuple(layers_of(self.fs))

    @property
    def own_protocols(self) -> frozenset[str]:
        """The schemes of the filesystem itself."""
        return _protocols(self.fs)

    @property
    def protocols(self) -> frozenset[str]:
        """The schemes of all layers."""
        return frozenset[str]().union(*(_protocols(fs) for fs in self.layers))

    @property
    def is_cache(self) -> bool:
        """Whether reads leave local copies behind."""
        return bool(self.own_protocols & _CACHES)

    @property
    def is_flat(self) -> bool:
        """Whether there are no folders that would have to be made."""
        return bool(self.protocols & _FLAT)

    @property
    def is_cloud(self) -> bool:
        """Whether its library looks for credentials in the environment."""
        return bool(self.protocols & _CLOUDS)

    @property
    def is_listable(self) -> bool:
        """Whether a listing can be believed; web servers have only pages of links."""
        return not self.protocols & _WEB

    @property
    def is_writable(self) -> bool:
        """Whether to write at all: not into archives, and not behind a cache's back."""
        return (
            not self.own_protocols & _ARCHIVES
            and not self.is_cache
            and not self.protocols & _READ_ONLY
        )


def folder_of_url(url: str, options: Mapping[str, object]) -> Folder:
    """Open any URL that fsspec knows, chained ones too.

    Raises:
        UnsupportedError: the scheme is unknown or its package is missing (``url-unsupported``).
    """
    # Slow to import (0.1 s), and most stores need none.
    import fsspec  # noqa: PLC0415

    _refuse_unknown_schemes(url)
    library.HDFS.for_this_process()
    place = place_of(url, options)

    def connect() -> tuple[AbstractFileSystem, str]:
        try:
            return fsspec.url_to_fs(url, **_fresh(url, options))  # type: ignore[no-any-return]  # no types
        except ImportError as exc:
            error = _not_installed(url, exc)
        except TypeError as exc:
            reason = place.redactor.clean(str(exc))
            message = f"storage options for {place.url}: {reason}"
            error = InvalidInputError("input-argument", message)
        raise error

    return folder_of(*place.ask("read", "", connect))


def _fresh(url: str, options: Mapping[str, object]) -> Mapping[str, object]:
    """Keep fsspec from giving an archive's table of contents as it was when first opened."""
    scheme = url.partition(":")[0]
    given = options.get(scheme, {})
    if scheme not in _ARCHIVES or not isinstance(given, dict):
        return options
    return {**options, scheme: {"skip_instance_cache": True, **given}}


def folder_of(fs: AbstractFileSystem, path: str = "") -> Folder:
    """Take off what only adds a path or an event loop, so that what is left is what writes."""
    while True:
        if type(fs).protocol == "dir":
            fs, path = fs.fs, "/".join(part for part in (fs.path.rstrip("/"), path) if part)
        elif "sync_fs" in vars(fs):  # AsyncFileSystemWrapper
            fs = fs.sync_fs
        elif vars(fs).get("asynchronous"):
            blocking = {**fs.storage_options, "asynchronous": False}
            fs = type(fs)(*fs.storage_args, **blocking)
        else:
            return Folder(fs=fs, path=fs._strip_protocol(path).rstrip("/"))  # noqa: SLF001 - fsspec has no other name for it


def place_of(url: str, options: Mapping[str, object]) -> Place:
    """Return how messages name this store."""
    secrets = (*secrets_in_url(url), *secrets_in_options(options), *secrets_of_environment())
    return Place(url=shown_url(url), redactor=Redactor(secrets))


def _protocols(fs: AbstractFileSystem) -> frozenset[str]:
    own = type(fs).protocol
    return frozenset((own,) if isinstance(own, str) else own)


def _refuse_unknown_schemes(url: str) -> None:
    import fsspec  # noqa: PLC0415 - see folder_of_url

    for link in url.split("::"):
        scheme, separator, _ = link.partition("://")
        if not separator and scheme not in fsspec.available_protocols():
            continue  # a local path at the end of a chain
        try:
            fsspec.get_filesystem_class(scheme)
        except ImportError as exc:
            raise _not_installed(link, exc) from exc
        except ValueError as exc:
            message = f"{scheme}:// is no scheme that embzarr, obstore or fsspec knows"
            raise UnsupportedError("url-unsupported", message) from exc


def _not_installed(url: str, exc: ImportError) -> EmbzarrError:
    scheme = url.partition(":")[0]
    hint = f'; pip install "{_PACKAGES[scheme]}"' if scheme in _PACKAGES else ""
    message = f"{scheme}:// needs a package that is not installed: {exc}{hint}"
    return UnsupportedError("url-unsupported", message)
